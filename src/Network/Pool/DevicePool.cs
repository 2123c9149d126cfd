using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Lia.Weights;

namespace Lia.Network.Pool;

/// <summary>
/// Several devices that hold one network each, and do together what one executor does:
/// <code>
///   clip 1: batches in order  ==>                ==>  device 0, a thread of its own  ==>
///   clip 2: batches in order  ==>  what waits    ==>  device 1, a thread of its own  ==>  results, in each clip's order
/// </code>
/// A device takes a batch when it has room for one, so that a slower one takes fewer. Batches are dealt whole, the same that a single
/// device would compute, and codes that follow from one another are made by whoever asks: between devices of one kind, results are those
/// of one device, bit for bit. A source is encoded once on each device that takes batches of it.
/// <para>A device that fails is not used again: what it had taken goes to the others, and that is told. The failure of the last one is
/// that of whoever waits.</para>
/// </summary>
public sealed class DevicePool
{
    private readonly object _gate = new();
    private readonly LinkedList<PoolJob> _waiting = [];
    private readonly HashSet<string> _told = [];
    private readonly Action<string>? _onWarning;
    private readonly PoolWorker[] _workers;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IExecutor _model = null!; // what is asked of the network itself, and does not change
    private string _deviceName = "";
    private Exception? _failure;
    private int _shares;
    private bool _isClosing;

    private DevicePool(IReadOnlyList<PoolDevice> devices, int batch, Action<string>? onWarning)
    {
        _onWarning = onWarning;
        _workers = [.. devices.Select((device, place) => new PoolWorker(this, device, batch, isFirst: place == 0))];
    }

    /// <summary>Opens devices side by side, and returns when the first of them that opens is ready; the others join when they
    /// are.</summary>
    /// <param name="devices">At least one, the preferred first.</param>
    /// <param name="batch">Frames that mostly go together; 0 for the devices' choice, by the length of a clip. Those that join
    /// later have tried such a batch, or that of a clip of unknown length.</param>
    /// <param name="onWarning">Told in one line of every device that cannot be used, or not any more, while others work; on any
    /// thread.</param>
    /// <exception cref="Exception">What the first device's failure is, when none opens.</exception>
    public static DevicePool Open(IReadOnlyList<PoolDevice> devices, int batch, Action<string>? onWarning)
    {
        ArgumentNullException.ThrowIfNull(devices);
        ArgumentOutOfRangeException.ThrowIfZero(devices.Count);
        DevicePool pool = new(devices, batch, onWarning);
        foreach (PoolWorker worker in pool._workers) worker.Begin();
        lock (pool._gate)
        {
            while (pool._workers.FirstOrDefault(worker => !worker.IsLost) is { IsWorking: false }) Monitor.Wait(pool._gate);
            PoolWorker? first = pool._workers.FirstOrDefault(worker => !worker.IsLost);
            if (first is null) ExceptionDispatchInfo.Throw(pool._workers[0].Failure!);
            pool._model = first.Executor;
            return pool;
        }
    }

    /// <summary>Ends when every device has opened or failed: nothing reads the checkpoint any more.</summary>
    public Task Opened => _opened.Task;

    /// <summary>The devices that work now, in words.</summary>
    public string DeviceName
    {
        get
        {
            lock (_gate)
            {
                IEnumerable<string> names = _workers.Where(worker => worker.IsWorking).GroupBy(worker => worker.DeviceName)
                    .Select(alike => alike.Count() == 1 ? alike.Key : $"{alike.Count()} x {alike.Key}");
                string name = string.Join(" + ", names);
                return _deviceName = name.Length > 0 ? name : _deviceName;
            }
        }
    }

