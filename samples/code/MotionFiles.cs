namespace Lia.Samples;

/// <summary>The motion of a clip, kept without its pictures, edited, and given to a source.</summary>
internal static class MotionFiles
{
    public static void Run(string model, string source, string driving, string file, string output)
    {
        using Animator animator = new(new ModelOptions { Model = model });
        animator.ExtractMotion(driving).Save(file);
        MotionClip motion = MotionClip.Load(file);
        Console.WriteLine($"{motion.Count} frames of {motion.Directions} numbers at {motion.FrameRate} frames/s");
        animator.Animate(source, motion, output, animator.Defaults with { StartFrame = StartFrame.Best, SmoothingWindow = 3 });
    }
}
