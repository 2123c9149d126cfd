using ILGPU.Runtime;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network.Cuda;

namespace Lia.Network.Pool;

/// <summary>What has become of a device.</summary>
internal enum PoolWorkerState
{
    /// <summary>It is being opened.</summary>
    Opening,

    /// <summary>It takes jobs.</summary>
    Working,

    /// <summary>It failed.</summary>
    Lost,
}

/// <summary>
/// A device of a pool, and the thread that alone speaks to it: it takes jobs while the device's pipes have room for them, else it fetches
/// the oldest result.
/// </summary>
internal sealed class PoolWorker
{
    private readonly DevicePool _pool;
    private readonly PoolDevice _device;
    private readonly bool _isFirst;
    private readonly Thread _thread;
    private readonly Dictionary<(int Batch, bool Varies), IMotionPipe> _motions = [];
    private readonly Dictionary<(int Batch, bool Varies), IPicturePipe> _pictures = [];
    private readonly Queue<(PoolJob Job, IPixelPipe Pipe)> _underWay = [];
    private readonly Dictionary<PooledSource, EncodedSource> _sources = [];
    private readonly List<PooledSource> _discards = [];
    private int _batch;
    private PoolJob? _present; // the job at hand, not yet under way

    /// <param name="pool">Gives the jobs.</param>
    /// <param name="device">What is opened.</param>
    /// <param name="batch">Frames that mostly go together; 0 for the device's choice.</param>
    /// <param name="isFirst">Whether somebody waits for it to open.</param>
    public PoolWorker(DevicePool pool, PoolDevice device, int batch, bool isFirst)
    {
        (_pool, _device, _batch, _isFirst) = (pool, device, batch, isFirst);
        _thread = new Thread(Run) { IsBackground = true, Name = $"LIA {device.Name}" };
    }

    public string Name => _device.Name;

    /// <summary>The network; once it works.</summary>
    public IExecutor Executor { get; private set; } = null!;

    /// <summary>What the executor calls its device.</summary>
    public string DeviceName { get; private set; } = "";

    /// <summary>Batches of a kind that the device's pipes hold.</summary>
    public int Depth { get; private set; }

    /// <summary>Changed by the pool.</summary>
    public PoolWorkerState State { get; set; }

    /// <summary>Why it is lost.</summary>
    public Exception? Failure { get; set; }

    public bool IsWorking => State == PoolWorkerState.Working;

    public bool IsLost => State == PoolWorkerState.Lost;

    /// <summary>Whether there are sources to let go of.</summary>
    public bool HasDiscards => _discards.Count > 0;

    public void Begin() => _thread.Start();

    public void Join() => _thread.Join();

    /// <summary>Whether a source is encoded here. Asked by the pool.</summary>
    public bool Holds(PooledSource source) => _sources.ContainsKey(source);

    /// <summary>Whether a job can begin without waiting. Asked by the pool, on this thread.</summary>
    public bool HasRoom(PoolJob job) => job.PipeAt(this) is not { } pipe || pipe.UnderWay < pipe.Depth;

    /// <summary>The pipe for batches of a size, if it is open.</summary>
    public IPixelPipe? OpenMotion(int batch, bool varies) => _motions.GetValueOrDefault((batch, varies));

    /// <inheritdoc cref="OpenMotion"/>
    public IPixelPipe? OpenPictures(int batch, bool varies) => _pictures.GetValueOrDefault((batch, varies));

    /// <summary>Has a source let go of, if it is encoded here. Asked by the pool.</summary>
    public void Discard(PooledSource source)
    {
        if (Holds(source)) _discards.Add(source);
    }

    /// <summary>The pipe for batches of at most a number of pictures; on this thread.</summary>
    public IMotionPipe Motion(int batch, bool varies = false) => _motions.TryGetValue((batch, varies), out IMotionPipe? pipe) ? pipe
        : _motions[(batch, varies)] = Executor.OpenMotion(batch, varies);

    /// <inheritdoc cref="Motion"/>
    public IPicturePipe Pictures(int batch, bool varies = false) => _pictures.TryGetValue((batch, varies), out IPicturePipe? pipe) ? pipe
        : _pictures[(batch, varies)] = Executor.OpenPictures(batch, varies);

