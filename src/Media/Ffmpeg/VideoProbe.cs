using System.Globalization;
using System.Text.Json;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>What ffprobe says of a file's first video stream.</summary>
/// <param name="Rate">Frames a second.</param>
/// <param name="IsConstantRate">Whether frames are evenly spaced in time.</param>
/// <param name="Count">Number of frames, if the file says.</param>
/// <param name="HasAudio">Whether there is sound.</param>
/// <param name="FirstFrame">When the first frame shows, in seconds from the start of the file.</param>
/// <param name="Size">Extents of a frame, if the file says.</param>
internal sealed record VideoProbe(FrameRate Rate, bool IsConstantRate, int? Count, bool HasAudio, double FirstFrame, FrameSize? Size)
{
    private const int LongestAnswer = 1 << 20; // a thousand streams, which is as many as ffmpeg opens, take a tenth of it

    /// <summary>What is known of a picture without asking.</summary>
    public static VideoProbe Picture { get; } = new(FrameRate.Default, true, 1, false, 0, null);

    /// <summary>Asks ffprobe.</summary>
    /// <exception cref="MediaException">The file holds no picture or video that ffmpeg knows, or ffprobe is missing.</exception>
    public static VideoProbe Of(string path, CancellationToken cancellationToken)
    {
        using SafeInput input = new(path);
        using ChildProcess ffprobe = ChildProcess.Start("ffprobe",
        [
            "-v", "error", .. SafeInput.Limits, "-of", "json", "-show_entries",
            "stream=codec_type,width,height,r_frame_rate,avg_frame_rate,nb_frames,start_time,duration:format=start_time,duration", "-i",
                input.Url,
        ], path, feeds: false, cancellationToken);
        byte[] json = ReadAnswer(ffprobe, path);
        ffprobe.WaitForSuccess();
        // What was killed, or what a killed heir held open, has answered nothing.
        cancellationToken.ThrowIfCancellationRequested();
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
        JsonElement video = streams.FirstOrDefault(stream => Text(stream, "codec_type") == "video");
        if (video.ValueKind == JsonValueKind.Undefined) throw new MediaException($"{path}: there is no picture or video in it.");
        int width = Integer(video, "width") ?? 0, height = Integer(video, "height") ?? 0;
        // Some formats keep their extents to themselves until a frame is decoded; the decoder then enforces the limit.
        Inputs.RefuseTooLarge(path, width, height);

        JsonElement format = root.TryGetProperty("format", out JsonElement element) ? element : default;
        bool hasRate = FrameRate.TryParse(Text(video, "r_frame_rate"), out FrameRate nominal);
        bool hasMean = FrameRate.TryParse(Text(video, "avg_frame_rate"), out FrameRate mean);
        if (!hasMean) mean = hasRate ? nominal : FrameRate.Default;
        // The nominal rate is the exact fraction of a steady clip; the mean of one is off by the rounding of its time stamps. Far apart,
        // the clip is not steady.
        bool constant = hasRate && Math.Abs(nominal.Value / mean.Value - 1) < 0.005;
        int? count = Integer(video, "nb_frames");
        if (!constant || count is null)
        {
            double? seconds = Number(video, "duration") ?? Number(format, "duration");
            count = seconds is > 0 and < 1e7 ? (int)Math.Round(seconds.Value * mean.Value) : count;
        }
        double first = (Number(video, "start_time") ?? 0) - (Number(format, "start_time") ?? 0);
        return new VideoProbe(constant ? nominal : mean, constant, count is > 0 ? count : null,
            streams.Any(stream => Text(stream, "codec_type") == "audio"), Math.Max(0, first),
            width > 0 && height > 0 ? new FrameSize(width, height) : null);
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
