using Lia.Animation.Motion;

namespace Lia;

/// <summary>The motion of a driving clip that several sources move by: encoded once, by the first that needs it, while others wait. May be
/// used from several threads, and by several animators of one model.</summary>
/// <param name="driving">The clip; not a stream.</param>
internal sealed class SharedMotion(Driving driving) : IDisposable
{
    private readonly Lock _gate = new();
    private MotionRecording? _recording;

    /// <summary>The clip.</summary>
    public Driving Driving => driving;

    /// <summary>The motion, which is recorded if nobody has done it. Where that fails, the next one tries.</summary>
    /// <param name="record">Records all of it.</param>
    public MotionRecording Get(Func<MotionRecording> record)
    {
        lock (_gate) return _recording ??= record();
    }

    /// <summary>Nobody moves by it any more.</summary>
    public void Dispose() => _recording?.Dispose();
}
