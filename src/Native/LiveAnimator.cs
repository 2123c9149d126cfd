using System.Diagnostics;
using Lia.Animation.Flow;
using Lia.Animation.Motion;
using Lia.Animation.Pipeline;

namespace Lia;

/// <summary>A picture that follows driving frames one by one, on the caller's thread: the way with the least delay
/// (<see cref="Animator.Live"/>).</summary>
/// <remarks>
/// <code>
/// using Animator animator = new(new ModelOptions { Model = "vox.safetensors" });
/// using LiveAnimator live = animator.Live("face.png");
/// while (camera.Next() is RgbImage frame) Show(live.Next(frame));
/// </code>
/// Used by one thread at a time.
/// </remarks>
public sealed class LiveAnimator : IDisposable
{
    private readonly ClipPipeline _pipeline;
    private readonly HandedMotion _motion;
    private readonly Animator.Occupation _occupation;
    private readonly LatencyMeter _meter = new();
    private IEnumerator<RgbImage>? _frames;
    private bool _isDisposed;

    internal LiveAnimator(ClipPipeline pipeline, HandedMotion motion, Animator.Occupation occupation) =>
        (_pipeline, _motion, _occupation) = (pipeline, motion, occupation);

    /// <summary>Pixels in a row of every result: the model's size; three times that side by side; the source's when pasted back.</summary>
    public int Width => _pipeline.Width;

    /// <summary>Rows of every result.</summary>
    public int Height => _pipeline.Height;

    /// <summary>How long <see cref="Next"/> took so far; null before the first frame.</summary>
    public FrameLatency? Latency => _meter.Read();

    /// <summary>Animates the picture with the next driving frame.</summary>
    /// <param name="driving">Of any size. In relative mode the first is where the motion starts.</param>
    /// <returns>The result; the caller's to keep.</returns>
    /// <exception cref="MediaException">The driving crop reaches beyond the frame.</exception>
    /// <exception cref="Weights.WeightsException">Values came out that are not finite: the weights are damaged.</exception>
    /// <exception cref="ObjectDisposedException">This object or its animator was disposed.</exception>
    public RgbImage Next(RgbImage driving)
    {
        ArgumentNullException.ThrowIfNull(driving);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        long start = Stopwatch.GetTimestamp();
        RgbImage result = _occupation.Explain(() =>
        {
            _occupation.Token.ThrowIfCancellationRequested();
            _motion.Hand(driving);
            return Compute();
        });
        _meter.Add(Stopwatch.GetElapsedTime(start));
        return result;
    }

    /// <summary>Makes the next driving frame the one where relative motion starts: for a sitter who has moved away from where the source
    /// looks.</summary>
    public void Restart() => _pipeline.Restart();

    /// <summary>Gives the source's memory back and frees the animator.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _frames?.Dispose();
        _pipeline.Dispose();
        _occupation.Dispose(); // Once: the animator may be at work on something else since.
    }

    private RgbImage Compute()
    {
        _frames ??= _pipeline.Frames().GetEnumerator();
        try
        {
            _frames.MoveNext(); // there are as many as are handed over
            return _frames.Current;
        }
        catch
        {
            _frames = null; // it has ended with the fault; the next frame may do
            throw;
        }
    }
}