    /// <summary>A source as this device has it, encoded now if it is not; on this thread.</summary>
    public EncodedSource Encoded(PooledSource source)
    {
        if (_sources.TryGetValue(source, out EncodedSource? encoded)) return encoded;
        encoded = Executor.EncodeSource(source.Image);
        _pool.Locked(() => _sources.Add(source, encoded)); // others look at what is here
        return encoded;
    }

    private void Run()
    {
        try
        {
            Open();
            _pool.Join(this);
            Work();
        }
        catch (Exception failure)
        {
            // Every job that was taken and not done, in order.
            List<PoolJob> left = [.. _underWay.Select(one => one.Job)];
            if (_present is not null) left.Add(_present);
            _pool.Lose(this, Explained(failure), left);
        }
        Close();
    }

    private void Open()
    {
        Executor = _device.Open();
        DeviceName = Executor.DeviceName;
        if (_pool.IsClosing) throw new OperationCanceledException();
        if (_batch == 0) _batch = Executor.PreferredBatch();
        Depth = Math.Min(Motion(_batch).Depth, Pictures(_batch).Depth);
        if (!_isFirst) Try();
    }

    /// <summary>A batch of nothing: kernels are loaded and plans made before somebody waits for one, and memory that is too short shows
    /// now.</summary>
    private void Try()
    {
        Executor.KeepsBatches = _pool.HasOthers(this);
        int picture = Executor.Architecture.PictureLength();
        byte[][] pictures = [.. Enumerable.Range(0, _batch).Select(_ => new byte[picture])];
        float[] codes = new float[_batch * Executor.Architecture.Motion], latents = new float[_batch * Executor.Architecture.Style];
        using EncodedSource source = Executor.EncodeSource(new float[picture]);
        Motion(_batch).Submit(pictures);
        Motion(_batch).Receive(codes);
        Pictures(_batch).Submit(source, latents, _batch);
        Pictures(_batch).Receive(pictures);
    }

    private void Work()
    {
        while (_pool.Take(this, isBusy: _underWay.Count > 0, out _present))
        {
            if (_present is not null) Start(_present);
            else if (HasDiscards) LetGo();
            else Fetch();
        }
    }

    private void Start(PoolJob job)
    {
        Executor.KeepsBatches = _pool.HasOthers(this);
        try
        {
            PixelPipeTimes before = job.PipeAt(this)?.Times ?? default;
            if (job.Start(this) is { } pipe)
            {
                job.Times = pipe.Times - before; // where the processor computes, it has done so now
                _underWay.Enqueue((job, pipe));
            }
            else
            {
                _pool.Finish(job);
            }
        }
        catch (Exception failure) when (!IsOfDevice(failure))
        {
            _pool.Finish(job, failure); // the job's own: another device would do no better
        }
        _present = null;
    }

    private void Fetch()
    {
        (PoolJob job, IPixelPipe pipe) = _underWay.Peek();
        PixelPipeTimes before = pipe.Times;
        Exception? own = null;
        try
        {
            job.Fetch(pipe);
            job.Times += pipe.Times - before;
        }
        catch (Exception failure) when (!IsOfDevice(failure))
        {
            own = failure;
        }
        _underWay.Dequeue();
        _pool.Finish(job, own);
    }

    private void LetGo()
    {
        List<EncodedSource> encoded = [];
        _pool.Locked(() =>
        {
            foreach (PooledSource source in _discards)
            {
                if (_sources.Remove(source, out EncodedSource? one)) encoded.Add(one);
            }
            _discards.Clear();
        });
        foreach (EncodedSource one in encoded) one.Dispose();
    }

    /// <summary>Frees what is on the device; of one that is lost that fails, and why it is lost was told.</summary>
    private void Close()
    {
        IEnumerable<IDisposable> all = [.. _motions.Values, .. _pictures.Values, .. _sources.Values];
        foreach (IDisposable one in Executor is null ? all : all.Append(Executor))
        {
            try
            {
                one.Dispose();
            }
            catch (Exception failure) when (IsOfDevice(failure))
            {
            }
        }
    }

    private Exception Explained(Exception failure) => Executor?.Explain(failure) ?? failure;

    /// <summary>Whether another device may do what one has failed at.</summary>
    private static bool IsOfDevice(Exception failure) => failure is AcceleratorException or CudaException or AcceleratorOutOfMemoryException
        or CudaUnavailableException or GpuUnavailableException or NotSupportedException;
}
