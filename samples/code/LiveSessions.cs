namespace Lia.Samples;

/// <summary>Several pictures that follow one camera: sessions of a group, whose frames go through the network together.</summary>
internal static class LiveSessions
{
    public static async Task Run(string model, string driving, IEnumerable<string> sources)
    {
        using Animator animator = new(new ModelOptions { Model = model });
        using LiveGroup group = animator.LiveGroup();
        LiveSession[] sessions = await Task.WhenAll(sources.Select(source => group.OpenAsync(source)));
        RgbImage frame = RgbImage.Load(driving);
        await Task.WhenAll(sessions.Select(session => session.ProcessAsync(frame)));
        await Task.WhenAll(sessions.Select(session => session.ProcessAsync([new MotionEdit(0, 0.5f)]))); // sliders instead
        Console.WriteLine($"{group.Frames} frames in {group.Passes} passes, p99 {group.Latency?.P99.TotalMilliseconds:0} ms");
        foreach (LiveSession session in sessions) session.Dispose();
    }
}
