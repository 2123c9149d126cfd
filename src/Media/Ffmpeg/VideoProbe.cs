using System.Globalization;
using System.Text.Json;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>What ffprobe says of the video that a player would show, and of the sound that it would play.</summary>
/// <param name="Index">The video's number among the file's streams.</param>
/// <param name="Nominal">Frames a second, as the file or ffmpeg's first look at it has it.</param>
/// <param name="Count">Number of frames, if the file says.</param>
/// <param name="Sound">The sound's number among the streams; null without any.</param>
/// <param name="Size">Extents of a frame as it is stored, if the file says.</param>
/// <param name="Tick">Units of its time stamps a second.</param>
/// <param name="End">Where the file's time ends, in seconds, if that is known.</param>
internal sealed record VideoProbe(
    int Index, FrameRate? Nominal, int? Count, int? Sound, FrameSize? Size, FrameRate? Tick, double? End)
{
    private const int LongestAnswer = 1 << 20; // a thousand streams, which is as many as ffmpeg opens, take half of it

    /// <summary>Pixels are not square where this is not 1: how many times as wide as high they are.</summary>
    public double PixelAspect { get; init; } = 1;

    /// <summary>
    /// ffmpeg's names for the pixels, the matrix and the transfer of their colors and the primaries; null for what is not said.
    /// </summary>
    public string? PixelFormat { get; init; }

    /// <inheritdoc cref="PixelFormat"/>
    public string? Matrix { get; init; }

    /// <inheritdoc cref="PixelFormat"/>
    public string? Transfer { get; init; }

    /// <inheritdoc cref="PixelFormat"/>
    public string? Primaries { get; init; }

    /// <summary>Whether it is a picture in a file of its own, without time.</summary>
    public bool IsStill { get; init; }

    /// <summary>Whether time may jump in such a file, as in what was broadcast or put together of pieces.</summary>
    public bool MayJump { get; init; }

    /// <summary>Asks ffprobe.</summary>
    /// <exception cref="MediaException">The file holds no picture or video that ffmpeg knows, or ffprobe is missing.</exception>
    public static VideoProbe Of(string path, CancellationToken cancellationToken)
    {
        using SafeInput input = new(path);
        using ChildProcess ffprobe = ChildProcess.Start("ffprobe",
        [
            "-v", "error", .. SafeInput.Limits, "-of", "json", "-show_entries",
            "stream=index,codec_type,width,height,sample_aspect_ratio,pix_fmt,color_space,color_transfer,color_primaries,"
                + "time_base,r_frame_rate,avg_frame_rate,nb_frames,duration"
                + ":stream_disposition=default,attached_pic:format=format_name,start_time,duration:format_tags=major_brand",
            "-i", input.Url,
        ], path, feeds: false, cancellationToken);
        byte[] json = ReadAnswer(ffprobe, path);
        ffprobe.WaitForSuccess();
        return Parse(json, path);
    }

    /// <summary>Understands ffprobe's answer, which may be anything: what PATH calls ffprobe need not be one.</summary>
    /// <param name="json">What it wrote.</param>
    /// <param name="path">The file, for error messages.</param>
    /// <exception cref="MediaException">It is no such answer, or the file holds no picture or video.</exception>
    internal static VideoProbe Parse(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return Parse(document.RootElement, path);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException) // the latter of text that is not UTF-8
        {
            throw new MediaException($"{path}: what ffprobe says of it cannot be understood.", failure);
        }
        throw new MediaException($"{path}: what ffprobe says of it cannot be understood.");
    }

    private static byte[] ReadAnswer(ChildProcess ffprobe, string path)
    {
        byte[] json = new byte[LongestAnswer + 1];
        int length = ffprobe.Output.ReadAtLeast(json, json.Length, throwOnEndOfStream: false);
        return length <= LongestAnswer ? json[..length]
            : throw new MediaException($"{path}: what ffprobe says of it is too long to be understood.");
    }

    private static VideoProbe Parse(JsonElement root, string path)
    {
        bool hasStreams = root.TryGetProperty("streams", out JsonElement list) && list.ValueKind == JsonValueKind.Array;
        JsonElement[] streams = hasStreams ? [.. list.EnumerateArray()] : [];
        JsonElement[] videos = [.. streams.Where(stream => Text(stream, "codec_type") == "video")];
        // A cover is a picture of what the file holds, not what it holds.
        if (Chosen(videos.Where(stream => !Is(stream, "attached_pic"))) is not { } video)
        {
            throw new MediaException(videos.Length > 0 ? $"{path}: there is no video in it, only a cover picture."
                : $"{path}: there is no picture or video in it.");
        }
        int width = Integer(video, "width") ?? 0, height = Integer(video, "height") ?? 0;
        double aspect = FrameRate.TryParse(Text(video, "sample_aspect_ratio")?.Replace(':', '/'), out FrameRate ratio) ? ratio.Value : 1;
        // Some formats keep their extents to themselves until a frame is decoded; the decoder then enforces the limit.
        Inputs.RefuseTooLarge(path, width, height);
        Inputs.RefuseTooLarge(path, (long)Math.Round(width * aspect), height);

        JsonElement format = root.TryGetProperty("format", out JsonElement element) ? element : default;
        string name = Text(format, "format_name") ?? "";
        bool hasTags = format.ValueKind == JsonValueKind.Object && format.TryGetProperty("tags", out element);
        string? brand = hasTags ? Text(element, "major_brand") : null;
        bool hasNominal = FrameRate.TryParse(Text(video, "r_frame_rate"), out FrameRate nominal);
        bool hasMean = FrameRate.TryParse(Text(video, "avg_frame_rate"), out FrameRate mean);
        // The nominal rate is the exact fraction of a steady clip; of one that is not it may be the clock's.
        FrameRate? rate = hasNominal && (!hasMean || nominal.Value < 4 * mean.Value) ? nominal : hasMean ? mean : null;
        double? length = Number(format, "duration") is > 0 and < 1e7 and double seconds ? seconds : null;
        int? count = Integer(video, "nb_frames") is > 0 and int said ? said
            : (Number(video, "duration") ?? length) is > 0 and < 1e7 and double playing && rate is { } even
                ? (int)Math.Min(int.MaxValue, Math.Round(playing * even.Value))
            : null;
        return new VideoProbe(
            Integer(video, "index") ?? 0, rate, count > 0 ? count : null,
            Chosen(streams.Where(stream => Text(stream, "codec_type") == "audio")) is { } sound ? Integer(sound, "index") : null,
            width > 0 && height > 0 ? new FrameSize(width, height) : null,
            FrameRate.TryParse(Text(video, "time_base"), out FrameRate unit) ? new FrameRate(unit.Denominator, unit.Numerator) : null,
            (Number(format, "start_time") ?? 0) + length)
        {
            PixelAspect = aspect, PixelFormat = Text(video, "pix_fmt"),
            Matrix = Said("color_space"), Transfer = Said("color_transfer"), Primaries = Said("color_primaries"),
            IsStill = name == "image2" || name.EndsWith("_pipe", StringComparison.Ordinal) || brand is "avif" or "heic" or "heix" or "mif1",
            MayJump = name is "mpegts" or "mpeg",
        };

        string? Said(string property) =>
            Text(video, property) is { } value and not ("unknown" or "unspecified" or "reserved") ? value : null;

        // The one that is marked so, else the first.
        static JsonElement? Chosen(IEnumerable<JsonElement> streams) =>
            streams.OrderByDescending(stream => Is(stream, "default")).Select(stream => (JsonElement?)stream).FirstOrDefault();

        static bool Is(JsonElement stream, string disposition) =>
            stream.ValueKind == JsonValueKind.Object && stream.TryGetProperty("disposition", out JsonElement marks)
                && Integer(marks, disposition) == 1;
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement element, string name) =>
        double.TryParse(Text(element, name), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? value : null;

    private static int? Integer(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
        : int.TryParse(Text(element, name), NumberStyles.None, CultureInfo.InvariantCulture, out number) ? number
        : null;
}
