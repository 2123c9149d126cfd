namespace Lia;

/// <summary>How far an animation is.</summary>
/// <param name="Frames">Frames that this stage has done.</param>
/// <param name="Total">Frames there will be, as the driving file's header or length tells; null when neither does.</param>
/// <param name="Elapsed">Time since the stage began (loading the model is not in it).</param>
public readonly record struct AnimationProgress(int Frames, int? Total, TimeSpan Elapsed)
{
    /// <summary>What is being done.</summary>
    public AnimationStage Stage { get; init; }

    /// <summary>Frames a second so far; 0 before the first.</summary>
    public double FramesPerSecond => Elapsed > TimeSpan.Zero ? Frames / Elapsed.TotalSeconds : 0;

    /// <summary>How long frames take from in to out, where the driving frames come through a stream; null elsewhere, and before the first
    /// frame is out.</summary>
    public FrameLatency? Latency { get; init; }

    /// <summary>Time left at this pace; null when <see cref="Total"/> is unknown or no frame is done.</summary>
    public TimeSpan? Remaining =>
        Total is int total && Frames > 0 ? TimeSpan.FromTicks(Elapsed.Ticks / Frames * Math.Max(0, total - Frames)) : null;
}

/// <summary>What an animation is at.</summary>
public enum AnimationStage
{
    /// <summary>Frames leave the network.</summary>
    Animating,
    /// <summary>Motion codes are taken from driving frames: all there is to do in an extraction, and a stage of its own where the whole
    /// motion must be known
    /// before the first frame.</summary>
    Encoding,
}
