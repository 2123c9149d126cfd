using Lia.Media.Files;
using Lia.Pipeline;

namespace Lia;

// Frames that come as they arise: from and to streams, and one by one.
public sealed partial class Animator
{
    /// <summary>Animates a picture file with driving frames from a file or a stream, into a file or a stream.</summary>
    /// <remarks>
    /// Frames of a driving stream go through one by one (unless <see cref="AnimationOptions.Batch"/> says otherwise): the result of one is written, and flushed, before
    /// another has to come, and at most two are under way (more by half a window where motion is smoothed). The summary then tells how long frames took. A stream is read or written from where it stands
    /// and not closed; when the work is cancelled, a read or write may still be under way, and part of a frame be written.
    /// </remarks>
    /// <param name="source">The picture to animate: any picture <c>ffmpeg</c> reads; PNG needs nothing installed.</param>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG, a single picture, or a stream of raw video.</param>
    /// <param name="output">The file or folder to write, as <see cref="Native.Animate(string, string, string, AnimationOptions, IProgress{AnimationProgress}?, CancellationToken)"/> describes it, or a stream that receives raw video.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; no file is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ArgumentException">The options ask of a stream what needs the whole clip first: stretched colours, a driving crop by motion, a start frame, loops.</exception>
    /// <exception cref="MediaException">An input cannot be read (a stream's error tells the byte), the output cannot be written or is one of the inputs, or <c>ffmpeg</c> is needed and missing.</exception>
    public AnimationSummary Animate(
        string source, PathOrStream driving, PathOrStream output, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        driving.Validate(nameof(driving));
        output.Validate(nameof(output));
        options = driving.Stream is null ? ForClip(options) : ForStream(options);
        using Occupation clip = Occupy(cancellationToken);
        FrameWriters.CheckDistinct([(source, "the source"), .. driving.Path is { } path ? [(path, "the driving file")] : ((string, string)[])[]], output.Path, options.Dump);
        using FramesInFlight? live = driving.Stream is null ? null : new(2 * options.Batch + options.SmoothingWindow / 2);
        return clip.Explain(() => WriteClip(source, Driving(Read(driving, options, live), options, progress), output, options, progress, clip.Token, live));
    }

    /// <summary>Prepares a picture for driving frames that come one by one.</summary>
    /// <param name="source">The picture to animate, of any size; encoded once, now.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading must be as loaded, or unset; frame range, rate, sound, batch and dump are not looked at.</param>
    /// <returns>Holds the animator until disposed: dispose it before the animator works on something else.</returns>
    /// <exception cref="ArgumentException">The options ask for what needs frames to come: smoothing, stretched colours, a driving crop by motion, a start frame, loops.</exception>
    /// <exception cref="MediaException">The crop reaches beyond the picture.</exception>
    public LiveAnimator Live(RgbImage source, AnimationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        options = ForStream(options);
        if (options.SmoothingWindow > 1) throw new ArgumentException("Motion cannot be smoothed frame by frame: it takes frames to come.");
        Occupation clip = Occupy(CancellationToken.None);
        try
        {
            MotionMode mode = Mode(options);
            return new LiveAnimator(new FrameByFrame(_executor, _modelName, Still(source, options), options, mode), clip);
        }
        catch
        {
            clip.Dispose();
            throw;
        }
    }

    /// <exception cref="ArgumentException">The options need the whole clip before the first frame.</exception>
    private AnimationOptions ForStream(AnimationOptions? options)
    {
        options = ForFrames(options);
        if (options.Normalization == Normalization.MinMax) throw new ArgumentException("Colours cannot be stretched over a clip (minmax) whose frames come one by one.");
        if (options.NeedsWholeMotion) throw new ArgumentException("Frames that come one by one can be animated in their order only, from the first: no start frame, loop or ping-pong.");
        return options with { Batch = Math.Max(1, options.Batch) };
    }
}
