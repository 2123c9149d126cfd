using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Lia.Animation.Flow;
using Lia.Network;

namespace Lia.Animation.Pipeline;

/// <summary>
/// Takes frames of many sessions through one network together, on a thread of its own: dynamic batching.
/// <code>
///     sessions     a1  b1   c1      a2 c2 d1           b2 ...
///     device       [ a1 ][ b1 c1  ][ a2 c2 d1 b2 ] ...
/// </code>
/// An idle device starts with the first frame that comes; frames that come while it works gather, at most one of a session, and are the
/// next pass. So nobody waits for others, and the more there are the larger passes become. Frames that have gathered for some time (the gather
/// time) when the thread looks are put behind the pass under way, so that a busy device does not stand still between two.
/// </summary>
internal sealed class LiveBatcher : IDisposable
{
    private readonly IExecutor _executor;
    private readonly string _model;
    private readonly int _most;
    private readonly TimeSpan _gatherTime;
    private readonly IMotionPipe _motion;
    private readonly IPicturePipe _pictures;
    private readonly Thread _thread;
    private readonly object _gate = new(); // A monitor: the thread waits at it.
    private readonly Queue<LiveQueue> _ready = []; // Sessions with frames that wait, each once.
    private readonly Queue<Action> _errands = [];
    private readonly HashSet<LiveQueue> _open = []; // The thread's: sources to be disposed.
    private readonly float[] _codes, _latents;
    private readonly bool[] _faults;
    private Exception? _ended; // What is told to whoever comes now.
    private bool _isDisposed;
    private long _passes, _frames;

    /// <param name="executor">Used by this object's thread alone from now on until it is disposed.</param>
    /// <param name="model">Its name in error messages.</param>
    /// <param name="most">Most frames of a pass.</param>
    /// <param name="gatherTime">How long frames gather beside a busy device.</param>
    public LiveBatcher(IExecutor executor, string model, int most, TimeSpan gatherTime)
    {
        (_executor, _model, _most, _gatherTime) = (executor, model, most, gatherTime);
        int picture = executor.Architecture.PictureLength();
        (_codes, _latents) = (new float[most * executor.Architecture.Motion], new float[most * executor.Architecture.Style]);
        _faults = new bool[most];
        Squares = new(picture);
        _motion = executor.OpenMotion(most, varies: true);
        try
        {
            _pictures = executor.OpenPictures(most, varies: true);
        }
        catch
        {
            _motion.Dispose();
            throw;
        }
        _thread = new(Work) { IsBackground = true, Name = "LIA live" };
        _thread.Start();
    }

    /// <summary>Buffers for driving frames [S, S, 3]; the batcher gives them back when it has done with them, unless the session keeps
    /// them.</summary>
    public FramePool Squares { get; }

    /// <summary>Passes so far.</summary>
    public long Passes => Interlocked.Read(ref _passes);

    /// <summary>Frames in them.</summary>
    public long Frames => Interlocked.Read(ref _frames);

