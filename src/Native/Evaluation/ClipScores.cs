namespace Lia.Evaluation;

/// <summary>How near the reconstruction of a clip is to the clip: means over its frames, the first included.</summary>
/// <param name="Frames">Number of frames.</param>
/// <param name="L1">Mean absolute difference as a part of the range (<see cref="ImageMetrics.L1"/>).</param>
/// <param name="Psnr">Peak signal-to-noise ratio in decibels (<see cref="ImageMetrics.Psnr"/>); a frame counts with <see cref="MostPsnr"/>
/// at the most.</param>
/// <param name="Ssim">Structural similarity (<see cref="ImageMetrics.Ssim"/>).</param>
/// <param name="MsSsim">Structural similarity at several scales (<see cref="ImageMetrics.MsSsim"/>).</param>
/// <param name="Lpips">Perceptual distance (<see cref="Evaluation.Lpips"/>); null where its weights were not given.</param>
public sealed record ClipScores(int Frames, double L1, double Psnr, double Ssim, double MsSsim, double? Lpips)
{
    /// <summary>What a frame without any error counts with in the mean, in decibels.</summary>
    public const double MostPsnr = 100;

    /// <summary>The mean over all frames of several clips: a clip weighs as its frames do.</summary>
    /// <param name="clips">Scores of clips.</param>
    /// <returns>The mean, LPIPS only if every clip has it; null if there is no clip.</returns>
    public static ClipScores? Mean(IEnumerable<ClipScores> clips)
    {
        ArgumentNullException.ThrowIfNull(clips);
        ClipScores[] all = [.. clips];
        if (all.Length == 0) return null;
        int frames = all.Sum(clip => clip.Frames);
        return new(frames, Over(clip => clip.L1), Over(clip => clip.Psnr), Over(clip => clip.Ssim), Over(clip => clip.MsSsim),
            all.All(clip => clip.Lpips is not null) ? Over(clip => clip.Lpips!.Value) : null);

        double Over(Func<ClipScores, double> score) => all.Sum(clip => clip.Frames * score(clip)) / frames;
    }
}

/// <summary>What became of a clip.</summary>
/// <param name="Clip">The file or folder, as it was named.</param>
/// <param name="Scores">Its scores, or null if it could not be used.</param>
/// <param name="Problem">Why it could not be used, in one line; null if it could.</param>
public sealed record EvaluatedClip(string Clip, ClipScores? Scores, string? Problem);
