namespace Lia;

/// <summary>What an animation came to.</summary>
/// <param name="Output">The file or folder written, as the caller named it; a stream is <c>-</c>.</param>
/// <param name="Frames">Frames written.</param>
/// <param name="FrameRate">The rate they play at.</param>
/// <param name="Width">Pixels in a row of the output.</param>
/// <param name="Height">Rows of the output.</param>
/// <param name="HasAudio">Whether the driving clip's sound is in the output.</param>
/// <param name="Mode">How motion was transferred.</param>
/// <param name="DeviceName">The device in words.</param>
/// <param name="Elapsed">Time from opening the input to closing the output (loading the model is not in it).</param>
/// <param name="Warning">What the decoder complained of without giving up, in one line; null when it had no complaint.</param>
public sealed record AnimationSummary(
    string Output, int Frames, FrameRate FrameRate, int Width, int Height, bool HasAudio, MotionMode Mode, string DeviceName,
        TimeSpan Elapsed,
    string? Warning)
{
    /// <summary>The driving frame where relative motion started, counted from 0 in the whole clip; null for absolute motion.</summary>
    public int? StartFrame { get; init; }

    /// <summary>The part of the driving frames that was looked at, given or found; null for all of it.</summary>
    public PixelBox? DrivingCrop { get; init; }

    /// <summary>How long frames took from in to out, where the driving frames came through a stream; null elsewhere.</summary>
    public FrameLatency? Latency { get; init; }

    /// <summary>Where the time went.</summary>
    public AnimationProfile Profile { get; init; } = new(default, [], []);
}
