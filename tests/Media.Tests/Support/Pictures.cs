namespace Lia.Tests;

/// <summary>Pictures whose fate is easy to follow.</summary>
internal static class Pictures
{
    public static RgbImage Flat(int size, int red, int green, int blue)
    {
        RgbImage image = new(size, size);
        for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i % 3 == 0 ? red : i % 3 == 1 ? green : blue);
        return image;
    }

    public static RgbImage Noise(int width, int height, int seed)
    {
        RgbImage image = new(width, height);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }

    /// <summary>Frames that get brighter one by one: frame i is grey 40 + 4 i.</summary>
    public static RgbImage[] Brightening(int count, int size = 64) =>
        [.. Enumerable.Range(0, count).Select(i => Flat(size, 40 + 4 * i, 40 + 4 * i, 40 + 4 * i))];

    /// <summary>Pixels of all frames, one after another.</summary>
    public static byte[] Pixels(this IEnumerable<RgbImage> frames) => [.. frames.SelectMany(frame => frame.Pixels)];
}
