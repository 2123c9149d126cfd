namespace Lia.Samples;

/// <summary>Pictures in memory, both ways, with progress and a time limit: the source is driven by itself, shifted step by step.</summary>
internal static class AnimateInMemory
{
    public static void Run(string model, string path, string output)
    {
        RgbImage source = RgbImage.Load(path);
        IEnumerable<RgbImage> driving = Enumerable.Range(0, 8).Select(step => Shifted(source, step));
        Progress<AnimationProgress> progress = new(p => Console.Error.WriteLine($"{p.Frames} frames"));
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(5));
        IEnumerable<RgbImage> frames =
            Native.Frames(source, Driving.From(driving), new ModelOptions { Model = model }, null, progress, limit.Token);
        frames.Last().Save(output);
    }

    private static RgbImage Shifted(RgbImage image, int pixels)
    {
        RgbImage shifted = new(image.Width, image.Height);
        image.Pixels.AsSpan(0, image.Pixels.Length - 3 * pixels).CopyTo(shifted.Pixels.AsSpan(3 * pixels));
        return shifted;
    }
}
