using Lia.Weights;

namespace Lia.Cli.Tests;

/// <summary>A folder for one test class with a small model, a source picture and a driving clip of ten frames.</summary>
public sealed class Workspace : IDisposable
{
    /// <summary>A real network of size 64 with few channels: it runs in milliseconds.</summary>
    internal static readonly ModelArchitecture Narrow = new(64, 24, 5, [12, 10, 8, 6, 4]);

    public Workspace()
    {
        Folder = Directory.CreateTempSubdirectory("lia-cli-").FullName;
        Model = At("model.safetensors");
        Source = At("source.png");
        Driving = At("driving");
        Directory.CreateDirectory(Driving);
        using SyntheticCheckpoint weights = new(Narrow, 3);
        SafetensorsWriter.Write(Model, weights, weights.Metadata);
        Picture(0).Save(Source);
        for (int frame = 0; frame < 10; frame++) Picture(frame).Save(Path.Combine(Driving, $"{frame:d4}.png"));
    }

    public string Folder { get; }

    public string Model { get; }

    public string Source { get; }

    public string Driving { get; }

    /// <summary>A path in the folder.</summary>
    public string At(string name) => Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static RgbImage Picture(int frame)
    {
        RgbImage image = new(64, 64);
        for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i / 3 % 64 * 3 + i / 192 + 10 * frame);
        return image;
    }
}
