namespace Lia.Network.Pool;

/// <summary>Something that a device of a pool does. Whoever submits it waits for it; until then its members are the pool's.</summary>
internal abstract class PoolJob
{
    /// <summary>Whether it has ended.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Why it could not be done.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>How long the device was busy with it.</summary>
    public PixelPipeTimes Times { get; set; }

    /// <summary>The source it needs on the device; null for none.</summary>
    public virtual PooledSource? Source => null;

    /// <summary>Whether it is the first job of its source.</summary>
    public bool IsFirstOfSource { get; protected set; }

    /// <summary>The open pipe that it goes through on a device; null for none.</summary>
    public virtual IPixelPipe? PipeAt(PoolWorker worker) => null;

    /// <summary>Begins it on a device, on its thread.</summary>
    /// <returns>The pipe that its result is to be fetched from; null when it is done.</returns>
    public abstract IPixelPipe? Start(PoolWorker worker);

    /// <summary>Fetches its result.</summary>
    public virtual void Fetch(IPixelPipe pipe)
    {
    }

    /// <summary>It is to be done (again).</summary>
    public void Restart() => (IsDone, Failure, Times) = (false, null, default);

    /// <summary>It has ended.</summary>
    public void Finish(Exception? failure) => (IsDone, Failure) = (true, failure);
}

/// <summary>A call of an executor's methods that do not go through pipes.</summary>
internal sealed class CallJob(Action<PoolWorker> call, PooledSource? source = null) : PoolJob
{
    public override PooledSource? Source => source;

    public override IPixelPipe? Start(PoolWorker worker)
    {
        call(worker);
        return null;
    }
}

/// <summary>Driving pictures to motion codes. The pictures are kept until the codes are there: another device may have to begin
/// anew.</summary>
internal sealed class MotionJob(int batch, bool varies, int pictureLength, int motion) : PoolJob
{
    private readonly byte[][] _pictures = [.. Enumerable.Range(0, batch).Select(_ => new byte[pictureLength])];
    private readonly float[] _codes = new float[batch * motion];
    private int _count;

    /// <summary>Takes a copy of a batch.</summary>
    public void Set(ReadOnlySpan<byte[]> pictures)
    {
        _count = pictures.Length;
        for (int i = 0; i < _count; i++) pictures[i].CopyTo(_pictures[i], 0);
    }

    /// <summary>What came out.</summary>
    public ReadOnlySpan<float> Codes => _codes.AsSpan(0, _count * motion);

    public override IPixelPipe? PipeAt(PoolWorker worker) => worker.OpenMotion(batch, varies);

    public override IPixelPipe? Start(PoolWorker worker)
    {
        IMotionPipe pipe = worker.Motion(batch, varies);
        pipe.Submit(_pictures.AsSpan(0, _count));
        return pipe;
    }

    public override void Fetch(IPixelPipe pipe) => ((IMotionPipe)pipe).Receive(_codes.AsSpan(0, _count * motion));
}

/// <summary>Latents to pictures, of one source or of one each.</summary>
internal sealed class PictureJob(int batch, bool varies, int pictureLength, int style) : PoolJob
{
    private readonly byte[][] _pictures = [.. Enumerable.Range(0, batch).Select(_ => new byte[pictureLength])];
    private readonly float[] _latents = new float[batch * style];
    private readonly bool[] _faults = new bool[batch];
    private PooledSource[] _sources = [];
    private int _count;

    public override PooledSource? Source => _sources[0];

    /// <summary>The first picture that is not finite, or -1.</summary>
    public int Fault { get; private set; }

    /// <summary>What came out.</summary>
    public ReadOnlySpan<byte[]> Pictures => _pictures.AsSpan(0, _count);

    /// <summary>Which of them are not finite.</summary>
    public ReadOnlySpan<bool> Faults => _faults.AsSpan(0, _count);

    /// <summary>Takes a copy of a batch.</summary>
    /// <param name="sources">One for all pictures, or one for each.</param>
    /// <param name="latents">[count, style].</param>
    /// <param name="count">Number of pictures.</param>
    public void Set(PooledSource[] sources, ReadOnlySpan<float> latents, int count)
    {
        (_sources, _count, IsFirstOfSource) = (sources, count, sources.Length == 1 && sources[0].IsNew);
        foreach (PooledSource source in sources) source.IsNew = false;
        latents.CopyTo(_latents);
    }

    public override IPixelPipe? PipeAt(PoolWorker worker) => worker.OpenPictures(batch, varies);

    public override IPixelPipe? Start(PoolWorker worker)
    {
        IPicturePipe pipe = worker.Pictures(batch, varies);
        EncodedSource[] encoded = [.. _sources.Select(worker.Encoded)];
        if (encoded.Length == 1) pipe.Submit(encoded[0], _latents.AsSpan(0, _count * style), _count);
        else pipe.Submit(encoded, _latents.AsSpan(0, _count * style));
        return pipe;
    }

    public override void Fetch(IPixelPipe pipe) =>
        Fault = ((IPicturePipe)pipe).Receive(_pictures.AsSpan(0, _count), _faults.AsSpan(0, _count));
}