    /// <summary>Devices that work or are being opened.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return Math.Max(1, _workers.Count(worker => !worker.IsLost));
        }
    }

    internal ModelArchitecture Architecture => _model.Architecture;

    internal MotionBasis Basis => _model.Basis;

    internal bool IsExact => _model.IsExact;

    internal int PreferredBatch(int? frames) => _model.PreferredBatch(frames);

    /// <summary>
    /// Batches of a kind that keep all devices supplied: what fits into their pipes, and one more for each of the others, which it takes
    /// while its last result is fetched.
    /// </summary>
    internal int Depth
    {
        get
        {
            lock (_gate) return Math.Max(1, _workers.Where(worker => worker.IsWorking).Sum(worker => worker.Depth + 1) - 1);
        }
    }

    /// <summary>An executor on these devices, for one thread at a time; several go side by side. When the last one is disposed, the devices
    /// are closed.</summary>
    public IExecutor Share()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosing, this);
            _shares++;
        }
        return new PooledExecutor(this);
    }

    /// <summary>A share was given back.</summary>
    internal void Leave()
    {
        lock (_gate)
        {
            if (--_shares > 0) return;
            _isClosing = true;
            Monitor.PulseAll(_gate);
        }
        foreach (PoolWorker worker in _workers) worker.Join();
    }

    /// <summary>Has a job done by some device.</summary>
    internal void Submit(PoolJob job)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosing, this);
            if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
            job.Restart();
            _waiting.AddLast(job);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for a job.</summary>
    /// <exception cref="Exception">Why it could not be done.</exception>
    internal void Wait(PoolJob job)
    {
        lock (_gate)
        {
            while (!job.IsDone) Monitor.Wait(_gate);
        }
        if (job.Failure is not null) ExceptionDispatchInfo.Throw(job.Failure);
    }

    /// <summary>Forgets jobs; those that a device is at are waited for.</summary>
    internal void Forget(IEnumerable<PoolJob> jobs)
    {
        lock (_gate)
        {
            foreach (PoolJob job in jobs)
            {
                while (!_waiting.Remove(job) && !job.IsDone) Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>A source is not needed any more: each device lets go of it when it comes to that.</summary>
    internal void Discard(PooledSource source)
    {
        lock (_gate)
        {
            foreach (PoolWorker worker in _workers) worker.Discard(source);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>A device is ready.</summary>
    internal void Join(PoolWorker worker)
    {
        lock (_gate)
        {
            worker.State = PoolWorkerState.Working;
            CountOpened();
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The next job for a device; waits for one, or for the end, unless it has something else to do.</summary>
    /// <param name="worker">Who asks, on its own thread.</param>
    /// <param name="isBusy">Whether it has something else to do.</param>
    /// <param name="job">The job; null where there is none.</param>
    /// <returns>Whether to go on.</returns>
    internal bool Take(PoolWorker worker, bool isBusy, out PoolJob? job)
    {
        lock (_gate)
        {
            while (true)
            {
                job = null;
                if (_isClosing) return false;
                if (worker.HasDiscards) return true;
                if (Fitting(worker) is { } node)
                {
                    job = node.Value;
                    _waiting.Remove(node);
                    return true;
                }
                if (isBusy) return true;
                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Whether another device could do what this one cannot.</summary>
    internal bool HasOthers(PoolWorker worker)
    {
        lock (_gate) return _workers.Any(other => other != worker && !other.IsLost);
    }

    /// <summary>A job was done.</summary>
    internal void Finish(PoolJob job, Exception? failure = null)
    {
        lock (_gate)
        {
            job.Finish(failure);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>A device failed: what it had taken goes to the others.</summary>
    /// <param name="worker">The device.</param>
    /// <param name="failure">Why.</param>
    /// <param name="jobs">What it had taken, in order.</param>
    internal void Lose(PoolWorker worker, Exception failure, IEnumerable<PoolJob> jobs)
    {
        bool hasOpened = worker.IsWorking;
        lock (_gate) (worker.State, worker.Failure) = (PoolWorkerState.Lost, failure);
        // Told before anybody goes on. A damaged checkpoint is so on every device, and the last one tells.
        if (HasOthers(worker) && failure is not (OperationCanceledException or WeightsException))
        {
            string reason = failure.Message.ReplaceLineEndings(" ").TrimEnd('.');
            Tell($"{worker.Name} {(hasOpened ? "is not used any more" : "is not used")}: {reason}; the others do its work");
        }
        lock (_gate)
        {
            if (!hasOpened) CountOpened();
            foreach (PoolJob job in jobs.Reverse()) _waiting.AddFirst(job);
            if (_workers.All(one => one.IsLost))
            {
                _failure = failure;
                foreach (PoolJob job in _waiting) job.Finish(failure);
                _waiting.Clear();
            }
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Tells what is to be known, once.</summary>
    internal void Tell(string line)
    {
        lock (_told)
        {
            if (!_told.Add(line)) return;
            try
            {
                _onWarning?.Invoke(line);
            }
            catch (Exception)
            {
                // Nobody is behind a device's thread whom a listener's exception could reach.
            }
        }
    }

    internal void Locked(Action step)
    {
        lock (_gate) step();
    }

    internal bool IsClosing
    {
        get
        {
            lock (_gate) return _isClosing;
        }
    }

    /// <summary>
    /// The job that a device takes next: the oldest of those that need nothing it has not, else the oldest. The first batch of a source is
    /// left to the device that encoded it, so that a source of one batch is encoded once.
    /// </summary>
    private LinkedListNode<PoolJob>? Fitting(PoolWorker worker)
    {
        LinkedListNode<PoolJob>? stranger = null;
        for (LinkedListNode<PoolJob>? node = _waiting.First; node is not null; node = node.Next)
        {
            PoolJob job = node.Value;
            if (!worker.HasRoom(job)) continue;
            if (job.Source is not { } source || worker.Holds(source)) return node;
            if (!job.IsFirstOfSource || source.Home.IsLost) stranger ??= node;
        }
        return stranger;
    }

    private void CountOpened()
    {
        if (_workers.All(worker => worker.State != PoolWorkerState.Opening)) _opened.TrySetResult();
    }
}
