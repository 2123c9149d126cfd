using System.Diagnostics;
using Lia.Animation.Flow;
using Lia.Animation.Motion;
using Lia.Animation.Pipeline;
using Lia.Media.Imaging;

namespace Lia;

/// <summary>One picture of a <see cref="LiveGroup"/> and what moves it: driving frames, or edits along the motion directions.</summary>
/// <remarks>May be used from any thread; results come in the order of the calls.</remarks>
public sealed class LiveSession : IDisposable
{
    /// <summary>Frames of a session that may wait for the device at once.</summary>
    public const int MostWaiting = 32;

    private readonly LiveGroup _group;
    private readonly LiveBatcher _batcher;
    private readonly LiveQueue _queue;
    private readonly FrameComposer _composer;
    private readonly FrameFitter _fitter;
    private readonly int _directions;
    private readonly LatencyMeter _meter = new();
    private readonly Lock _submitting = new(), _composing = new();
    private bool _restarts;
    private int _isDisposed;

    internal LiveSession(LiveGroup group, LiveBatcher batcher, LiveQueue queue, ClipSettings settings, int size, int directions)
    {
        (_group, _batcher, _queue, _directions) = (group, batcher, queue, directions);
        _composer = new(size, queue.Source, settings.Composition);
        _fitter = new(size, settings.Framing.Fit, settings.Framing.DrivingCrop, "the driving frame");
    }

    /// <summary>Pixels in a row of every result: the model's size; three times that side by side; the source's when pasted back.</summary>
    public int Width => _composer.Width;

    /// <summary>Rows of every result.</summary>
    public int Height => _composer.Height;

    /// <summary>How long results of this session took; null before the first.</summary>
    public FrameLatency? Latency => _meter.Read();

    /// <summary>Animates the picture with a driving frame.</summary>
    /// <param name="driving">Of any size; made the model's size before the call returns, and the caller's again then. In relative mode the
    /// first is where the motion starts.</param>
    /// <param name="cancellationToken">Gives the frame up: while it waits it costs nothing more.</param>
    /// <returns>The result, the caller's to keep; null where a newer frame took this one's place, in a session that was opened for
    /// the newest only.</returns>
    /// <exception cref="MediaException">The driving crop reaches beyond the frame.</exception>
    /// <exception cref="InvalidOperationException"><see cref="MostWaiting"/> frames wait already.</exception>
    /// <exception cref="Weights.WeightsException">Values came out that are not finite: the weights are damaged. The next frame may
    /// do.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session, its group or its animator was disposed.</exception>
    public Task<RgbImage?> ProcessAsync(RgbImage driving, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(driving);
        return ProcessAsync(() =>
        {
            byte[] square = _batcher.Squares.Rent();
            _fitter.Fit(driving, square);
            return new(_queue, square, null) { Restarts = _restarts };
        }, cancellationToken);
    }

    /// <summary>Moves the picture along motion directions, which takes no encoder: what <see cref="Animator.Manipulate"/> makes of the same
    /// edits.</summary>
    /// <param name="edits">One, or several that are added up; none reconstructs the source.</param>
    /// <param name="cancellationToken">Gives the frame up.</param>
    /// <returns>As of the other.</returns>
    /// <exception cref="ArgumentException">The model has no such direction, a delta is not a finite number, or the session shows driving
    /// frames side by side.</exception>
    /// <exception cref="InvalidOperationException"><see cref="MostWaiting"/> frames wait already.</exception>
    /// <exception cref="Weights.WeightsException">Values came out that are not finite: an edit is too large.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session, its group or its animator was disposed.</exception>
    public Task<RgbImage?> ProcessAsync(IReadOnlyList<MotionEdit> edits, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(edits);
        if (_queue.KeepsFrames) throw new ArgumentException("There is no driving frame to show side by side.", nameof(edits));
        float[] code = EditedMotion.Sum(edits, _directions);
        return ProcessAsync(() => new(_queue, null, code), cancellationToken);
    }

    /// <summary>Makes the next driving frame the one where relative motion starts: for a sitter who has moved away from where the source
    /// looks.</summary>
    public void Restart()
    {
        lock (_submitting) _restarts = true;
    }

    /// <summary>Ends the session: frames that wait are refused, and the picture's memory is given back when what is under way is done.
    /// Nobody waits for it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _batcher.Close(_queue);
        _group.Closed();
    }

    private async Task<RgbImage?> ProcessAsync(Func<LiveFrame> prepare, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        LiveFrame frame;
        lock (_submitting) // One order for the frames; and the fitter has room for one.
        {
            frame = prepare();
            _batcher.Submit(frame, MostWaiting);
            if (frame.Restarts) _restarts = false;
        }
        byte[]? picture;
        using (cancellationToken.UnsafeRegister(static (state, token) => ((LiveFrame)state!).Cancel(token), frame))
            picture = await frame.Result.ConfigureAwait(false);
        RgbImage? result = picture is null ? null : Compose(frame, picture);
        if (result is null) return null;
        TimeSpan latency = Stopwatch.GetElapsedTime(start);
        _meter.Add(latency);
        _group.Count(latency);
        return result;
    }

    private RgbImage Compose(LiveFrame frame, byte[] picture)
    {
        if (_composer.IsPlain) return new(Width, Height, picture);
        RgbImage result = new(Width, Height);
        lock (_composing)
        {
            _composer.Compose(new(default, picture, _queue.Source.Square, frame.Driving, _queue.Source.Picture), result.Pixels);
        }
        if (_queue.KeepsFrames && frame.Driving is not null) _batcher.Squares.Return(frame.Driving);
        return result;
    }
}
