using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Lia.Training.Data;

/// <summary>
/// Reads units of work, clips or rows, side by side, and hands out their pictures in the order of the units:
/// <code>
///   units --> worker: unit 4  [p p p      ]  waits: there is no more room
///         --> worker: unit 3  [p p p p p p]  is over
///         --> worker: unit 2  [p p        ]  --> pictures of unit 2, one after another
/// </code>
/// What waits for its turn has a room of fixed size. The unit whose turn it is always goes on, so that a clip of any length passes through.
/// </summary>
/// <typeparam name="TUnit">A clip, or a row.</typeparam>
/// <param name="pictureLength">Bytes of a picture.</param>
/// <param name="workers">Threads that read.</param>
/// <param name="read">Reads a unit on a worker's thread; returns why it cannot be used.</param>
/// <param name="mostWaiting">Bytes of pictures that may wait, all in all.</param>
internal sealed class PictureLine<TUnit>(int pictureLength, int workers,
    Func<TUnit, PictureLine<TUnit>.Room, CancellationToken, MediaException?> read, long mostWaiting = 512L << 20)
{
    // The unit whose turn it is has this many beyond the room: one is taken while the next is made. Units without pictures are bounded too.
    private const int Own = 2, MostUnits = 4096;

    private readonly object _gate = new();
    private readonly Queue<Entry> _order = [];
    private readonly ConcurrentBag<byte[]> _free = [];
    private readonly long _mostPictures = Math.Max(workers, mostWaiting / pictureLength);
    private long _pictures; // rented
    private bool _isLast, _isOver;

    /// <summary>Pictures that were in memory at the same time.</summary>
    public long MostPictures { get; private set; }

    /// <summary>Reads all units.</summary>
    /// <param name="units">Asked for one after another, by the workers.</param>
    /// <param name="take">Is given each picture on the calling thread, in order; the bytes are valid for the time of the call.</param>
    /// <param name="end">Is told of each unit when its last picture was taken, and why it cannot be used.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public void Run(IEnumerable<TUnit> units, Action<byte[]> take, Action<TUnit, MediaException?> end, CancellationToken cancellationToken)
    {
        using IEnumerator<TUnit> enumerator = units.GetEnumerator();
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using CancellationTokenRegistration waking = cancellationToken.Register(Wake);
        Thread[] threads = [.. Enumerable.Range(0, workers).Select(number =>
            new Thread(() => Work(enumerator, stop.Token)) { IsBackground = true, Name = $"pictures {number}" })];
        foreach (Thread thread in threads) thread.Start();
        try
        {
            while (Next(cancellationToken) is { } entry)
            {
                while (Next(entry, cancellationToken) is { } picture)
                {
                    take(picture);
                    Return(picture);
                }
                entry.Fault?.Throw();
                end(entry.Unit!, entry.Problem);
                lock (_gate) _order.Dequeue();
                Wake();
            }
        }
        finally
        {
            stop.Cancel();
            lock (_gate) _isOver = true;
            Wake();
            foreach (Thread thread in threads) thread.Join();
        }
    }

    /// <summary>The unit whose turn it is; null after the last.</summary>
    private Entry? Next(CancellationToken token)
    {
        lock (_gate)
        {
            while (_order.Count == 0)
            {
                token.ThrowIfCancellationRequested();
                if (_isLast) return null;
                Monitor.Wait(_gate);
            }
            Monitor.PulseAll(_gate); // Its worker may wait for its turn.
            return _order.Peek();
        }
    }

    /// <summary>The next picture of a unit; null after the last.</summary>
    private byte[]? Next(Entry entry, CancellationToken token)
    {
        lock (_gate)
        {
            while (entry.Pictures.Count == 0)
            {
                token.ThrowIfCancellationRequested();
                if (entry.IsOver) return null;
                Monitor.Wait(_gate);
            }
            return entry.Pictures.Dequeue();
        }
    }

    private void Work(IEnumerator<TUnit> units, CancellationToken token)
    {
        while (Begin(units) is { } entry)
        {
            MediaException? problem = null;
            ExceptionDispatchInfo? fault = null;
            try
            {
                problem = read(entry.Unit!, new Room(this, entry, token), token);
            }
#pragma warning disable CA1031 // Whatever it is, it is thrown where the unit's turn comes.
            catch (Exception failure)
            {
                fault = ExceptionDispatchInfo.Capture(failure);
            }
#pragma warning restore CA1031
            lock (_gate) (entry.Problem, entry.Fault, entry.IsOver) = (problem, fault, true);
            Wake();
        }
    }

    /// <summary>Takes the next unit; null when there is none.</summary>
    private Entry? Begin(IEnumerator<TUnit> units)
    {
        lock (_gate)
        {
            while (!_isOver && !_isLast && _order.Count >= MostUnits) Monitor.Wait(_gate);
            if (_isOver || _isLast) return null;
            Entry? entry = null;
            try
            {
                if (units.MoveNext()) _order.Enqueue(entry = new Entry { Unit = units.Current });
                else _isLast = true;
            }
#pragma warning disable CA1031 // As above; after a fault there are no more units.
            catch (Exception failure)
            {
                _order.Enqueue(new Entry { Fault = ExceptionDispatchInfo.Capture(failure), IsOver = true });
                _isLast = true;
            }
#pragma warning restore CA1031
            Monitor.PulseAll(_gate);
            return entry;
        }
    }

    private void Return(byte[] picture)
    {
        _free.Add(picture);
        lock (_gate) _pictures--;
        Wake();
    }

    private void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }

    /// <summary>Where a unit's pictures are put.</summary>
    internal readonly struct Room(PictureLine<TUnit> line, Entry entry, CancellationToken token)
    {
        /// <summary>Room for a picture, as soon as there is some.</summary>
        /// <exception cref="OperationCanceledException">It was stopped.</exception>
        public byte[] Rent()
        {
            lock (line._gate)
            {
                while (line._pictures >= line._mostPictures && !(line._order.Peek() == entry && entry.Pictures.Count < Own))
                {
                    token.ThrowIfCancellationRequested();
                    Monitor.Wait(line._gate);
                }
                line.MostPictures = Math.Max(line.MostPictures, ++line._pictures);
            }
            return line._free.TryTake(out byte[]? free) ? free : new byte[line.PictureLength];
        }

        /// <summary>Adds a picture that <see cref="Rent"/> had room for.</summary>
        public void Add(byte[] picture)
        {
            lock (line._gate)
            {
                entry.Pictures.Enqueue(picture);
                Monitor.PulseAll(line._gate);
            }
        }
    }

    private int PictureLength => pictureLength;

    /// <summary>A unit that was begun.</summary>
    internal sealed class Entry
    {
        public TUnit? Unit { get; init; }

        public Queue<byte[]> Pictures { get; } = [];

        public bool IsOver { get; set; }

        public MediaException? Problem { get; set; }

        public ExceptionDispatchInfo? Fault { get; set; }
    }
}