    /// <summary>Encodes a session's source and takes its frames from then on.</summary>
    /// <param name="queue">The session.</param>
    /// <param name="cancellationToken">Gives it up; its source is disposed.</param>
    public Task OpenAsync(LiveQueue queue, CancellationToken cancellationToken)
    {
        TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isTaken = Do(() =>
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                queue.Encoded = queue.Source.Next(_executor);
                _open.Add(queue);
                opened.SetResult();
            }
            catch (Exception e)
            {
                queue.Source.Dispose();
                if (e is OperationCanceledException) opened.SetCanceled(cancellationToken);
                else opened.SetException(_executor.Explain(e) ?? e);
            }
        }, refused: opened.SetException);
        if (!isTaken) queue.Source.Dispose();
        return opened.Task;
    }

    /// <summary>Puts a frame behind those of its session, or in their place.</summary>
    /// <param name="frame">Its result comes when its pass is done.</param>
    /// <param name="mostWaiting">Frames of the session that may wait.</param>
    /// <exception cref="InvalidOperationException">Too many wait.</exception>
    /// <exception cref="ObjectDisposedException">The session or the group was disposed.</exception>
    public void Submit(LiveFrame frame, int mostWaiting)
    {
        LiveQueue queue = frame.Queue;
        LiveFrame? replaced = null;
        lock (_gate)
        {
            Exception? refusal = _ended ?? (queue.IsClosed ? new ObjectDisposedException("LiveSession") : null);
            if (refusal is not null) ExceptionDispatchInfo.Throw(refusal);
            if (queue.NewestOnly && queue.Waiting.TryDequeue(out replaced)) Skip(replaced);
            while (queue.Waiting.TryPeek(out LiveFrame? first) && first.Result.IsCompleted) Skip(queue.Waiting.Dequeue());
            if (queue.Waiting.Count >= mostWaiting)
                throw new InvalidOperationException($"{mostWaiting} frames of this session wait already: wait for results, or open it with "
                    + "newestOnly.");
            queue.Waiting.Enqueue(frame);
            if (!queue.IsReady) Line(queue);
            Monitor.Pulse(_gate);
        }
        replaced?.Complete(null);
    }

    /// <summary>Ends a session: what waits is refused, what is under way is done, then the source goes. Nobody waits for it.</summary>
    public void Close(LiveQueue queue)
    {
        LiveFrame[] waiting;
        lock (_gate)
        {
            if (queue.IsClosed) return;
            queue.IsClosed = true;
            waiting = [.. queue.Waiting];
            queue.Waiting.Clear();
        }
        foreach (LiveFrame frame in waiting) frame.Fail(new ObjectDisposedException("LiveSession"));
        Do(() =>
        {
            queue.IsReleased = true;
            ReleaseIfDone(queue);
        }, refused: static _ => { }); // The thread disposes of all sources at its end.
    }

    /// <summary>Refuses frames from now on; what is under way is done. Does not wait.</summary>
    /// <param name="reason">What whoever comes is told.</param>
    public void Stop(Exception reason)
    {
        lock (_gate)
        {
            _ended ??= reason;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for what is under way, then gives the sources' memory back.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        Stop(new ObjectDisposedException("LiveGroup"));
        _thread.Join();
        _motion.Dispose();
        _pictures.Dispose();
    }

    /// <summary>Has the thread do something between passes.</summary>
    private bool Do(Action errand, Action<Exception> refused)
    {
        Exception? ended;
        lock (_gate)
        {
            ended = _ended;
            if (ended is null)
            {
                _errands.Enqueue(errand);
                Monitor.Pulse(_gate);
            }
        }
        if (ended is not null) refused(ended);
        return ended is null;
    }

    private void Work()
    {
        Pass? running = null, next = null;
        try
        {
            while (Look(running, out Action[] errands, out next))
            {
                foreach (Action errand in errands) errand();
                if (next is not null) Encode(next);
                if (running is not null) Deliver(running);
                running = null;
                if (next is not null) Decode(next);
                (running, next) = (next, null);
            }
        }
        catch (Exception e)
        {
            Exception failure = _executor.Explain(e) ?? e;
            Stop(failure);
            running?.Fail(failure);
            next?.Fail(failure);
        }
        End();
    }

    /// <summary>Waits until there is something to do.</summary>
    /// <returns>Whether to go on.</returns>
    private bool Look(Pass? running, out Action[] errands, out Pass? next)
    {
        lock (_gate)
        {
            while (running is null && _ready.Count == 0 && _errands.Count == 0 && _ended is null) Monitor.Wait(_gate);
            errands = [.. _errands];
            _errands.Clear();
            // Where the processor computes, the next pass would only keep the results of this one back.
            bool isDue = running is null || (_pictures.Depth > 1 && (_ready.Count >= _most
                || (_ready.TryPeek(out LiveQueue? first) && Stopwatch.GetElapsedTime(first.WaitingSince) >= _gatherTime)));
            next = isDue && _ended is null ? Take() : null;
            return _ended is null || running is not null || errands.Length > 0;
        }
    }

    /// <summary>The next pass: a frame of every session that has one, the longest waiting first; null where there is none.</summary>
    private Pass? Take()
    {
        List<LiveFrame> frames = [];
        for (int left = _ready.Count; left > 0 && frames.Count < _most; left--)
        {
            LiveQueue queue = _ready.Dequeue();
            LiveFrame? frame = null;
            while (frame is null && queue.Waiting.TryDequeue(out LiveFrame? first))
            {
                if (first.Result.IsCompleted) Skip(first);
                else frame = first;
            }
            queue.IsReady = false;
            if (queue.Waiting.Count > 0) Line(queue);
            if (frame is not null) frames.Add(frame);
        }
        if (frames.Count == 0) return null;
        foreach (LiveFrame frame in frames) frame.Queue.UnderWay++;
        return new(frames);
    }

    private void Line(LiveQueue queue)
    {
        queue.IsReady = true;
        queue.WaitingSince = Stopwatch.GetTimestamp();
        _ready.Enqueue(queue);
    }

    /// <summary>Starts the encoder on what is driven by frames.</summary>
    private void Encode(Pass pass)
    {
        byte[][] driving = [.. pass.Frames.Where(frame => frame.Driving is not null).Select(frame => frame.Driving!)];
        pass.Driven = driving.Length;
        if (driving.Length > 0) _motion.Submit(driving);
    }

    /// <summary>Waits for the motion codes and starts the decoder.</summary>
    private void Decode(Pass pass)
    {
        int motion = _executor.Architecture.Motion, style = _executor.Architecture.Style, driven = 0;
        if (pass.Driven > 0) _motion.Receive(_codes.AsSpan(0, pass.Driven * motion));
        List<EncodedSource> sources = [];
        foreach (LiveFrame frame in pass.Frames)
        {
            float[] code = frame.Code ?? _codes.AsSpan(driven++ * motion, motion).ToArray();
            if (frame.Driving is not null && !frame.Queue.KeepsFrames) Squares.Return(frame.Driving);
            if (!Planes.AllFinite(code))
            {
                if (frame.Restarts) frame.Queue.Restart(); // With the next: this one must not be where a motion starts.
                Leave(frame, null);
                continue;
            }
            frame.Queue.Transfer(_executor, frame, code, _latents.AsSpan(sources.Count * style, style));
            sources.Add(frame.Queue.Encoded!);
            pass.Decoded.Add(frame);
        }
        if (sources.Count > 0) _pictures.Submit([.. sources], _latents.AsSpan(0, sources.Count * style));
        Interlocked.Increment(ref _passes);
        Interlocked.Add(ref _frames, pass.Frames.Count);
    }

    /// <summary>Waits for the pictures and hands them over.</summary>
    private void Deliver(Pass pass)
    {
        int count = pass.Decoded.Count;
        if (count == 0) return;
        byte[][] pictures = new byte[count][];
        for (int i = 0; i < count; i++)
            pictures[i] = GC.AllocateUninitializedArray<byte>(_executor.Architecture.PictureLength());
        _pictures.Receive(pictures, _faults.AsSpan(0, count));
        for (int i = 0; i < count; i++)
            Leave(pass.Decoded[i], _faults[i] ? null : pictures[i]);
    }

    /// <summary>A frame leaves its pass, with a picture unless it was not finite.</summary>
    private void Leave(LiveFrame frame, byte[]? picture)
    {
        frame.Queue.UnderWay--;
        if (picture is null) frame.Fail(NotFinite.Live(_model));
        else frame.Complete(picture);
        ReleaseIfDone(frame.Queue);
    }

    private void ReleaseIfDone(LiveQueue queue)
    {
        if (queue.IsReleased && queue.UnderWay == 0 && _open.Remove(queue)) queue.Source.Dispose();
    }

    /// <summary>A frame that is not computed gives its buffer back, and what was to begin with it begins with the next.</summary>
    private void Skip(LiveFrame frame)
    {
        if (frame.Restarts) frame.Queue.Restart();
        if (frame.Driving is not null) Squares.Return(frame.Driving);
    }

    private void End()
    {
        LiveFrame[] waiting;
        Action[] errands;
        lock (_gate)
        {
            errands = [.. _errands];
            _errands.Clear();
            waiting = [.. _ready.SelectMany(queue => queue.Waiting)];
            foreach (LiveQueue queue in _ready) queue.Waiting.Clear();
            _ready.Clear();
        }
        foreach (Action errand in errands) errand(); // Whoever waits for one is told.
        foreach (LiveFrame frame in waiting) frame.Fail(_ended!);
        foreach (LiveQueue queue in _open) queue.Source.Dispose();
        _open.Clear();
    }

    /// <summary>Frames that go through the network together.</summary>
    private sealed class Pass(List<LiveFrame> frames)
    {
        public List<LiveFrame> Frames => frames;

        /// <summary>How many the encoder has.</summary>
        public int Driven { get; set; }

        /// <summary>Those that the decoder has, in its order.</summary>
        public List<LiveFrame> Decoded { get; } = [];

        public void Fail(Exception failure)
        {
            foreach (LiveFrame frame in frames) frame.Fail(failure);
        }
    }
}
