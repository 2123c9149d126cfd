using Lia.Animation.Motion;
using Lia.Media.Files;

namespace Lia;

/// <summary>What is done with frames.</summary>
internal enum Verb
{
    /// <summary>One source is animated.</summary>
    Animate,
    /// <summary>Many sources are animated with one motion.</summary>
    AnimateMany,
    /// <summary>Motion is taken from them.</summary>
    ExtractMotion,
    /// <summary>They are reconstructed.</summary>
    Evaluate,
}

/// <summary>What makes no sense together, refused in one place. What is wrong with options by themselves is
/// <see cref="AnimationOptions.Validate"/>.</summary>
internal static class Combinations
{
    private const string OneByOne = "Frames that come one by one can be animated in their order only, from the first: no start frame, "
        + "loop or ping-pong.";

    private const string CropOfFiles = "The driving crop can be found in files only, which can be read twice; give a box "
        + "(--driving-crop x,y,w,h), which MotionFraming may have found.";

    /// <summary>Refuses options that do not go with the motion or with what is done with it.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    public static void Check(Verb verb, Driving driving, AnimationOptions options, MotionMode mode)
    {
        if (driving.Motion is { } motion)
        {
            Demand(verb is Verb.Animate or Verb.AnimateMany, $"{motion.Name}: it is a motion clip, and frames are needed.");
            Demand(!options.SideBySide, $"{motion.Name}: there are no driving frames in it to show side by side.");
            Demand(!options.AutoDrivingCrop && options.DrivingCrop is null,
                $"{motion.Name}: there are no driving frames in it to crop; crop them when the motion is extracted.");
        }
        Demand(driving.IsFile || !options.AutoDrivingCrop, CropOfFiles);
        if (verb is Verb.ExtractMotion)
            Demand(options.StartFrame is not { IsBest: true },
                "The best start frame depends on the source: it is chosen when a picture is animated.");
        else if (verb is Verb.Animate or Verb.AnimateMany)
            Demand(mode == MotionMode.Relative || options.StartFrame is null,
                "A start frame is where relative motion starts, and the motion here is absolute.");
        if (verb is Verb.AnimateMany) Demand(options.Dump is null, $"{options.Dump}: a dump is of one clip, and there may be many.");
        if (!driving.IsStream) return;
        Demand(verb is not Verb.Evaluate, "A stream can be read only once, and to evaluate its frames takes twice.");
        if (verb is Verb.Animate) CheckOneByOne(options);
    }

    /// <summary>Refuses options that do not go with where frames are written.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    public static void CheckOutput(Output output, AnimationOptions options) => Demand(
        options.Quality is null || output.Path is { } path && FrameWriters.HasQuality(path),
        $"{output}: every pixel is kept in such an output, so it has no quality to choose (--quality); .mp4, .mov, .mkv, .webm, .webp, "
            + ".gif and .jpg have.");

    /// <summary>Refuses options that do not go with frames that are handed over one by one.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    public static void CheckHanded(Source source, AnimationOptions options)
    {
        Demand(!source.IsClip, "The source of frames that are handed over one by one is a picture, not a clip.");
        Demand(!options.AutoDrivingCrop, CropOfFiles);
        CheckOneByOne(options);
        Demand(options.SmoothingWindow == 1, "Motion cannot be smoothed frame by frame: it takes frames to come.");
    }

    /// <summary>Refuses what has no motion directions to move along.</summary>
    /// <exception cref="ArgumentException">The source is a clip.</exception>
    public static void CheckManipulated(Source source) => Demand(!source.IsClip, "A picture is moved along motion directions, not a clip.");

    /// <summary>Refuses a motion clip that is not this model's.</summary>
    /// <exception cref="MediaException">It is another's.</exception>
    public static void CheckModel(MotionClip motion, string model, int directions, Func<string> fingerprint)
    {
        if (motion.Directions != directions)
            throw new MediaException($"{motion.Name}: its motion codes have {motion.Directions} values, and those of {model} have "
                + $"{directions}: it is the motion of another model.");
        if (motion.Fingerprint == fingerprint()) return;
        string other = motion.Model is { } name ? $"another model, which was called {MotionFile.Printable(name)}" : "another model";
        throw new MediaException(
            $"{motion.Name}: it is the motion of {other} (fingerprint {motion.Fingerprint[..8]}...; {model} has {fingerprint()[..8]}...), "
                + "and codes mean nothing to any other.");
    }

    private static void CheckOneByOne(AnimationOptions options)
    {
        Demand(options.Normalization != Normalization.MinMax,
            "Colors cannot be stretched over a clip (minmax) whose frames come one by one.");
        Demand(options is { StartFrame: null, Loops: 1, PingPong: false }, OneByOne);
    }

    private static void Demand(bool makesSense, string problem)
    {
        if (!makesSense) throw new ArgumentException(problem);
    }
}
