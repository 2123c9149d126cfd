using Lia.Media.Ffmpeg;
using Lia.Media.IO;
using Lia.Media.Png;
using Lia.Media.Raw;
using Lia.Media.Stills;

namespace Lia.Media.Files;

/// <summary>Opens outputs by the extension of their names.</summary>
internal static class FrameWriters
{
    /// <summary>Opens an output for frames of one size.</summary>
    /// <param name="path">A file or a folder.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rate">Frames a second.</param>
    /// <param name="audio">Sound to go with the frames, where the output can hold it; null for none.</param>
    /// <param name="format">How raw video is written.</param>
    /// <param name="quality">1 to 100, where the output has any (<see cref="HasQuality"/>); null for what its format has of itself.</param>
    /// <param name="cancellationToken">Ends a write that is under way.</param>
    /// <exception cref="MediaException">The extension is unknown, or the output cannot be written.</exception>
    public static IFrameWriter Open(
        string path, int width, int height, FrameRate rate, AudioTrack? audio, RawOutput format, int? quality,
        CancellationToken cancellationToken)
    {
        string extension = Path.GetExtension(path).ToLowerInvariant();
        if (extension is ".y4m" or ".rgb") return RawWriter.ToFile(path, width, height, rate, format, cancellationToken);
        if (format != RawOutput.Auto) throw new MediaException(
            $"{path}: an output format (--output-format) is for a stream, .y4m and .rgb; other outputs go by their extension.");
        if (IsPictureSequence(path)) return new PngSequenceWriter(path, width, height);
        return extension switch
        {
            ".mp4" or ".mov" or ".mkv" or ".webm" or ".gif" or ".webp" =>
                new FfmpegWriter(path, width, height, rate, audio, quality, cancellationToken),
            ".png" or ".apng" => new PngWriter(path, width, height, rate),
            ".jpg" or ".jpeg" => new StillWriter(path, width, height, quality),
            string other => throw new MediaException(
                $"{path}: an output is .mp4, .mov, .mkv, .webm, .gif, .webp, .png, .apng, .jpg (one picture), .y4m, .rgb, "
                + $"NAME%05d.png or a folder; {other} is not known."),
        };
    }

    /// <summary>Whether an output of this name is encoded with some loss, so that there is a quality to choose.</summary>
    public static bool HasQuality(string path) =>
        !IsPictureSequence(path) && Path.GetExtension(path).ToLowerInvariant()
            is ".mp4" or ".mov" or ".mkv" or ".webm" or ".gif" or ".webp" or ".jpg" or ".jpeg";

    /// <summary>Refuses outputs that would replace an input or each other.</summary>
    /// <exception cref="MediaException">They would.</exception>
    public static void CheckDistinct(string source, string driving, string? output, string? dump) =>
        CheckDistinct([(source, "the source"), (driving, "the driving file")], output, dump);

    /// <inheritdoc cref="CheckDistinct(string, string, string?, string?)"/>
    public static void CheckDistinct(IReadOnlyList<(string Path, string What)> inputs, string? output, string? dump)
    {
        foreach (string? target in new[] { output, dump })
        {
            if (target is null) continue;
            foreach ((string path, string what) in inputs)
                if (Outputs.Same(path, target) || Outputs.Same(path, Path.GetDirectoryName(Outputs.Full(target)) ?? "")
                    && PngSequenceWriter.IsPattern(target))
                    throw new MediaException($"{target}: the output would replace {what}; choose another name.");
        }
        if (output is not null && dump is not null && Outputs.Same(output, dump))
            throw new MediaException($"{dump}: the dump would replace the output; choose another name.");
    }

    /// <summary>Whether the output is a file for every frame.</summary>
    private static bool IsPictureSequence(string path) =>
        PngSequenceWriter.IsPattern(path) || Path.EndsInDirectorySeparator(path) || Directory.Exists(path)
            || Path.GetExtension(path).Length == 0;

    /// <summary>Writes one picture, as JPEG, WebP or PNG by its name.</summary>
    public static void WritePicture(RgbImage image, string path)
    {
        using IFrameWriter writer = StillWriter.IsStill(path) ? new StillWriter(path, image.Width, image.Height)
            : new PngWriter(path, image.Width, image.Height, FrameRate.Default);
        writer.Write(image.Pixels);
        writer.Complete();
    }
}
