using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Lia.Animation.Flow;
using Lia.Media.IO;

namespace Lia.Animation.Pipeline;

/// <summary>Hands frames to a writer on a thread of its own, a bounded number of frames behind the network.</summary>
internal sealed class WriterQueue : IDisposable
{
    private readonly IFrameWriter _writer;
    private readonly FramePool _pool;
    private readonly FramesInFlight? _live;
    private readonly CancellationTokenSource _stop;
    private readonly BlockingCollection<byte[]> _queue;
    private readonly Thread _thread;
    private Exception? _failure;

    /// <param name="writer">Used by this queue's thread alone until <see cref="Finish"/> returns; disposed by the caller.</param>
    /// <param name="pool">Where written buffers go back to.</param>
    /// <param name="behind">Frames that may wait.</param>
    /// <param name="live">Told of every frame that is written; null where nobody waits for it.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public WriterQueue(IFrameWriter writer, FramePool pool, int behind, FramesInFlight? live, CancellationToken cancellationToken)
    {
        (_writer, _pool, _live) = (writer, pool, live);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _queue = new BlockingCollection<byte[]>(behind);
        _thread = new Thread(WriteAll) { IsBackground = true, Name = "LIA output" };
        _thread.Start();
    }

    /// <summary>The caller waits until frames are written.</summary>
    public Meter WaitedForRoom { get; } = new();

    /// <summary>The queue's thread waits for frames.</summary>
    public Meter WaitedForFrames { get; } = new();

    /// <summary>The queue's thread writes.</summary>
    public Meter Writing { get; } = new();

    /// <summary>When the first frame was written, as <see cref="Stopwatch"/> counts; null before.</summary>
    public long? FirstWritten { get; private set; }

    /// <summary>Queues a frame; the queue owns its buffer from here on.</summary>
    /// <exception cref="MediaException">An earlier frame could not be written.</exception>
    public void Add(byte[] frame)
    {
        using Meter.Lap wait = WaitedForRoom.Run();
        try
        {
            _queue.Add(frame, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            ThrowIfFailed();
            throw;
        }
    }

    /// <summary>Tells of a frame that could not be written.</summary>
    /// <exception cref="MediaException">There is one.</exception>
    public void ThrowIfFailed()
    {
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    /// <summary>Waits until every frame is with the writer.</summary>
    /// <exception cref="MediaException">A frame could not be written.</exception>
    public void Finish()
    {
        _queue.CompleteAdding();
        _thread.Join();
        ThrowIfFailed();
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _queue.Dispose();
        _stop.Dispose();
    }

    private void WriteAll()
    {
        try
        {
            while (Take() is byte[] frame)
            {
                using (Writing.Run()) _writer.Write(frame);
                FirstWritten ??= Stopwatch.GetTimestamp();
                _live?.Left();
                _pool.Return(frame);
            }
        }
        catch (Exception failure)
        {
            _failure = failure;
            _stop.Cancel(); // wakes a caller that waits for room
            _live?.Abandon(); // or for a frame
        }
    }

    private byte[]? Take()
    {
        using Meter.Lap wait = WaitedForFrames.Run();
        return _queue.TryTake(out byte[]? frame, Timeout.Infinite, _stop.Token) ? frame : null;
    }
}
