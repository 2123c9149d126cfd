using Lia.Media.Files;
using Lia.Motion;
using Lia.Pipeline;
using Lia.Weights;
using Lia.Media.IO;

namespace Lia;

// Motion apart from pictures: codes extracted from a driving clip once, and animated with any number of times.
public sealed partial class Animator
{
    /// <summary>What motion clips know this model by: a hash of the tensors that give motion codes their meaning. The same for every file format that holds the same values.</summary>
    /// <remarks>Computed when first asked for; the model file must still be there.</remarks>
    /// <exception cref="WeightsException">The model file cannot be read any more.</exception>
    public string MotionFingerprint => _fingerprint.Value;

    /// <summary>Takes the motion of a driving file: its frames go through the encoder and only their codes are kept.</summary>
    /// <param name="driving">The motion: a video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="options">Null takes <see cref="Options"/>. Only <see cref="AnimationOptions.Frames"/>, <see cref="AnimationOptions.Fit"/>, the driving crop, <see cref="AnimationOptions.FrameRate"/>,
    /// <see cref="AnimationOptions.StartFrame"/> (by number), <see cref="AnimationOptions.Batch"/> and what concerns loading (which must be as loaded, or unset) are looked at: codes are kept as they are, to be edited when they animate.</param>
    /// <param name="progress">Told after every frame.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A code for every frame. Frames are counted anew: the first one used is frame 0 of the motion clip.</returns>
    /// <exception cref="ArgumentException">The start frame is <see cref="StartFrame.Best"/>, which depends on a source.</exception>
    /// <exception cref="MediaException">The file cannot be read, has no frame in the range or no such start frame, or <c>ffmpeg</c> is needed and missing.</exception>
    public MotionClip ExtractMotion(string driving, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(driving);
        options = Unedited(ForClip(options));
        return Extract(Read(driving, options), options, progress, cancellationToken);
    }

    /// <summary>Takes the motion of driving frames in memory: they go through the encoder and only their codes are kept.</summary>
    /// <param name="driving">The frames, of any size; read once, in order, by another thread, a few ahead of the network.</param>
    /// <param name="options">As for a driving file; the rate is 25 unless <see cref="AnimationOptions.FrameRate"/> says otherwise.</param>
    /// <param name="progress">Told after every frame.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A code for every frame.</returns>
    /// <exception cref="ArgumentException">The start frame is <see cref="StartFrame.Best"/>, which depends on a source.</exception>
    /// <exception cref="MediaException">There is no frame in the range, or no such start frame.</exception>
    public MotionClip ExtractMotion(IEnumerable<RgbImage> driving, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(driving);
        options = Unedited(ForFrames(options));
        return Extract(Read(driving, options), options, progress, cancellationToken);
    }

    /// <summary>Animates a picture file with a motion clip and writes the result: the same frames as with the driving file that the clip is of.</summary>
    /// <param name="source">The picture to animate: any picture <c>ffmpeg</c> reads; PNG needs nothing installed.</param>
    /// <param name="motion">The motion. There is no sound in it.</param>
    /// <param name="output">The file or folder to write, as <see cref="Native.Animate(string, string, string, AnimationOptions, IProgress{AnimationProgress}?, CancellationToken)"/> describes it, or a stream that receives raw video.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ArgumentException"><see cref="AnimationOptions.SideBySide"/> is set: there are no driving frames to show.</exception>
    /// <exception cref="MediaException">The motion is another model's; the source cannot be read; the output cannot be written or is one of the inputs; or <c>ffmpeg</c> is needed and missing.</exception>
    public AnimationSummary Animate(
        string source, MotionClip motion, PathOrStream output, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        output.Validate(nameof(output));
        options = ForMotion(motion, options);
        using Occupation clip = Occupy(cancellationToken);
        FrameWriters.CheckDistinct([(source, "the source"), .. motion.Path is { } path ? [(path, "the motion file")] : ((string, string)[])[]], output.Path, options.Dump);
        return clip.Explain(() => WriteClip(source, Recorded(motion, options), output, options, progress, clip.Token));
    }

    /// <summary>Animates a picture in memory with a motion clip.</summary>
    /// <param name="source">The picture to animate, of any size.</param>
    /// <param name="motion">The motion.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. What concerns loading (model, device, precision, threads) must be as loaded, or unset.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every code.</returns>
    /// <exception cref="ArgumentException"><see cref="AnimationOptions.SideBySide"/> is set: there are no driving frames to show.</exception>
    /// <exception cref="MediaException">The motion is another model's, or has no frame in the frame range.</exception>
    public IReadOnlyList<RgbImage> Animate(
        RgbImage source, MotionClip motion, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        options = ForMotion(motion, options);
        return Frames(_ => Still(source, options), Recorded(motion, options), options, progress, cancellationToken);
    }

    /// <summary>Does what the synchronous method for files and a motion clip does, on the thread pool.</summary>
    /// <param name="source">The picture to animate.</param>
    /// <param name="motion">The motion.</param>
    /// <param name="output">The file or folder to write.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="MediaException">The motion is another model's; the source cannot be read; the output cannot be written or is one of the inputs; or <c>ffmpeg</c> is needed and missing.</exception>
    public Task<AnimationSummary> AnimateAsync(
        string source, MotionClip motion, string output, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Animate(source, motion, output, options, progress, cancellationToken), cancellationToken);

