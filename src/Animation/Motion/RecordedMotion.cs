using Lia.Media.IO;

namespace Lia.Animation.Motion;

/// <summary>
/// A recording played for one source. A round is the clip once: frames 0 to n-1, and with ping-pong then n-2 down to 1, so that each
/// turning point is shown once
/// and rounds join without a jump.
/// </summary>
internal sealed class RecordedMotion(MotionRecording recording, MotionSettings settings, bool ownsRecording) : IMotion
{
    public FrameRate? Rate => recording.Rate;

    /// <summary>Sound that is played once, forwards, or not at all.</summary>
    public AudioTrack? Audio => settings.Loops == 1 && !settings.PingPong ? recording.Audio : null;

    public PixelBox? Crop => recording.Crop;

    public string? Warning => recording.Warning;

    public MotionMeters Meters { get; } = ownsRecording ? recording.Meters : new();

    public int? Count => Looped(recording.Codes.Count);

    public int? Told => recording.Told is int frames ? Looped(frames) : null;

    public bool IsLive => false;

    private int Round => RoundOf(recording.Codes.Count);

    public MotionStart Begin(ReadOnlySpan<float> source)
    {
        recording.Complete();
        if ((long)Round * settings.Loops > int.MaxValue)
            throw new MediaException($"{recording.Name}: {settings.Loops} rounds of {Round} frames are too many.");
        int first = recording.FirstFrame, frame = settings.Start switch
        {
            null => recording.Start,
            { IsBest: true } => first + MotionCodes.Nearest(recording.Codes, source),
            { Number: int number } => number,
        };
        if (frame < first || frame >= first + recording.Codes.Count) throw recording.NoSuchStart(frame);
        return new MotionStart(frame, recording.Codes[frame - first]);
    }

    public IEnumerable<MotionFrame> Frames()
    {
        int last = recording.Codes.Count - 1;
        for (int loop = 0; loop < settings.Loops; loop++)
        {
            for (int i = 0; i < Round; i++) yield return recording.Frame(i <= last ? i : 2 * last - i);
        }
    }

    private int RoundOf(int frames) => settings.PingPong ? (int)Math.Clamp(2L * frames - 2, 1, int.MaxValue) : frames;

    private int Looped(int frames) => (int)Math.Min(int.MaxValue, (long)RoundOf(frames) * settings.Loops);

    public void Return(MotionFrame frame) => recording.Return(frame);

    public void Dispose()
    {
        if (ownsRecording) recording.Dispose();
    }
}
