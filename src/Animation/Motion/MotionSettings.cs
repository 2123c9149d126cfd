namespace Lia.Animation.Motion;

/// <summary>Which driving frames move a picture, and how.</summary>
internal sealed record MotionSettings
{
    /// <summary>The first driving frame used, counted from 0.</summary>
    public int FirstFrame { get; init; }

    /// <summary>The end of the frames used, excluded; null takes all.</summary>
    public int? EndFrame { get; init; }

    /// <summary>Whether motion is relative to a start, or absolute.</summary>
    public bool IsRelative { get; init; }

    /// <summary>Factor on the motion.</summary>
    public float Strength { get; init; } = 1;

    /// <summary>Frames that each code is the mean of; odd.</summary>
    public int SmoothingWindow { get; init; } = 1;

    /// <summary>Where relative motion starts; null for the first frame used, or the one that a motion clip names.</summary>
    public StartFrame? Start { get; init; }

    /// <summary>How often the motion is played.</summary>
    public int Loops { get; init; } = 1;

    /// <summary>Whether it is played backwards after forwards.</summary>
    public bool PingPong { get; init; }

    /// <summary>Whether driving frames are kept, to be shown.</summary>
    public bool KeepsFrames { get; init; }

    /// <summary>Whether all driving codes must be known before the first frame is animated.</summary>
    public bool NeedsAll => Start is not null || Loops > 1 || PingPong;
}
