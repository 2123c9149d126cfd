namespace Lia.Tests;

/// <summary>What goes into the loop, for tests that two ways through it give the same frames.</summary>
internal static class Examples
{
    /// <summary>A picture whose sides are not the network's.</summary>
    public static RgbImage Face { get; } = Pictures.Noise(90, 70, 4);

    /// <summary>Options that differ in what the loop has to do, by name.</summary>
    public static IReadOnlyDictionary<string, AnimationOptions> Outputs { get; } = new Dictionary<string, AnimationOptions>
    {
        { "plain", new() },
        { "side by side", new() { SideBySide = true } },
        { "pasted back", new() { PasteBack = true, Crop = new(5, 3, 40, 44) } },
        { "smoothed", new() { SmoothingWindow = 3 } },
        { "absolute", new() { Mode = MotionMode.Absolute, MotionStrength = 1.5f } },
        { "ping-pong", new() { PingPong = true, SideBySide = true } },
    };

    /// <summary>Driving frames, each of another size.</summary>
    public static RgbImage[] Driving(int count) => [.. Enumerable.Range(0, count).Select(i => Pictures.Noise(50 + i, 60, i))];
}
