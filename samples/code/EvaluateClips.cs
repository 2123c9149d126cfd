using Lia.Evaluation;

namespace Lia.Samples;

/// <summary>How well a model reconstructs clips from their first frames. Run it again: what has scores is not computed again.</summary>
internal static class EvaluateClips
{
    public static void Run(string model, string report, string[] paths)
    {
        using Animator animator = new(new ModelOptions { Model = model });
        EvaluationReport scores = animator.EvaluateEach(Clips.Find(paths), report);
        foreach (EvaluatedClip clip in scores.Clips)
            Console.WriteLine(clip.Scores is { } s ? $"{clip.Clip}: PSNR {s.Psnr:0.00} dB, SSIM {s.Ssim:0.000} over {s.Frames} frames"
                : clip.Problem);
    }
}
