using Lia.Weights;

namespace Lia.Network.Pool;

/// <summary>A share of a pool's devices. All members may be called from several threads; a pipe is one thread's.</summary>
internal sealed class PooledExecutor(DevicePool pool) : IExecutor
{
    private bool _isDisposed;

    public ModelArchitecture Architecture => pool.Architecture;

    public string DeviceName => pool.DeviceName;

    public bool IsExact => pool.IsExact;

    public int PreferredBatch(int? frames) => pool.PreferredBatch(frames);

    public int Clips => pool.Count;

    public MotionBasis Basis => pool.Basis;

    /// <summary>None: which device an activation is of, and in which order they come, would be chance.</summary>
    public TapHandler? Tap
    {
        get => null;
        set
        {
            if (value is not null) throw new NotSupportedException("Activations are seen on one device.");
        }
    }

    public EncodedSource EncodeSource(ReadOnlySpan<float> image)
    {
        ExecutorArguments.CheckPicture(Architecture, image.Length, nameof(image));
        PooledSource source = new(pool, image.ToArray());
        Do(new CallJob(worker => source.EncodedAt(worker, worker.Encoded(source))));
        return source;
    }

    public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes)
    {
        ExecutorArguments.CheckLength(images.Length, count, Architecture.PictureLength(), nameof(images));
        ExecutorArguments.CheckLength(codes.Length, count, Architecture.Motion, nameof(codes));
        float[] input = images.ToArray(), output = new float[codes.Length];
        Do(new CallJob(worker => worker.Executor.EncodeMotion(input, count, output)));
        output.CopyTo(codes);
    }

    public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames)
    {
        PooledSource own = Own(source);
        ExecutorArguments.CheckLength(latents.Length, count, Architecture.Style, nameof(latents));
        ExecutorArguments.CheckLength(frames.Length, count, Architecture.PictureLength(), nameof(frames));
        float[] input = latents.ToArray(), output = new float[frames.Length];
        Do(new CallJob(worker => worker.Executor.Synthesize(worker.Encoded(own), input, count, output), own));
        output.CopyTo(frames);
    }

    public void Synthesize(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents, Span<float> frames)
    {
        PooledSource[] own = new PooledSource[sources.Length];
        for (int i = 0; i < own.Length; i++) own[i] = Own(sources[i]);
        ExecutorArguments.CheckLength(latents.Length, own.Length, Architecture.Style, nameof(latents));
        ExecutorArguments.CheckLength(frames.Length, own.Length, Architecture.PictureLength(), nameof(frames));
        float[] input = latents.ToArray(), output = new float[frames.Length];
        Do(new CallJob(worker => worker.Executor.Synthesize([.. own.Select(worker.Encoded)], input, output)));
        output.CopyTo(frames);
    }

    public IMotionPipe OpenMotion(int batch, bool varies = false) => new PooledMotionPipe(pool, batch, varies);

    public IPicturePipe OpenPictures(int batch, bool varies = false) => new PooledPicturePipe(pool, batch, varies);

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        pool.Leave();
    }

    private PooledSource Own(EncodedSource source) => PooledSource.Of(source, pool);

    private void Do(PoolJob job)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        pool.Submit(job);
        pool.Wait(job);
    }
}

/// <summary>A source that each device encodes when it first needs it. Its codes are those of the device that was first.</summary>
internal sealed class PooledSource(DevicePool pool, float[] image) : EncodedSource
{
    private float[] _appearance = [], _motion = [];
    private bool _isDisposed;

    /// <summary>[3, S, S].</summary>
    public float[] Image => image;

    /// <summary>The device that encoded it first.</summary>
    public PoolWorker Home { get; private set; } = null!;

    /// <summary>Whether no batch of it was asked for yet.</summary>
    public bool IsNew { get; set; } = true;

    public override ReadOnlySpan<float> Appearance => _appearance;

    public override ReadOnlySpan<float> Motion => _motion;

    /// <exception cref="ArgumentException">The source is another executor's.</exception>
    public static PooledSource Of(EncodedSource source, DevicePool pool)
    {
        if (source is not PooledSource own || own.Pool != pool)
            throw new ArgumentException("The source was encoded by another executor.", nameof(source));
        ObjectDisposedException.ThrowIf(own._isDisposed, own);
        return own;
    }

    /// <summary>A device has encoded it, the first.</summary>
    public void EncodedAt(PoolWorker worker, EncodedSource encoded) =>
        (Home, _appearance, _motion) = (worker, encoded.Appearance.ToArray(), encoded.Motion.ToArray());

    public override void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        pool.Discard(this);
    }

    private DevicePool Pool => pool;
}
