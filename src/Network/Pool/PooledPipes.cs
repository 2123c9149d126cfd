namespace Lia.Network.Pool;

/// <summary>A clip's batches of one kind on their way through a pool: done in any order, received in that of submission.</summary>
internal abstract class PooledPipe<TJob>(DevicePool pool, int batch, bool varies) : IPixelPipe where TJob : PoolJob
{
    private readonly Queue<TJob> _underWay = [];
    private readonly Stack<TJob> _free = [];

    /// <summary>As many as keep the devices supplied that work now: more when one joins, fewer when one is lost.</summary>
    public int Depth => pool.Depth;

    public int UnderWay => _underWay.Count;

    public PixelPipeTimes Times { get; private set; }

    protected DevicePool Pool => pool;

    protected int Batch => batch;

    protected bool Varies => varies;

    public void Dispose()
    {
        pool.Forget(_underWay);
        _underWay.Clear();
    }

    protected abstract TJob Create();

    /// <summary>A job with room for a batch.</summary>
    protected TJob Rent(int count)
    {
        if (count < 1 || count > batch) throw new ArgumentException($"A batch has 1 to {batch} pictures, not {count}.", nameof(count));
        return _free.TryPop(out TJob? job) ? job : Create();
    }

    protected void Submit(TJob job)
    {
        pool.Submit(job);
        _underWay.Enqueue(job);
    }

    /// <summary>Waits for the oldest job.</summary>
    protected TJob Oldest()
    {
        if (!_underWay.TryPeek(out TJob? job)) throw new InvalidOperationException("Nothing is under way.");
        pool.Wait(job);
        return job;
    }

    /// <summary>The oldest job's result was taken.</summary>
    protected void Received()
    {
        TJob job = _underWay.Dequeue();
        Times += job.Times;
        _free.Push(job);
    }

    protected void CheckPictures(ReadOnlySpan<byte[]> pictures)
    {
        foreach (byte[] picture in pictures) ExecutorArguments.CheckPicture(pool.Architecture, picture.Length, nameof(pictures));
    }
}

/// <summary>From driving pictures to motion codes.</summary>
internal sealed class PooledMotionPipe(DevicePool pool, int batch, bool varies)
    : PooledPipe<MotionJob>(pool, batch, varies), IMotionPipe
{
    public void Submit(ReadOnlySpan<byte[]> pictures)
    {
        CheckPictures(pictures);
        MotionJob job = Rent(pictures.Length);
        job.Set(pictures);
        Submit(job);
    }

    public void Receive(Span<float> codes)
    {
        MotionJob job = Oldest();
        if (codes.Length != job.Codes.Length)
            throw new ArgumentException($"{job.Codes.Length} values are expected, not {codes.Length}.", nameof(codes));
        job.Codes.CopyTo(codes);
        Received();
    }

    protected override MotionJob Create() => new(Batch, Varies, Pool.Architecture.PictureLength(), Pool.Architecture.Motion);
}

/// <summary>From latents to pictures.</summary>
internal sealed class PooledPicturePipe(DevicePool pool, int batch, bool varies)
    : PooledPipe<PictureJob>(pool, batch, varies), IPicturePipe
{
    public void Submit(EncodedSource source, ReadOnlySpan<float> latents, int count)
    {
        ExecutorArguments.CheckLength(latents.Length, count, Pool.Architecture.Style, nameof(latents));
        PooledSource own = PooledSource.Of(source, Pool);
        PictureJob job = Rent(count);
        job.Set([own], latents, count);
        Submit(job);
    }

    public void Submit(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents)
    {
        ExecutorArguments.CheckLength(latents.Length, sources.Length, Pool.Architecture.Style, nameof(latents));
        PooledSource[] own = new PooledSource[sources.Length];
        for (int i = 0; i < own.Length; i++) own[i] = PooledSource.Of(sources[i], Pool);
        PictureJob job = Rent(own.Length);
        job.Set(own, latents, own.Length);
        Submit(job);
    }

    public int Receive(ReadOnlySpan<byte[]> pictures, Span<bool> faults = default)
    {
        PictureJob job = Oldest();
        if (pictures.Length != job.Pictures.Length)
            throw new ArgumentException($"The batch has {job.Pictures.Length} pictures, not {pictures.Length}.", nameof(pictures));
        CheckPictures(pictures);
        for (int i = 0; i < pictures.Length; i++) job.Pictures[i].CopyTo(pictures[i], 0);
        if (!faults.IsEmpty) job.Faults.CopyTo(faults);
        Received();
        return job.Fault;
    }

    protected override PictureJob Create() => new(Batch, Varies, Pool.Architecture.PictureLength(), Pool.Architecture.Style);
}
