using System.Text.Json;

namespace Lia.Studio.Animations;

/// <summary>Where an animation stands.</summary>
internal enum Status
{
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// <summary>What was written.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Frames">How many.</param>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Rate">Frames a second, an exact fraction.</param>
/// <param name="HasSound">Whether there is sound.</param>
internal sealed record AnimationResult(long Bytes, int Frames, int Width, int Height, string Rate, bool HasSound);

/// <summary>An animation that was asked for. Never changes: what becomes of it is another one, of the same id.</summary>
internal sealed record AnimationRecord
{
    public required string Id { get; init; }

    /// <summary>Its place in the order of coming.</summary>
    public long Number { get; init; }

    public Status Status { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Finished { get; init; }

    /// <summary>What the client calls the source.</summary>
    public required string Source { get; init; }

    /// <summary>What the client calls what moves it; null for the directions.</summary>
    public string? Driving { get; init; }

    public required Motive Motive { get; init; }

    /// <summary>As they came, with the crop of an uploaded source.</summary>
    public required JsonElement Options { get; init; }

    /// <summary>The extension of the result.</summary>
    public required string Format { get; init; }

    /// <summary>The line of the command line that gives the same bytes.</summary>
    public required string Command { get; init; }

    /// <summary>What went wrong, in a sentence.</summary>
    public string? Error { get; init; }

    public AnimationResult? Result { get; init; }

    /// <summary>Bytes of what it is made from.</summary>
    public long InputBytes { get; init; }

    /// <summary>How far it is; not kept on disk.</summary>
    public AnimationProgress? Progress { get; init; }

    /// <summary>Whether nothing will become of it any more.</summary>
    public bool HasEnded => Status is Status.Done or Status.Failed or Status.Cancelled;

    /// <summary>The name of the result's file.</summary>
    public string ResultName => NameOfResult(Source, Driving, Format);

    /// <summary>The source's name, with the extension of the result; it must replace nothing.</summary>
    public static string NameOfResult(string source, string? driving, string format)
    {
        string stem = Path.GetFileNameWithoutExtension(source), name = $"{stem}.{format}";
        return name.Equals(source, StringComparison.OrdinalIgnoreCase) || name.Equals(driving, StringComparison.OrdinalIgnoreCase)
            ? $"{stem}-animated.{format}" : name;
    }

    /// <summary>The media type of a result.</summary>
    public static string TypeOf(string format) => format switch
    {
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "png" => "image/png",
        _ => "application/octet-stream",
    };
}
