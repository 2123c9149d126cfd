using System.Diagnostics;
using Lia.Animation.Flow;
using Lia.Media.IO;

namespace Lia.Animation.Motion;

/// <summary>
/// The motion of a whole clip: every code, smoothed if that is asked for, in memory; and, where driving frames are to be shown, their
/// pixels in a temporary
/// file. It drives any number of sources, and in any order of frames.
/// </summary>
internal sealed class MotionRecording : IDisposable
{
    private DrivingMotion? _driving;
    private readonly FrameStore? _pixels;
    private readonly FramePool? _pool;
    private readonly IProgress<AnimationProgress>? _progress;
    private readonly List<float[]> _codes = [];
    private readonly int? _start;
    private bool _isComplete;

    /// <summary>Records a driving clip when <see cref="Complete"/> is called.</summary>
    /// <param name="driving">Belongs to the recording from here on.</param>
    /// <param name="settings">The frame range, and whether driving frames are kept.</param>
    /// <param name="size">S.</param>
    /// <param name="progress">Told how many frames are encoded.</param>
    public MotionRecording(DrivingMotion driving, MotionSettings settings, int size, IProgress<AnimationProgress>? progress)
    {
        (_driving, _progress) = (driving, progress);
        (Name, FirstFrame, Rate, Audio) = (driving.Name, settings.FirstFrame, driving.Rate, driving.Audio);
        (Crop, Meters, Told) = (driving.Crop, driving.Meters, driving.Count);
        if (!settings.KeepsFrames) return;
        _pool = new FramePool(3 * size * size);
        try
        {
            _pixels = new FrameStore(3 * size * size);
        }
        catch
        {
            driving.Dispose();
            throw;
        }
    }

    /// <summary>Takes the codes of a motion clip.</summary>
    /// <param name="clip">The codes.</param>
    /// <param name="settings">The frame range and the smoothing.</param>
    /// <exception cref="MediaException">The clip has no frame in the range.</exception>
    public MotionRecording(MotionClip clip, MotionSettings settings)
    {
        (Name, FirstFrame, Rate, _isComplete) = (clip.Name, settings.FirstFrame, clip.FrameRate, true);
        int end = Math.Min(settings.EndFrame ?? clip.Count, clip.Count);
        if (end <= FirstFrame) throw new MediaException($"{Name}: it has {clip.Count} frames, so none from frame {FirstFrame} on.");
        IEnumerable<MotionFrame> frames = Enumerable.Range(FirstFrame, end - FirstFrame).Select(frame =>
            new MotionFrame(clip[frame].ToArray(), null));
        _codes.AddRange(frames.Smooth(settings.SmoothingWindow).Select(frame => frame.Code));
        Told = _codes.Count;
        if (clip.Start >= FirstFrame && clip.Start < end) _start = clip.Start;
    }

    /// <summary>What was recorded.</summary>
    public string Name { get; }

    /// <summary>The number of the first code's frame in the whole clip.</summary>
    public int FirstFrame { get; }

    public FrameRate? Rate { get; }

    public AudioTrack? Audio { get; }

    /// <summary>The part of the driving frames that was looked at; null for all of it, and for a motion clip, which does not say.</summary>
    public PixelBox? Crop { get; }

    public string? Warning { get; private set; }

    /// <summary>What recording has taken.</summary>
    public MotionMeters Meters { get; } = new();

    /// <summary>alpha of every frame.</summary>
    public IReadOnlyList<float[]> Codes => _codes;

    /// <summary>Number of codes, as the driving clip told it when it was opened; null where it did not.</summary>
    public int? Told { get; }

    /// <summary>The frame, by its number in the whole clip, where relative motion starts unless the options say otherwise.</summary>
    public int Start => _start ?? FirstFrame;

    /// <summary>Reads the driving clip to its end, unless that is done already.</summary>
    /// <exception cref="MediaException">It is damaged, or holds no frame in the range.</exception>
    public void Complete()
    {
        if (_isComplete) return;
        Stopwatch watch = Stopwatch.StartNew();
        DrivingMotion driving = _driving!;
        foreach (MotionFrame frame in driving.Frames())
        {
            _codes.Add(frame.Code);
            if (frame.Pixels is not null) _pixels!.Add(frame.Pixels);
            driving.Return(frame);
            _progress?.Report(new AnimationProgress(_codes.Count, driving.Count, watch.Elapsed) { Stage = AnimationStage.Encoding });
        }
        (_isComplete, Warning, _driving) = (true, driving.Warning, null);
        // Now, and on this thread: what encodes is a device's, which the recording may outlive, and end on the thread of another.
        driving.Dispose();
    }

    /// <summary>The error for a start frame that is not among the frames.</summary>
    public MediaException NoSuchStart(int frame) =>
        new($"{Name}: frame {frame} cannot be the start frame; those used are {FirstFrame} to {FirstFrame + _codes.Count - 1}.");

    /// <summary>A frame by its place in <see cref="Codes"/>.</summary>
    public MotionFrame Frame(int index)
    {
        if (_pixels is null) return new MotionFrame(_codes[index], null);
        byte[] pixels = _pool!.Rent();
        lock (_pixels) _pixels.Read(index, pixels); // several sources may be driven at once
        return new MotionFrame(_codes[index], pixels);
    }

    public void Return(MotionFrame frame)
    {
        if (frame.Pixels is not null) _pool!.Return(frame.Pixels);
    }

    public void Dispose()
    {
        try
        {
            _driving?.Dispose();
        }
        finally
        {
            _pixels?.Dispose();
        }
    }
}
