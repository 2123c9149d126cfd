using System.Security.Cryptography;
using System.Text;
using Lia.Evaluation;
using Lia.Media.Files;
using Lia.Media.IO;
using Lia.Motion;
using Lia.Weights;

namespace Lia;

// Evaluation by reconstruction, as in the paper: a clip's first frame is the source, all its frames drive, and each result is compared with the frame that drove it.
public sealed partial class Animator
{
    /// <summary>Reconstructs a clip from its first frame and measures how near the reconstruction is.</summary>
    /// <remarks>Frames are compared as the network sees and makes them: square, in the model's size, as 8-bit RGB.</remarks>
    /// <param name="clip">A video, a folder of numbered pictures, an animated PNG or a single picture.</param>
    /// <param name="lpips">Measures perceptual distance too; null leaves it out.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Options"/>. <see cref="AnimationOptions.Fit"/>, <see cref="AnimationOptions.Frames"/>, <see cref="AnimationOptions.DrivingCrop"/>,
    /// <see cref="AnimationOptions.AutoDrivingCrop"/>, <see cref="AnimationOptions.Mode"/> and <see cref="AnimationOptions.Batch"/> are looked at, and what concerns loading, which must be as loaded, or unset.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Means over the frames.</returns>
    /// <exception cref="MediaException">The clip cannot be read, or <c>ffmpeg</c> is needed and missing.</exception>
    public ClipScores Evaluate(
        string clip, Lpips? lpips = null, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(clip);
        options = ForEvaluation(options);
        Inputs.RefusePipe(clip);
        if (options.AutoDrivingCrop)
        {
            PixelBox moving = MotionFraming.Find(clip, options, cancellationToken);
            options = options with { AutoDrivingCrop = false, DrivingCrop = moving, Crop = moving };
        }
        return Evaluate(token => FrameReaders.Open(clip, options.Reading, token), Read(clip, options), lpips, options, progress, cancellationToken);
    }

    /// <summary>Reconstructs frames in memory from the first and measures how near the reconstruction is.</summary>
    /// <param name="frames">The clip, of any size; read twice: the first frame alone, then all.</param>
    /// <param name="lpips">Measures perceptual distance too; null leaves it out.</param>
    /// <param name="options">Options of this clip, as for a file.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Means over the frames.</returns>
    /// <exception cref="MediaException">There is no frame in the frame range.</exception>
    public ClipScores Evaluate(
        IEnumerable<RgbImage> frames, Lpips? lpips = null, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(frames);
        options = ForEvaluation(ForFrames(options));
        return Evaluate(_ => new MemoryReader(frames, "the frames"), Read(frames, options), lpips, options, progress, cancellationToken);
    }

    /// <summary>Evaluates clips one after another. A clip that cannot be used is noted, and the rest goes on.</summary>
    /// <param name="clips">Files and folders; <see cref="Clips.Find"/> finds them.</param>
    /// <param name="report">A file the report is written to after every clip; clips with scores in it already are not computed again, clips that failed are. Null writes none.</param>
    /// <param name="lpips">Measures perceptual distance too; null leaves it out.</param>
    /// <param name="options">Options of all clips, as for <see cref="Evaluate(string, Lpips?, AnimationOptions?, IProgress{AnimationProgress}?, CancellationToken)"/>.</param>
    /// <param name="done">Told of each clip asked for, also of those that had scores already.</param>
    /// <param name="progress">Told after every batch of a clip's frames.</param>
    /// <param name="cancellationToken">Stops the work; the clips done so far are in the file.</param>
    /// <returns>The report, with what the file had before.</returns>
    /// <exception cref="MediaException">The report cannot be read or written, or was made with another model or other options.</exception>
    public EvaluationReport EvaluateEach(
        IEnumerable<string> clips, string? report = null, Lpips? lpips = null, AnimationOptions? options = null, IProgress<EvaluatedClip>? done = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clips);
        options = ForEvaluation(options);
        EvaluationSetting setting = new(
            ModelFingerprint(), Size, Name(Mode(options)), Name(options.Fit), options.AutoDrivingCrop ? "auto" : options.DrivingCrop?.ToString() ?? "none", options.Frames.ToString(),
            Name(Options.Precision), lpips?.Fingerprint);
        EvaluationReport result = report is not null && File.Exists(report) ? EvaluationReport.Load(report) : new(setting);
        if (result.Setting.DifferenceFrom(setting) is { } difference) throw new MediaException($"{report}: this report was made with {difference}; name another file.");
        foreach (string clip in clips)
        {
            cancellationToken.ThrowIfCancellationRequested();
            EvaluatedClip? evaluated = result.Scored(clip);
            if (evaluated is null)
            {
                evaluated = EvaluateOne(clip);
                result.Set(evaluated);
                if (report is not null) result.Save(report);
            }
            done?.Report(evaluated);
        }
        return result;

        EvaluatedClip EvaluateOne(string clip)
        {
            try
            {
                return new(clip, Evaluate(clip, lpips, options, progress, cancellationToken), null);
            }
            catch (Exception failure) when (failure is MediaException or WeightsException)
            {
                return new(clip, null, failure.Message);
            }
        }

        static string Name<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
    }

    private ClipScores Evaluate(
        Func<CancellationToken, IFrameReader> open, Func<CancellationToken, DrivingMotion> read, Lpips? lpips, AnimationOptions options,
        IProgress<AnimationProgress>? progress, CancellationToken cancellationToken)
    {
        RgbImage source = FirstFrame(open, options, cancellationToken);
        IAsyncEnumerable<RgbImage> frames = Stream(_ => Still(source, options), Driving(read, options, progress), options, progress, cancellationToken);
        return Reconstruction.Score(frames.ToBlockingEnumerable(cancellationToken), Size, lpips)!;
    }

    private static RgbImage FirstFrame(Func<CancellationToken, IFrameReader> open, AnimationOptions options, CancellationToken cancellationToken)
    {
        using IFrameReader reader = open(cancellationToken);
        for (int i = 0; ; i++)
        {
            RgbImage frame = reader.Read()
                ?? throw new MediaException(i == 0 ? $"{reader.Name}: there is no frame in it." : $"{reader.Name}: it has {i} frames, so none from frame {options.FirstFrame} on.");
            if (i == options.FirstFrame) return frame;
        }
    }

    /// <summary>What is chosen about a reconstruction; everything else would make it something else.</summary>
    private AnimationOptions ForEvaluation(AnimationOptions? options)
    {
        options = ForClip(options);
        return new()
        {
            Fit = options.Fit,
            Frames = options.Frames,
            Crop = options.DrivingCrop,
            DrivingCrop = options.DrivingCrop,
            AutoDrivingCrop = options.AutoDrivingCrop,
            Mode = options.Mode,
            Batch = options.Batch,
            SideBySide = true,
        };
    }

    private string ModelFingerprint()
    {
        if (Options.Model is not string path) return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_modelName)));
        using FileStream file = Inputs.OpenFile(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
