using Lia.Media.Files;
using Lia.Media.IO;

namespace Lia.Tests;

/// <summary>Clips as they come in, and as they go out again with nothing done to them.</summary>
internal static class Clip
{
    /// <summary>A clip of <c>tests/data/clips</c>.</summary>
    public static string Data(string name) => Path.Combine(Lia.Testing.TestData.Folder, "clips", name);

    /// <summary>Reads a clip and writes it, with its sound where the output has any.</summary>
    public static (int Frames, FrameRate Rate, string? Warning) Copy(string input, string output)
    {
        using IFrameReader reader = FrameReaders.Open(input, default, default);
        IFrameWriter? writer = null;
        try
        {
            int frames = 0;
            for (; reader.Read() is { } frame; frames++)
            {
                writer ??= FrameWriters.Open(output, frame.Width, frame.Height, reader.Rate ?? FrameRate.Default, reader.Audio,
                    RawOutput.Auto, null, default);
                writer.Write(frame.Pixels);
            }
            writer!.Complete();
            return (frames, reader.Rate ?? FrameRate.Default, reader.Warning);
        }
        finally
        {
            writer?.Dispose();
        }
    }

    /// <summary>All frames of a clip.</summary>
    public static RgbImage[] Read(string path)
    {
        using IFrameReader reader = FrameReaders.Open(path, default, default);
        List<RgbImage> frames = [];
        while (reader.Read() is { } frame) frames.Add(new(frame.Width, frame.Height, [.. frame.Pixels]));
        return [.. frames];
    }
}
