using Lia.Gpu.Runtime;

namespace Lia.Network.Cuda;

/// <content>A clip from bytes to bytes: codes, latents and pictures stay on the device.</content>
public sealed partial class CudaExecutor
{
    private readonly MemoryBuffer1D<float> _displacement; // Q times the strength [style, motion]
    private readonly MemoryBuffer1D<float> _origin; // The latent of a motion code of zero [style]

    /// <summary>
    /// Chooses what <see cref="AnimateClip"/> animates: latents become wa + Q source + Q strength (drive - start), or wa + Q strength drive
    /// where <paramref name="start"/> is empty.
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
            if (start.Length != Architecture.Motion) throw new ArgumentException($"A motion code has {Architecture.Motion} values, not {start.Length}.", nameof(start));
            float[] code = source.Motion.ToArray();
            for (int i = 0; i < code.Length; i++) code[i] -= strength * start[i];
            Basis.AddTo(code, origin);
        }
        _origin.CopyFromCPU(_stream, origin);
        _displacement.CopyFromCPU(_stream, Basis.Q.ToArray().Select(value => value * strength).ToArray());
    }

    /// <summary>Animates driving frames of the clip begun last.</summary>
    /// <param name="driving">RGB [count, S, S, 3].</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="frames">Receives RGB [count, S, S, 3].</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    internal void AnimateClip(ReadOnlySpan<byte> driving, int count, Span<byte> frames)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ExecutorArguments.CheckLength(driving.Length, count, PictureLength, nameof(driving));
        ExecutorArguments.CheckLength(frames.Length, count, PictureLength, nameof(frames));
        for (int first = 0; first < count; first += MostFrames)
        {
            int part = Math.Min(MostFrames, count - first), start = first * PictureLength, length = part * PictureLength;
            Prepare(part);
            _stream.CopyFromCPU(_buffers!.Pixels.View, driving.Slice(start, length));
            Plan(CudaPlanKind.PixelsIn, part).Enqueue(_stream);
            EnqueueFrames(part);
            Plan(CudaPlanKind.PixelsOut, part).Enqueue(_stream);
            _stream.CopyToCPU(_buffers.Pixels.View, frames.Slice(start, length));
        }
    }

    /// <summary>Puts frames whose planes are on the device into the stream: planes in, planes out.</summary>
    internal void EnqueueFrames(int count) => Plan(CudaPlanKind.Frames, count).Enqueue(_stream);

    /// <summary>Makes all plans for a number of frames, so that none of them moves the memory once a frame is on its way.</summary>
    internal void Prepare(int count)
    {
        foreach (CudaPlanKind kind in Enum.GetValues<CudaPlanKind>()) Plan(kind, count);
    }

    /// <summary>Copies pictures to where <see cref="EnqueueFrames"/> reads them.</summary>
    internal void Upload(ReadOnlySpan<float> images) => _stream.CopyFromCPU(_buffers!.Images.View, images);

    /// <summary>Copies the pictures <see cref="EnqueueFrames"/> made.</summary>
    internal void Download(Span<float> images) => _stream.CopyToCPU(_buffers!.Frames.View, images);
}
