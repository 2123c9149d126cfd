using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels.Pixels;

namespace Lia.Network.Cuda;

/// <content>From bytes to codes and from latents to bytes, on the device.</content>
public sealed partial class CudaExecutor
{
    /// <inheritdoc/>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device or the host has too little memory left.</exception>
    public IMotionPipe OpenMotion(int batch)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return new CudaMotionPipe(this, _loader, batch);
    }

    /// <inheritdoc/>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device or the host has too little memory left.</exception>
    public IPicturePipe OpenPictures(int batch)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return new CudaPicturePipe(this, _loader, batch);
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
            Copy(pixels, first * PictureLength, _buffers!.Pixels.View, 0, part * PictureLength);
            input.Enqueue(_stream);
            encoder.Enqueue(_stream);
            Copy(_buffers.Codes.View, 0, codes, first * motion, part * motion);
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
        faults.MemSet(_stream, 0);
        for (int first = 0, part; first < count; first += part)
        {
            CudaPlan synthesis = Fit(CudaPlanKind.Synthesis, count - first, out part);
            CudaPlan output = Plan(CudaPlanKind.PixelsOut, part);
            Copy(latents, first * style, _buffers!.Latents.View, 0, part * style);
            synthesis.Enqueue(_stream);
            output.Enqueue(_stream);
            FiniteCheck.Prepare(_loader, new() { Values = _buffers.Frames.View, Faults = faults.SubView(first), Frames = part,
                ValuesPerFrame = PictureLength }).Enqueue(_stream);
            Copy(_buffers.Pixels.View, 0, pixels, first * PictureLength, part * PictureLength);
        }
    }

    private void Copy<T>(ArrayView<T> source, long from, ArrayView<T> target, long to, long length) where T : unmanaged =>
        target.SubView(to, length).CopyFrom(_stream, source.SubView(from, length));
}
