using Lia.Testing;

namespace Lia.Studio.Page.Tests;

/// <summary>What the library computes itself, from the same files: what the page must show.</summary>
internal static class Truth
{
    private static readonly Lock Gate = new();
    private static readonly Lazy<Animator> Animator = new(() => new(new ModelOptions
    {
        Model = Path.Combine(AppContext.BaseDirectory, "demo", "demo.safetensors"),
        Device = Device.Cpu,
        Threads = 2,
    }));

    /// <summary>The sample portrait, moved.</summary>
    public static byte[] Moved(params MotionEdit[] edits) => Moved(null, edits);

    /// <summary>A part of the sample portrait, moved.</summary>
    public static byte[] Moved(PixelBox? crop, params MotionEdit[] edits)
    {
        lock (Gate)
        {
            RgbImage portrait = RgbImage.Load(TestData.Sample("source.png"));
            if (crop is not { } box) return Animator.Value.Manipulate(portrait, edits).Pixels;
            byte[] part = [.. Enumerable.Range(box.Y, box.Height).SelectMany(y =>
                portrait.Pixels.AsSpan(3 * ((y * portrait.Width) + box.X), 3 * box.Width).ToArray())];
            return Animator.Value.Manipulate(new RgbImage(box.Width, box.Height, part), edits).Pixels;
        }
    }

    /// <summary>Frames of the sample portrait, moved as the sample clip.</summary>
    public static byte[][] Animated(AnimationOptions options)
    {
        lock (Gate)
            return [.. Animator.Value.Frames(TestData.Sample("source.png"), TestData.Sample("driving.png"), options)
                .Select(frame => frame.Pixels)];
    }
}
