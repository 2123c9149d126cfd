using Lia.Motion;
using Microsoft.Extensions.Logging;

namespace Lia;

/// <summary>Everything that can be chosen about an animation. The defaults need only <see cref="Model"/>.</summary>
public sealed partial record AnimationOptions
{
    /// <summary>The checkpoint: a safetensors file or a PyTorch file of the official program.</summary>
    public string? Model { get; init; }

    /// <summary>What computes.</summary>
    public Device Device { get; init; }

    /// <summary>How it computes.</summary>
    public Precision Precision { get; init; }

    /// <summary>CPU threads; 0 takes every core.</summary>
    public int Threads { get; init; }

    /// <summary>Where messages go; none by default.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>How the driving motion is transferred.</summary>
    public MotionMode Mode { get; init; }

    /// <summary>Factor on the motion: 1 is the driving motion, more exaggerates. In relative mode 0 keeps the source still; in absolute mode
    /// the factor is on the driving pose itself, and 0 is the model's neutral pose.</summary>
    public float MotionStrength { get; init; } = 1;

    /// <summary>Frames in the window over which motion codes are smoothed, odd and at most 255: each code becomes the mean of those around it with the raised
    /// cosine weights <c>(1 + cos(2 pi j / (N + 1))) / (N + 1)</c>; beyond its ends the clip stands still. 1 leaves the motion as it is. Nothing is delayed, but a
    /// frame is computed only when half a window after it has been read.</summary>
    public int SmoothingWindow { get; init; } = 1;

    /// <summary>Where relative motion starts. Null: at the first frame used, or at the one that a motion clip names if that is used. Anything else lets all driving
    /// frames through the encoder before the first is animated.</summary>
    public StartFrame? StartFrame { get; init; }

    /// <summary>How often the motion is played. With more than once, all driving frames go through the encoder (once) before the first is animated, and the sound is left out.</summary>
    public int Loops { get; init; } = 1;

    /// <summary>Whether the motion is played backwards after forwards: n frames become 2n - 2, the turning points shown once, so that repetitions join smoothly.
    /// All driving frames go through the encoder before the first is animated, and the sound is left out.</summary>
    public bool PingPong { get; init; }

    /// <summary>How pictures that are not square become square.</summary>
    public Fit Fit { get; init; }

    /// <summary>Driving frames to use, counted from 0, the end excluded: <c>0..48</c>, <c>10..</c>; the only index from the end is <c>^0</c>.</summary>
    public Range Frames { get; init; } = Range.All;

    /// <summary>Frames that go through the network together; 0 lets the device choose. It does not change the result beyond rounding.</summary>
    public int Batch { get; init; }

    /// <summary>Whether the output shows source, driving frame and result next to each other (three times as wide).</summary>
    public bool SideBySide { get; init; }

    /// <summary>How network values become colours.</summary>
    public Normalization Normalization { get; init; }

    /// <summary>Whether the driving clip's sound is kept, where the output can hold sound (mp4).</summary>
    public bool Audio { get; init; } = true;

    /// <summary>Overrides the rate of the driving clip (frames are neither dropped nor repeated; the sound is then left out).
    /// Null keeps the clip's rate, or 25 for a folder of frames or a picture.</summary>
    public FrameRate? FrameRate { get; init; }

    /// <summary>A safetensors file to write the network's float32 frames to, before clamping: tensor <c>frames</c> [N, 3, S, S]. Null writes none.</summary>
    public string? Dump { get; init; }

    internal static AnimationOptions Defaults { get; } = new();

    internal int FirstFrame => Frames.Start.Value;

    /// <summary>The end of the range, excluded; null when open.</summary>
    internal int? EndFrame => Frames.End.IsFromEnd ? null : Frames.End.Value;

    /// <summary>Whether all driving codes must be known before the first frame is animated.</summary>
    internal bool NeedsWholeMotion => StartFrame is not null || Loops > 1 || PingPong;

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    internal void Validate()
    {
        if (Frames.Start.IsFromEnd || (Frames.End.IsFromEnd && Frames.End.Value != 0))
            throw new ArgumentException($"The frame range {Frames} counts from the end; only ^0 as its end is understood.");
        if (EndFrame <= FirstFrame)
            throw new ArgumentException($"The frame range {Frames} is empty.");
        if (!float.IsFinite(MotionStrength))
            throw new ArgumentException($"The motion strength is {MotionStrength}; it must be a finite number.");
        if (SmoothingWindow is < 1 or > MotionSmoothing.LongestWindow || SmoothingWindow % 2 == 0)
            throw new ArgumentException($"The smoothing window is {SmoothingWindow}; it must be odd and from 1 to {MotionSmoothing.LongestWindow}.");
        if (Loops < 1)
            throw new ArgumentException($"The number of loops is {Loops}; it must be 1 or more.");
        if (Batch is < 0 or > 256)
            throw new ArgumentException($"The batch is {Batch}; it must be from 1 to 256, or 0 for the device's choice.");
        if (Threads is < 0 or > 1024)
            throw new ArgumentException($"The number of threads is {Threads}; it must be from 1 to 1024, or 0 for every core.");
        if (!Enum.IsDefined(Precision) || !Enum.IsDefined(Mode) || !Enum.IsDefined(Fit) || !Enum.IsDefined(Normalization))
            throw new ArgumentException("An enumeration value is not one of its names.");
        if (FrameRate is { Numerator: 0 })
            throw new ArgumentException("The frame rate is 0.");
        ValidateFraming();
        ValidateRaw();
    }
}

/// <summary>How a device computes.</summary>
public enum Precision
{
    /// <summary>The device's default: fast on CUDA, exact elsewhere.</summary>
    Auto,
    /// <summary>float32.</summary>
    Exact,
    /// <summary>Half-precision operands, float32 sums; the CPU has no such mode and computes exactly; ILGPU's compiler has none and is refused.</summary>
    Fast,
}

/// <summary>How the driving motion is transferred to the source.</summary>
public enum MotionMode
{
    /// <summary>What the model was trained for: absolute for a model of the variant ted, relative otherwise.</summary>
    Auto,
    /// <summary>The source's own pose plus the driving motion since the first frame.</summary>
    Relative,
    /// <summary>The driving pose itself.</summary>
    Absolute,
}

/// <summary>How network values, nominally in [-1, 1], become colours.</summary>
public enum Normalization
{
    /// <summary><c>(x + 1) / 2 * 255</c>, rounded and clamped: a colour does not depend on the rest of the clip.</summary>
    Fixed,
    /// <summary>Clamped to [-1, 1], then the whole clip's minimum and maximum stretched to 0 and 255, as the official demonstration does.
    /// The frames wait in a temporary file until the last is known.</summary>
    MinMax,
}
