using System.Collections.Concurrent;
using Lia.Animation.Flow;
using Lia.Animation.Framing;
using Lia.Media.IO;
using Lia.Media.Imaging;

namespace Lia.Animation.Motion;

/// <summary>Reads driving frames and makes them S x S on a thread of its own, from <see cref="Start"/> on, a bounded
/// number of frames ahead of the network.</summary>
internal sealed class DrivingFrames : IDisposable
{
    private readonly IFrameReader _reader;
    private readonly int _first;
    private readonly int? _end;
    private readonly FramePool _pool;
    private readonly int _size;
    private readonly FramesInFlight? _live;
    private readonly MotionMeters _meters;
    private readonly CancellationTokenSource _stop;
    private FrameFitter _fitter = null!; // until the start, as the queue and the thread
    private BlockingCollection<byte[]> _queue = null!;
    private Thread? _thread;
    private Exception? _failure;

    /// <param name="open">Opens the reader; its token ends a read that is under way.</param>
    /// <param name="settings">The frame range.</param>
    /// <param name="size">S.</param>
    /// <param name="live">Says when the next frame may be read, and is told when it is there; null reads on.</param>
    /// <param name="meters">Told how long reading, resizing and waiting take.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public DrivingFrames(
        Func<CancellationToken, IFrameReader> open, MotionSettings settings, int size, FramesInFlight? live, MotionMeters meters,
        CancellationToken cancellationToken)
    {
        (_size, _live, _meters) = (size, live, meters);
        (_first, _end) = (settings.FirstFrame, settings.EndFrame);
        _pool = new FramePool(3 * size * size);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, live?.Abandoned ?? CancellationToken.None);
        try
        {
            _reader = open(_stop.Token);
        }
        catch
        {
            _stop.Dispose();
            throw;
        }
    }

    /// <summary>What is read.</summary>
    public string Name => _reader.Name;

    public FrameRate? Rate => _reader.Rate;

    public AudioTrack? Audio => _reader.Audio;

    /// <summary>What the decoder complained of, once every frame is taken.</summary>
    public string? Warning => _reader.Warning;

    /// <summary>Frames there will be if what the file tells is right; null when it tells nothing.</summary>
    public int? Expected =>
        _reader.Count is int count ? Math.Max(0, Math.Min(count, _end ?? count) - _first)
        : null;

    /// <summary>Begins to read.</summary>
    /// <param name="framing">The crop and the fit.</param>
    /// <param name="threads">Most threads that share the resizing of a frame.</param>
    /// <param name="ahead">Frames that may wait.</param>
    public void Start(FramingSettings framing, int threads, int ahead)
    {
        _fitter = new FrameFitter(_size, framing.Fit, framing.DrivingCrop, Name, threads);
        _queue = new BlockingCollection<byte[]>(ahead);
        Thread thread = new(ReadAll) { IsBackground = true, Name = "LIA driving frames" };
        thread.Start();
        _thread = thread;
    }

    /// <summary>The next frame [S, S, 3], or null after the last. Give it back with <see cref="Return"/>.</summary>
    /// <exception cref="MediaException">The file is damaged, or holds no frame in the range.</exception>
    public byte[]? Take()
    {
        using Meter.Lap wait = _meters.WaitedForFrames.Run();
        if (_queue.TryTake(out byte[]? frame, Timeout.Infinite, _stop.Token)) return frame;
        if (_failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
        return null;
    }

    /// <summary>Whether a number of frames, or the last ones, can be taken without waiting.</summary>
    public bool AreReady(int frames) => _queue.Count >= frames || _queue.IsAddingCompleted;

    public void Return(byte[] frame) => _pool.Return(frame);

    public void Dispose()
    {
        _stop.Cancel();
        _thread?.Join();
        try
        {
            _reader.Dispose();
        }
        finally
        {
            _queue?.Dispose();
            _stop.Dispose();
        }
    }

    private void ReadAll()
    {
        try
        {
            int read = 0;
            while (_end is null || read < _end)
            {
                _stop.Token.ThrowIfCancellationRequested();
                if (read >= _first) _live?.WaitForRoom(_stop.Token);
                if (Read() is not RgbImage image) break;
                if (read++ < _first) continue;
                _live?.Arrived();
                byte[] frame = _pool.Rent();
                using (_meters.Resize.Run()) _fitter.Fit(image, frame);
                using (_meters.WaitedForRoom.Run()) _queue.Add(frame, _stop.Token);
            }
            if (read == 0) throw new MediaException($"{_reader.Name}: there is no frame in it.");
            if (read <= _first) throw new MediaException($"{_reader.Name}: it has {read} frames, so none from frame {_first} on.");
        }
        catch (Exception failure)
        {
            _failure = failure;
        }
        finally
        {
            _queue.CompleteAdding();
        }
    }

    private RgbImage? Read()
    {
        using Meter.Lap reading = _meters.Decode.Run();
        return _reader.Read();
    }
}
