namespace Lia.Samples;

/// <summary>One model, frames as they are computed: here each is written darker.</summary>
internal static class StreamFrames
{
    public static async Task Run(string model, string source, string driving, string output)
    {
        using Animator animator = new(new ModelOptions { Model = model });
        using ClipWriter writer = new(output, animator.Size, animator.Size, new FrameRate(24));
        await foreach (RgbImage frame in animator.FramesAsync(source, driving))
        {
            for (int i = 0; i < frame.Pixels.Length; i++) frame.Pixels[i] /= 2;
            writer.Write(frame);
        }
        writer.Complete(); // The file appears now; without this call it never does.
    }
}
