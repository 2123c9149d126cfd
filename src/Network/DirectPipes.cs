using System.Diagnostics;
using Lia.Weights;

namespace Lia.Network;

/// <summary>A pipe of an executor that computes on its caller's thread: a batch is done when it has been submitted.</summary>
internal abstract class DirectPipe : IPixelPipe
{
    private readonly int _batch;
    private long _last;

    protected DirectPipe(IExecutor executor, int batch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        (Executor, _batch) = (executor, batch);
        Planes = new float[batch * PictureLength];
    }

    public int Depth => 1;

    public int UnderWay => Count == 0 ? 0 : 1;

    public PixelPipeTimes Times { get; protected set; }

    protected IExecutor Executor { get; }

    protected ModelArchitecture Architecture => Executor.Architecture;

    protected int PictureLength => Architecture.PictureLength();

    /// <summary>The batch as planes.</summary>
    protected float[] Planes { get; }

    /// <summary>Pictures under way.</summary>
    protected int Count { get; private set; }

    public void Dispose()
    {
    }

    /// <summary>A batch begins.</summary>
    protected void Begin(int count)
    {
        if (count < 1 || count > _batch) throw new ArgumentException($"A batch has 1 to {_batch} pictures, not {count}.", nameof(count));
        if (UnderWay == Depth) throw new InvalidOperationException($"{Depth} batch is under way; receive it first.");
        _last = Stopwatch.GetTimestamp();
    }

    /// <summary>The batch that began is done.</summary>
    protected void Submitted(int count) => Count = count;

    /// <summary>A batch is received.</summary>
    /// <returns>Its pictures.</returns>
    protected int Receive()
    {
        if (UnderWay == 0) throw new InvalidOperationException("Nothing is under way.");
        _last = Stopwatch.GetTimestamp();
        int count = Count;
        Count = 0;
        return count;
    }

    /// <summary>Time since this was asked last, or a batch began.</summary>
    protected TimeSpan Lap()
    {
        long start = _last;
        _last = Stopwatch.GetTimestamp();
        return Stopwatch.GetElapsedTime(start, _last);
    }

    protected void CheckPictures(ReadOnlySpan<byte[]> pictures)
    {
        foreach (byte[] picture in pictures) ExecutorArguments.CheckPicture(Architecture, picture.Length, nameof(pictures));
    }
}

/// <summary>From driving pictures to motion codes, on the caller's thread.</summary>
internal sealed class DirectMotionPipe(IExecutor executor, int batch) : DirectPipe(executor, batch), IMotionPipe
{
    private readonly float[] _codes = new float[batch * executor.Architecture.Motion];

    public void Submit(ReadOnlySpan<byte[]> pictures)
    {
        Begin(pictures.Length);
        CheckPictures(pictures);
        for (int i = 0; i < pictures.Length; i++) Network.Planes.FromPixels(pictures[i], Planes.AsSpan(i * PictureLength, PictureLength));
        TimeSpan converting = Lap();
        Executor.EncodeMotion(Planes.AsSpan(0, pictures.Length * PictureLength), pictures.Length,
            _codes.AsSpan(0, pictures.Length * Architecture.Motion));
        Times += new PixelPipeTimes(converting, Lap(), default);
        Submitted(pictures.Length);
    }

    public void Receive(Span<float> codes)
    {
        ExecutorArguments.CheckLength(codes.Length, Count, Architecture.Motion, nameof(codes));
        Receive();
        _codes.AsSpan(0, codes.Length).CopyTo(codes);
    }
}

/// <summary>From latents to pictures, on the caller's thread.</summary>
internal sealed class DirectPicturePipe(IExecutor executor, int batch) : DirectPipe(executor, batch), IPicturePipe
{
    public void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count)
    {
        Begin(count);
        Executor.Synthesize(source, latents, count, Planes.AsSpan(0, count * PictureLength));
        Times += new PixelPipeTimes(default, Lap(), default);
        Submitted(count);
    }

    public void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents)
    {
        Begin(sources.Length);
        Executor.Synthesize(sources, latents, Planes.AsSpan(0, sources.Length * PictureLength));
        Times += new PixelPipeTimes(default, Lap(), default);
        Submitted(sources.Length);
    }

    public int Receive(ReadOnlySpan<byte[]> pictures, Span<bool> faults = default)
    {
        if (pictures.Length != Count)
            throw new ArgumentException($"The batch has {Count} pictures, not {pictures.Length}.", nameof(pictures));
        CheckPictures(pictures);
        Receive();
        int fault = -1;
        for (int i = 0; i < pictures.Length; i++)
        {
            ReadOnlySpan<float> planes = Planes.AsSpan(i * PictureLength, PictureLength);
            bool isFaulty = !Network.Planes.AllFinite(planes);
            if (isFaulty && fault < 0) fault = i;
            if (!faults.IsEmpty) faults[i] = isFaulty;
            new ColorMap(-1, 1).ToPixels(planes, Architecture.Size, pictures[i], 3 * Architecture.Size);
        }
        Times += new PixelPipeTimes(default, default, Lap());
        return fault;
    }
}
