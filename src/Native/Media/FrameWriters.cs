using Lia.Media.Ffmpeg;

namespace Lia.Media;

/// <summary>Opens outputs by the extension of their names.</summary>
internal static class FrameWriters
{
    /// <summary>Opens an output for frames of one size.</summary>
    /// <exception cref="MediaException">The extension is unknown, or the output cannot be written.</exception>
    public static IFrameWriter Open(string path, int width, int height, FrameRate rate, AudioTrack? audio, CancellationToken cancellationToken) =>
        Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".mp4" or ".gif" or ".webp" => new FfmpegWriter(path, width, height, rate, audio, cancellationToken),
            string other => throw new MediaException($"{path}: outputs are mp4, gif, webp, png, apng, NAME%05d.png or a folder, not '{other}'."),
        };

    /// <summary>Whether the output is a file for every frame.</summary>
    public static bool IsPictureSequence(string path) => path.Contains("%05d", StringComparison.Ordinal);

    /// <summary>Writes one picture as PNG.</summary>
    public static void WritePicture(RgbImage image, string path)
    {
        using FfmpegWriter writer = new(path, image.Width, image.Height, FrameRate.Default, null, default);
        writer.Write(image.Pixels);
        writer.Complete();
    }
}
