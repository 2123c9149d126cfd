namespace Lia.Network.Cpu;

/// <summary>Work that falls into independent items.</summary>
internal abstract class ParallelWork
{
    /// <summary>Does one item.</summary>
    /// <param name="item">From 0.</param>
    /// <param name="worker">Which worker does it: selects per-worker scratch memory.</param>
    public abstract void Run(int item, int worker);
}

/// <summary>
/// Persistent threads that share the items of one piece of work at a time. Running allocates nothing.
/// </summary>
/// <remarks>
/// Work follows work within microseconds, so an idle worker spins for a while before it sleeps. Items are claimed from one
/// counter that also carries the number of the run (<c>run &lt;&lt; 32 | next item</c>), so a worker that wakes late cannot claim
/// items of a run it has not seen, and nobody waits for it: a run ends when its items are done.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    private const int SpinRounds = 2000; // Of Thread.SpinWait(SpinLength): about 50 microseconds.
    private const int SpinLength = 10;
    private const long Closed = int.MaxValue; // As next item: there is none.

    private readonly Thread[] _threads;
    private readonly Lock _running = new();
    private readonly object _sleep = new();
    private int _sleepers;
    private ParallelWork? _work;
    private int _items;
    private long _claims; // run << 32 | next item
    private int _completed;
    private Exception? _failure;
    private volatile bool _isStopping;

    /// <summary>Starts a pool.</summary>
    /// <param name="workers">Threads that work, the caller of <see cref="Run"/> included.</param>
    public WorkerPool(int workers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        Workers = workers;
        _threads = new Thread[workers - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Loop(worker)) { IsBackground = true, Name = $"LIA worker {worker}" };
            _threads[i].Start();
        }
    }

    public int Workers { get; }

    /// <summary>Does all items and returns when they are done. An exception in an item is rethrown here.</summary>
    public void Run(ParallelWork work, int items)
    {
        if (items <= 0) return;
        lock (_running)
        {
            if (items == 1 || Workers == 1)
            {
                for (int item = 0; item < items; item++) work.Run(item, 0);
                return;
            }
            long last = _claims >> 32;
            int run = unchecked((int)last + 1);
            Interlocked.Exchange(ref _claims, last << 32 | Closed); // From here on no late worker's claim succeeds.
            (_work, _items, _completed, _failure) = (work, items, 0, null);
            Interlocked.Exchange(ref _claims, (long)run << 32); // Publishes the fields; a worker going to sleep sees it or is seen below.
            if (Volatile.Read(ref _sleepers) > 0)
            {
                lock (_sleep) Monitor.PulseAll(_sleep);
            }
            Work(run, 0);
            SpinWait spin = default;
            while (Volatile.Read(ref _completed) < items) spin.SpinOnce(sleep1Threshold: -1);
            if (_failure is { } failure) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    public void Dispose()
    {
        _isStopping = true;
        lock (_sleep) Monitor.PulseAll(_sleep);
        foreach (Thread thread in _threads) thread.Join();
    }

    private void Loop(int worker)
    {
        int seen = 0;
        while (WaitForRun(seen) is int run)
        {
            Work(run, worker);
            seen = run;
        }
    }

    /// <summary>The number of a run after <paramref name="seen"/>, or null when the pool stops.</summary>
    private int? WaitForRun(int seen)
    {
        for (int round = 0; !_isStopping; round++)
        {
            int run = (int)(Volatile.Read(ref _claims) >> 32);
            if (run != seen) return run;
            if (round < SpinRounds)
            {
                Thread.SpinWait(SpinLength);
                continue;
            }
            lock (_sleep)
            {
                Interlocked.Increment(ref _sleepers);
                while (!_isStopping && (int)(Volatile.Read(ref _claims) >> 32) == seen) Monitor.Wait(_sleep);
                Interlocked.Decrement(ref _sleepers);
            }
        }
        return null;
    }

    private void Work(int run, int worker)
    {
        // A successful claim proves that the run is not over, so the fields read before it are the run's own.
        while (true)
        {
            long claims = Volatile.Read(ref _claims);
            ParallelWork work = _work!;
            int item = (int)claims;
            if ((int)(claims >> 32) != run || item >= Volatile.Read(ref _items)) return;
            if (Interlocked.CompareExchange(ref _claims, claims + 1, claims) != claims) continue;
            try
            {
                work.Run(item, worker);
            }
            catch (Exception exception) // Whatever it is, the caller of Run shall see it.
            {
                Interlocked.CompareExchange(ref _failure, exception, null);
            }
            Interlocked.Increment(ref _completed);
        }
    }
}
