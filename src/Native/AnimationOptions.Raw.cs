using Lia.Media.IO;

namespace Lia;

// Raw video: streams, and files that say little or nothing about themselves.
public sealed partial record AnimationOptions
{
    /// <summary>What the driving stream or file is; set it only for raw video.</summary>
    public RawInput RawInput { get; init; }

    /// <summary>The size of raw RGB24 driving frames, which do not say it themselves. RGB24 needs <see cref="FrameRate"/> too.</summary>
    public FrameSize? RawInputSize { get; init; }

    /// <summary>How an output stream, or an output file <c>.y4m</c> or <c>.rgb</c>, is written.</summary>
    public RawOutput RawOutput { get; init; }

    /// <summary>What the reader of the driving frames should know.</summary>
    internal ReadOptions Reading => new(EndFrame, new(RawInput, RawInputSize, FrameRate));

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    private void ValidateRaw()
    {
        if (!Enum.IsDefined(RawInput) || !Enum.IsDefined(RawOutput)) throw new ArgumentException("An enumeration value is not one of its names.");
        if (RawInputSize is { } size && (size.Width < 1 || size.Height < 1)) throw new ArgumentException($"The input size is {size}; it must be at least 1x1.");
    }
}