    /// <summary>Animates a picture in memory with a motion clip, frame by frame as they are computed; the network runs on the thread pool.</summary>
    /// <param name="source">The picture to animate, of any size.</param>
    /// <param name="motion">The motion.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A frame for every code; each is the caller's to keep. Leaving the loop early stops the work. The animator is occupied from the first frame asked for until then.</returns>
    /// <exception cref="ArgumentException"><see cref="AnimationOptions.SideBySide"/> is set: there are no driving frames to show.</exception>
    /// <exception cref="MediaException">The motion is another model's, or has no frame in the frame range.</exception>
    public IAsyncEnumerable<RgbImage> AnimateAsync(
        RgbImage source, MotionClip motion, AnimationOptions? options = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        options = ForMotion(motion, options);
        return Stream(_ => Still(source, options), Recorded(motion, options), options, progress, cancellationToken);
    }

    /// <summary>How driving frames come to drive a source: as they are read, or, where that will not do, when all of them are known.</summary>
    private Func<CancellationToken, IMotion> Driving(Func<CancellationToken, DrivingMotion> read, AnimationOptions options, IProgress<AnimationProgress>? progress) => token =>
        options.NeedsWholeMotion
            ? new RecordedMotion(Record(read, options, progress, token), options, ownsRecording: true)
            : read(token);

    private MotionRecording Record(Func<CancellationToken, DrivingMotion> read, AnimationOptions options, IProgress<AnimationProgress>? progress, CancellationToken token) =>
        new(read(token), options, Size, progress);

    /// <summary>Reads a driving file or stream, of a file the part that moves if that is to be found.</summary>
    private Func<CancellationToken, DrivingMotion> Read(PathOrStream driving, AnimationOptions options, FramesInFlight? live = null) => token =>
    {
        if (options.AutoDrivingCrop) Inputs.RefusePipe(driving.Path!);
        AnimationOptions framed = options.AutoDrivingCrop ? options with { AutoDrivingCrop = false, DrivingCrop = MotionFraming.Find(driving.Path!, options, token) } : options;
        return new DrivingMotion(_executor, reading => driving.OpenReader(framed.Reading, reading), live, framed, token);
    };

    private Func<CancellationToken, DrivingMotion> Read(IEnumerable<RgbImage> driving, AnimationOptions options) => token =>
        new DrivingMotion(_executor, _ => new MemoryReader(driving, "the driving frames"), null, options, token);

    private static Func<CancellationToken, IMotion> Recorded(MotionClip motion, AnimationOptions options) =>
        _ => new RecordedMotion(new MotionRecording(motion, options), options, ownsRecording: true);

    /// <exception cref="ArgumentException">The start frame is to be the best, which depends on a source.</exception>
    private static AnimationOptions Unedited(AnimationOptions options)
    {
        if (options.StartFrame is { IsBest: true }) throw new ArgumentException("The best start frame depends on the source: it is chosen when a picture is animated.");
        return options with { SmoothingWindow = 1, SideBySide = false };
    }

    private MotionClip Extract(Func<CancellationToken, DrivingMotion> read, AnimationOptions options, IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        using Occupation clip = Occupy(cancellationToken);
        return clip.Explain(() =>
        {
            using MotionRecording recording = Record(read, options, progress, clip.Token);
            recording.Complete();
            if (recording.Warning is { } warning) _log.DecoderComplained(warning);
            int start = options.StartFrame is { } asked ? asked.Number - recording.FirstFrame : 0, count = recording.Codes.Count;
            if (start < 0 || start >= count) throw recording.NoSuchStart(start + recording.FirstFrame);
            float[] codes = [.. recording.Codes.SelectMany(code => code)];
            int broken = Array.FindIndex(codes, value => !float.IsFinite(value));
            if (broken >= 0)
                throw new WeightsException($"{_modelName}: frame {recording.FirstFrame + broken / Directions} has a motion code with values that are not finite numbers; the weights are damaged.");
            return new MotionClip(codes, Directions, options.FrameRate ?? recording.Rate, MotionFingerprint, start) { Model = Path.GetFileName(_modelName), Device = DeviceName };
        });
    }

    /// <summary>The options for a motion clip, which is refused where it does not belong to this model.</summary>
    private AnimationOptions ForMotion(MotionClip motion, AnimationOptions? options)
    {
        ArgumentNullException.ThrowIfNull(motion);
        options = ForClip(options);
        if (options.SideBySide) throw new ArgumentException($"{motion.Name}: there are no driving frames in it to show side by side.");
        if (options.AutoDrivingCrop || options.DrivingCrop is not null) throw new ArgumentException($"{motion.Name}: there are no driving frames in it to crop; crop them when the motion is extracted.");
        if (motion.Directions != Directions)
            throw new MediaException($"{motion.Name}: its motion codes have {motion.Directions} values, and those of {_modelName} have {Directions}: it is the motion of another model.");
        if (motion.Fingerprint != MotionFingerprint)
        {
            string other = motion.Model is { } name ? $"another model, which was called {MotionFile.Printable(name)}" : "another model";
            throw new MediaException($"{motion.Name}: it is the motion of {other} (fingerprint {motion.Fingerprint[..8]}...; {_modelName} has {MotionFingerprint[..8]}...), and codes mean nothing to any other.");
        }
        return options;
    }
}
