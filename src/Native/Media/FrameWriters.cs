using Lia.Media.Ffmpeg;
using Lia.Media.Png;

namespace Lia.Media;

/// <summary>Opens outputs by the extension of their names.</summary>
internal static class FrameWriters
{
    /// <summary>Opens an output for frames of one size.</summary>
    /// <exception cref="MediaException">The extension is unknown, or the output cannot be written.</exception>
    public static IFrameWriter Open(string path, int width, int height, FrameRate rate, AudioTrack? audio, CancellationToken cancellationToken)
    {
        if (IsPictureSequence(path)) return new PngSequenceWriter(path, width, height);
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".mp4" or ".gif" or ".webp" => new FfmpegWriter(path, width, height, rate, audio, cancellationToken),
            ".png" or ".apng" => new PngWriter(path, width, height, rate),
            string other => throw new MediaException($"{path}: an output is .mp4, .gif, .webp, .png, .apng, NAME%05d.png or a folder; {other} is not known."),
        };
    }

    /// <summary>Whether the output is a file for every frame.</summary>
    private static bool IsPictureSequence(string path) =>
        PngSequenceWriter.IsPattern(path) || Path.EndsInDirectorySeparator(path) || Directory.Exists(path) || Path.GetExtension(path).Length == 0;

    /// <summary>Writes one picture as PNG.</summary>
    public static void WritePicture(RgbImage image, string path)
    {
        using PngWriter writer = new(path, image.Width, image.Height, FrameRate.Default);
        writer.Write(image.Pixels);
        writer.Complete();
    }
}
