using Lia.Gpu;
using Lia.Kernels.Pixels;

namespace Lia.Network.Cuda;

/// <content>From bytes to codes and from latents to bytes, on the device.</content>
public sealed partial class CudaExecutor : IPixelExecutor
{
    /// <inheritdoc/>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device or the host has too little memory left.</exception>
    public IMotionPipe OpenMotion(int batch)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return new CudaMotionPipe(this, _accelerator, batch);
    }

    /// <inheritdoc/>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device or the host has too little memory left.</exception>
    public IPicturePipe OpenPictures(int batch)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return new CudaPicturePipe(this, _accelerator, batch);
    }

    /// <summary>Puts the encoding of driving frames into the stream.</summary>
    /// <param name="pixels">RGB [count, S, S, 3].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="codes">Receives alpha [count, motion].</param>
    internal void EnqueueMotion(ArrayView<byte> pixels, int count, ArrayView<float> codes)
    {
        int motion = Architecture.Motion;
        for (int first = 0, part; first < count; first += part)
        {
            CudaPlan encoder = Fit(CudaPlanKind.Encoder, count - first, out part);
            CudaPlan input = Plan(CudaPlanKind.PixelsIn, part);
            _stream.Copy(pixels.SubView(first * PictureLength, part * PictureLength), _buffers!.Pixels.View);
            input.Enqueue(_stream);
            encoder.Enqueue(_stream);
            _stream.Copy(_buffers.Codes.View.SubView(0, part * motion), codes.SubView(first * motion));
        }
    }

    /// <summary>Puts the decoding of latents into the stream.</summary>
    /// <param name="source">From <see cref="EncodeSource"/>.</param>
    /// <param name="latents">[count, style].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="pixels">Receives RGB [count, S, S, 3].</param>
    /// <param name="faults">Receives 1 for every frame with a value that is not a finite number, 0 for the others.</param>
    /// <exception cref="ArgumentException">The source is another executor's.</exception>
    internal void EnqueuePictures(EncodedSource source, ArrayView<float> latents, int count, ArrayView<byte> pixels, ArrayView<int> faults)
    {
        int style = Architecture.Style;
        Select(source);
        _stream.MemSet(faults, 0);
        for (int first = 0, part; first < count; first += part)
        {
            CudaPlan synthesis = Fit(CudaPlanKind.Synthesis, count - first, out part);
            CudaPlan output = Plan(CudaPlanKind.PixelsOut, part);
            _stream.Copy(latents.SubView(first * style, part * style), _buffers!.Latents.View);
            synthesis.Enqueue(_stream);
            output.Enqueue(_stream);
            FiniteCheck.Prepare(_accelerator, new() { Values = _buffers.Frames.View, Faults = faults.SubView(first), Frames = part, ValuesPerFrame = PictureLength }).Enqueue(_stream);
            _stream.Copy(_buffers.Pixels.View.SubView(0, part * PictureLength), pixels.SubView(first * PictureLength));
        }
    }
}
