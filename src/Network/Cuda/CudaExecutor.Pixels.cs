using System.Diagnostics;
using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Pixels;

namespace Lia.Network.Cuda;

/// <content>From bytes to codes and from latents to bytes, on the device.</content>
public sealed partial class CudaExecutor
{
    /// <summary>Numbers of frames that there are plans for where their number varies from pass to pass: less than a third of a pass is
    /// computed for nobody.</summary>
    internal static ReadOnlySpan<int> PassSizes => [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

    /// <inheritdoc/>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device or the host has too little memory left.</exception>
    public IMotionPipe OpenMotion(int batch, bool varies = false)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        if (varies) PreparePasses(batch, CudaPlanKind.PixelsIn, CudaPlanKind.Encoder);
        else Foresee(batch, CudaPlanKind.Source, CudaPlanKind.PixelsIn, CudaPlanKind.Encoder);
        return new CudaMotionPipe(this, _loader, batch, varies);
    }

    /// <inheritdoc/>
    /// <exception cref="Gpu.Runtime.AcceleratorOutOfMemoryException">The device or the host has too little memory left.</exception>
    public IPicturePipe OpenPictures(int batch, bool varies = false)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        if (varies) PreparePasses(batch, CudaPlanKind.PixelsOut, CudaPlanKind.SynthesisOfMany);
        else Foresee(batch, CudaPlanKind.Source, CudaPlanKind.Synthesis, CudaPlanKind.PixelsOut);
        return new CudaPicturePipe(this, _loader, batch, varies);
    }

    /// <summary>Puts the encoding of driving frames into the stream.</summary>
    /// <param name="pixels">RGB [count, S, S, 3].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="codes">Receives alpha [count, motion].</param>
    /// <param name="room">Frames that plans have room for, all together.</param>
    internal void EnqueueMotion(ArrayView<byte> pixels, int count, ArrayView<float> codes, int room)
    {
        int motion = Architecture.Motion;
        for (int first = 0, part; first < count; first += part)
        {
            CudaPlan encoder = Fit(CudaPlanKind.Encoder, count - first, room - first, out part);
            CudaPlan input = Plan(CudaPlanKind.PixelsIn, PlanSize(part, room - first));
            Copy(pixels, first * PictureLength, _buffers!.Pixels.View, 0, part * PictureLength);
            input.Enqueue(_stream);
            encoder.Enqueue(_stream);
            Copy(_buffers.Codes.View, 0, codes, first * motion, part * motion);
        }
    }

    /// <summary>Puts the decoding of latents into the stream.</summary>
    /// <param name="sources">From <see cref="EncodeSource"/>: one for all frames, or one for each.</param>
    /// <param name="latents">[count, style].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="pixels">Receives RGB [count, S, S, 3].</param>
    /// <param name="faults">Receives 1 for every frame with a value that is not a finite number, 0 for the others.</param>
    /// <param name="room">Frames that plans have room for, all together.</param>
    /// <exception cref="ArgumentException">A source is another executor's.</exception>
    internal void EnqueuePictures(ReadOnlySpan<EncodedSource> sources, ArrayView<float> latents, int count, ArrayView<byte> pixels,
        ArrayView<int> faults, int room)
    {
        int style = Architecture.Style;
        CheckOwn(sources);
        faults.MemSet(_stream, 0);
        for (int first = 0, part; first < count; first += part)
        {
            CudaPlan synthesis = FitDecoder(sources, first, count - first, room - first, out part);
            CudaPlan output = Plan(CudaPlanKind.PixelsOut, PlanSize(part, room - first));
            Copy(latents, first * style, _buffers!.Latents.View, 0, part * style);
            synthesis.Enqueue(_stream);
            output.Enqueue(_stream);
            CheckOf(_buffers.Frames.View, faults.SubView(first), part).Enqueue(_stream);
            Copy(_buffers.Pixels.View, 0, pixels, first * PictureLength, part * PictureLength);
        }
    }

    /// <summary>The smallest of <see cref="PassSizes"/> that holds so many frames.</summary>
    internal static int PassSize(int frames)
    {
        foreach (int size in PassSizes)
        {
            if (size >= frames) return size;
        }
        return frames;
    }

    /// <summary>Makes the plans of all passes up to a number of frames, the largest first: a larger one moves those that there
    /// are.</summary>
    private void PreparePasses(int most, params ReadOnlySpan<CudaPlanKind> kinds)
    {
        try
        {
            foreach (CudaPlanKind kind in kinds)
            {
                _ = Fit(kind, most, PassSize(most), out int frames);
                for (int i = PassSizes.Length - 1; i >= 0; i--)
                {
                    // One frame has one source.
                    bool isOne = kind == CudaPlanKind.SynthesisOfMany && PassSizes[i] == 1;
                    if (PassSizes[i] < frames) _ = Plan(isOne ? CudaPlanKind.Synthesis : kind, PassSizes[i]);
                }
            }
        }
        catch (AcceleratorException failure)
        {
            throw _loader.Explain(failure);
        }
    }

    /// <summary>
    /// Begins to load the kernels of plans that are about to be made, all of them side by side: plan by plan, each would wait for the work
    /// of the one before. Plans take their memory when they are made, for as many frames as there are then.
    /// </summary>
    /// <param name="frames">That mostly go together; sources come one by one.</param>
    /// <param name="kinds">In the order in which they are needed.</param>
    private void Foresee(int frames, params ReadOnlySpan<CudaPlanKind> kinds)
    {
        using Activity? foreseeing = Activities.Begin("plans foreseen");
        frames = Math.Min(frames, _mostFrames);
        try
        {
            MakeRoom(frames, 1);
            foreach (CudaPlanKind kind in kinds)
            {
                int together = kind == CudaPlanKind.Source ? 1 : frames;
                if (_plans.ContainsKey((kind, together, false))) continue;
                _ = Build(kind, together, isTapped: false, new(null));
                if (kind == CudaPlanKind.PixelsOut) _ = CheckOf(_buffers!.Frames.View, default, 1);
            }
        }
        catch (AcceleratorOutOfMemoryException)
        {
            // The plans will tell, or be smaller.
        }
        catch (AcceleratorException failure)
        {
            throw _loader.Explain(failure);
        }
    }

    private KernelLaunch CheckOf(ArrayView<float> values, ArrayView<int> faults, int frames) => FiniteCheck.Prepare(_loader,
        new() { Values = values, Faults = faults, Frames = frames, ValuesPerFrame = PictureLength });

    private void Copy<T>(ArrayView<T> source, long from, ArrayView<T> target, long to, long length) where T : unmanaged =>
        target.SubView(to, length).CopyFrom(_stream, source.SubView(from, length));
}
