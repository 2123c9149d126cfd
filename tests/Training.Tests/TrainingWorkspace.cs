namespace Lia.Training.Tests;

/// <summary>A folder for one test, and pictures to put there.</summary>
public sealed class TrainingWorkspace : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("lia-training-").FullName;

    /// <summary>A path in the folder.</summary>
    public string At(params string[] names) => Path.Combine([Folder, .. names]);

    /// <summary>A clip as a folder of pictures, each of one color: red tells the clip, green the frame.</summary>
    public string Clip(string name, int clip, int frames, int width = 64, int height = 64)
    {
        string folder = At(name.Split('/'));
        Directory.CreateDirectory(folder);
        for (int frame = 0; frame < frames; frame++)
            Flat(width, height, (byte)clip, (byte)frame, 200).Save(Path.Combine(folder, $"{frame:d4}.png"));
        return folder;
    }

    public static RgbImage Flat(int width, int height, byte red, byte green, byte blue)
    {
        RgbImage image = new(width, height);
        for (int i = 0; i < width * height; i++)
            (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]) = (red, green, blue);
        return image;
    }

    public static RgbImage Noise(int width, int height, int seed)
    {
        RgbImage image = new(width, height);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
