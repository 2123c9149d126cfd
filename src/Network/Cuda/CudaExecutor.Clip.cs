using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;

namespace Lia.Network.Cuda;

/// <content>A clip from planes to planes: codes, latents and pictures stay on the device, as benchmarks want it.</content>
public sealed partial class CudaExecutor
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _displacement; // Q times the strength [style, motion]
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _origin; // The latent of a motion code of zero [style]

    /// <summary>
    /// Chooses what <see cref="EnqueueFrames"/> animates: latents become wa + Q source + Q strength (drive - start), or wa + Q strength
    /// drive where <paramref name="start"/> is empty.
    /// </summary>
    /// <param name="source">From <see cref="EncodeSource"/>; must live as long as the clip.</param>
    /// <param name="start">alpha [motion] of the first driving frame, or empty for absolute motion.</param>
    /// <param name="strength">Factor on the driving motion.</param>
    /// <exception cref="ArgumentException">The code has another length, or the source is another executor's or disposed.</exception>
    internal void BeginClip(EncodedSource source, ReadOnlySpan<float> start, float strength)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Select(source);
        float[] origin = source.Appearance.ToArray();
        if (!start.IsEmpty)
        {
            if (start.Length != Architecture.Motion)
                throw new ArgumentException($"A motion code has {Architecture.Motion} values, not {start.Length}.", nameof(start));
            float[] code = source.Motion.ToArray();
            for (int i = 0; i < code.Length; i++) code[i] -= strength * start[i];
            Basis.AddTo(code, origin);
        }
        _origin.View.CopyFromCPU(_stream, origin);
        _displacement.View.CopyFromCPU(_stream, Basis.Q.ToArray().Select(value => value * strength).ToArray());
    }

    /// <summary>Puts frames whose planes are on the device into the stream: planes in, planes out.</summary>
    internal void EnqueueFrames(int count) => Plan(CudaPlanKind.Frames, count).Enqueue(_stream);

    /// <summary>Makes all plans for a number of frames, so that none of them moves the memory once a frame is on its way.</summary>
    internal void Prepare(int count)
    {
        foreach (CudaPlanKind kind in Enum.GetValues<CudaPlanKind>()) Plan(kind, count);
    }

    /// <summary>Copies pictures to where <see cref="EnqueueFrames"/> reads them.</summary>
    internal void Upload(ReadOnlySpan<float> images) => _buffers!.Images.View.CopyFromCPU(_stream, images);

    /// <summary>Copies the pictures <see cref="EnqueueFrames"/> made.</summary>
    internal void Download(Span<float> images) => _buffers!.Frames.View.CopyToCPU(_stream, images);
}
