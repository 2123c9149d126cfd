using System.Security.Cryptography;
using System.Text;
using Lia.Evaluation;
using Lia.Media.IO;
using Lia.Weights;

namespace Lia;

// Evaluation by reconstruction, as in the paper: a clip's first frame is the source, all its frames drive, and each result is compared
// with the frame that drove it.
public sealed partial class Animator
{
    /// <summary>Reconstructs a clip from its first frame and measures how near the reconstruction is.</summary>
    /// <remarks>Frames are compared as the network sees and makes them: square, in the model's size, as 8-bit RGB.</remarks>
    /// <param name="clip">A video, a folder of numbered pictures, an animated PNG, a single picture, or frames in memory; read twice: the
    /// first frame alone, then all.</param>
    /// <param name="lpips">Measures perceptual distance too; null leaves it out.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>. <see cref="AnimationOptions.Fit"/>,
    /// <see cref="AnimationOptions.Frames"/>,
    /// <see cref="AnimationOptions.DrivingCrop"/>, <see cref="AnimationOptions.AutoDrivingCrop"/> and <see cref="AnimationOptions.Mode"/>
    /// are looked at.</param>
    /// <param name="progress">Told after every batch of frames.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Means over the frames.</returns>
    /// <exception cref="ArgumentException">It is a stream or a motion clip.</exception>
    /// <exception cref="MediaException">The clip cannot be read, has no frame in the range, or <c>ffmpeg</c> is needed and
    /// missing.</exception>
    public ClipScores Evaluate(
        Driving clip, Lpips? lpips = null, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options = ForEvaluation(options);
        Clip asked = Begin(Verb.Evaluate, clip, options);
        if (clip.IsFile) Inputs.RefusePipe(clip.Path!);
        if (options.AutoDrivingCrop)
        {
            PixelBox moving = MotionFraming.FindIn(clip, options, cancellationToken);
            asked = Begin(Verb.Evaluate, clip, options with { AutoDrivingCrop = false, DrivingCrop = moving, Crop = moving });
        }
        IEnumerable<RgbImage> frames = Frames(asked with { Source = FirstFrame(asked, cancellationToken) }, progress, cancellationToken);
        return Reconstruction.Score(frames, Size, lpips)!;
    }

    /// <summary>Evaluates clips one after another. A clip that cannot be used is noted, and the rest goes on.</summary>
    /// <param name="clips">Files and folders; <see cref="Clips.Find"/> finds them.</param>
    /// <param name="report">A file the report is written to after every clip; clips with scores in it already are not computed again, clips
    /// that failed are. Null writes none.</param>
    /// <param name="lpips">Measures perceptual distance too; null leaves it out.</param>
    /// <param name="options">Options of all clips, as for <see cref="Evaluate"/>.</param>
    /// <param name="done">Told of each clip asked for, also of those that had scores already.</param>
    /// <param name="progress">Told after every batch of a clip's frames.</param>
    /// <param name="cancellationToken">Stops the work; the clips done so far are in the file.</param>
    /// <returns>The report, with what the file had before.</returns>
    /// <exception cref="MediaException">The report cannot be read or written, or was made with another model or other options.</exception>
    public EvaluationReport EvaluateEach(
        IEnumerable<string> clips, string? report = null, Lpips? lpips = null, AnimationOptions? options = null,
            IProgress<EvaluatedClip>? done = null,
        IProgress<AnimationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clips);
        options = ForEvaluation(options);
        EvaluationSetting setting = new(
            ModelFingerprint(), Size, Name(Mode(options)), Name(options.Fit),
            options.AutoDrivingCrop ? "auto" : options.DrivingCrop?.ToString() ?? "none", options.Frames.ToString(),
            Name(ModelOptions.Precision), lpips?.Fingerprint);
        EvaluationReport result = report is not null && File.Exists(report) ? EvaluationReport.Load(report) : new(setting);
        if (result.Setting.DifferenceFrom(setting) is { } difference)
            throw new MediaException($"{report}: this report was made with {difference}; name another file.");
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

    private static RgbImage FirstFrame(Clip clip, CancellationToken cancellationToken)
    {
        int first = clip.Options.FirstFrame;
        using IFrameReader reader = clip.Driving.Open(clip.Options, cancellationToken);
        for (int i = 0; ; i++)
        {
            RgbImage frame = reader.Read() ?? throw new MediaException(
                i == 0 ? $"{reader.Name}: there is no frame in it." : $"{reader.Name}: it has {i} frames, so none from frame {first} on.");
            if (i == first) return frame;
        }
    }

    /// <summary>What is chosen about a reconstruction; everything else would make it something else.</summary>
    private AnimationOptions ForEvaluation(AnimationOptions? options)
    {
        options = Checked(options);
        return new()
        {
            Fit = options.Fit,
            Frames = options.Frames,
            Crop = options.DrivingCrop,
            DrivingCrop = options.DrivingCrop,
            AutoDrivingCrop = options.AutoDrivingCrop,
            Mode = options.Mode,
            SideBySide = true,
        };
    }

    private string ModelFingerprint()
    {
        if (ModelOptions.Model is not string path) return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_modelName)));
        using FileStream file = Inputs.OpenFile(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
