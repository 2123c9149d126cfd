using Lia.Animation.Flow;
using Lia.Network;

namespace Lia.Animation.Pipeline;

/// <summary>From latents to frames, batch by batch: what is submitted is received later, in order.</summary>
internal abstract class FrameDecoder : IDisposable
{
    /// <summary>Batches that may be under way.</summary>
    public abstract int Depth { get; }

    /// <summary>The device's part of the time, where it tells.</summary>
    public virtual PixelPipeTimes Device => default;

    /// <summary>Starts, or does, a batch. The source must live until it is received.</summary>
    public abstract void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count);

    /// <summary>Waits for the oldest batch.</summary>
    /// <param name="count">Its frames.</param>
    /// <returns>The first frame with a value that is not a finite number, or -1.</returns>
    public abstract int Receive(int count);

    /// <summary>A frame of the batch received last, with nothing beside it; its values are valid until the next batch is submitted, its
    /// colors are the caller's.</summary>
    public abstract NetworkFrame Frame(int index);

    public abstract void Dispose();
}

/// <summary>Frames as the float32 planes they were before they became colors, one batch at a time.</summary>
internal sealed class PlaneDecoder(IExecutor executor, int batch) : FrameDecoder
{
    private readonly int _values = 3 * executor.Architecture.Size * executor.Architecture.Size;
    private readonly float[] _frames = new float[3 * executor.Architecture.Size * executor.Architecture.Size * batch];

    public override int Depth => 1;

    public override void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count) =>
        executor.Synthesize(source, latents, count, _frames.AsSpan(0, count * _values));

    public override int Receive(int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (!Planes.AllFinite(_frames.AsSpan(i * _values, _values))) return i;
        }
        return -1;
    }

    public override NetworkFrame Frame(int index) => new(_frames.AsMemory(index * _values, _values), null, [], null, null);

    public override void Dispose()
    {
    }
}

/// <summary>Frames as colors; a device computes the next batch meanwhile.</summary>
internal sealed class PixelDecoder(IExecutor executor, int batch, FramePool pool) : FrameDecoder
{
    private readonly IPicturePipe _pipe = executor.OpenPictures(batch);
    private readonly byte[][] _pictures = new byte[batch][];

    public override int Depth => _pipe.Depth;

    public override PixelPipeTimes Device => _pipe.Times;

    public override void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count) => _pipe.Submit(source, latents, count);

    public override int Receive(int count)
    {
        for (int i = 0; i < count; i++) _pictures[i] = pool.Rent();
        return _pipe.Receive(_pictures.AsSpan(0, count));
    }

    public override NetworkFrame Frame(int index) => new(default, _pictures[index], [], null, null);

    public override void Dispose() => _pipe.Dispose();
}
