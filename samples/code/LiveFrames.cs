namespace Lia.Samples;

/// <summary>Frame in, frame out, as a camera's loop does it; here the camera is a clip's frames.</summary>
internal static class LiveFrames
{
    public static void Run(string model, string source, IEnumerable<RgbImage> camera)
    {
        using Animator animator = new(new ModelOptions { Model = model });
        using LiveAnimator live = animator.Live(source);
        foreach (RgbImage frame in camera)
        {
            RgbImage result = live.Next(frame);
            Console.WriteLine($"{result.Width}x{result.Height}, p99 {live.Latency?.P99.TotalMilliseconds:0} ms");
        }
    }
}
