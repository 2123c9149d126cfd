namespace Lia.Samples;

/// <summary>Files in, a file out, in one call.</summary>
internal static class AnimateFiles
{
    public static void Run(string model, string source, string driving, string output)
    {
        AnimationOptions options = new() { MotionStrength = 1.1f, SideBySide = true };
        AnimationSummary summary = Native.Animate(source, driving, output, new ModelOptions { Model = model }, options);
        Console.WriteLine($"{summary.Output}: {summary.Frames} frames of {summary.Width}x{summary.Height} on {summary.DeviceName}");
    }
}
