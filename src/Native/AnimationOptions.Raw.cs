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

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    private void ValidateRaw()
    {
        if (!Enum.IsDefined(RawInput) || !Enum.IsDefined(RawOutput)) throw new ArgumentException("An enumeration value is not one of its names.");
        if (RawInputSize is { } size && (size.Width < 1 || size.Height < 1)) throw new ArgumentException($"The input size is {size}; it must be at least 1x1.");
    }
}

/// <summary>What driving frames come as.</summary>
public enum RawInput
{
    /// <summary>A stream is yuv4mpeg if it begins so, and else RGB24 of the size given; a file is what it is.</summary>
    Auto,
    /// <summary>yuv4mpeg with 8 bits: 4:2:0, 4:2:2, 4:4:4 or grey, BT.601, in the range its header says.</summary>
    Yuv4Mpeg,
    /// <summary>R, G, B bytes, row by row from the top, with nothing between the frames.</summary>
    Rgb24,
}

/// <summary>What raw video is written as.</summary>
public enum RawOutput
{
    /// <summary>yuv4mpeg; a file <c>.rgb</c> is RGB24.</summary>
    Auto,
    /// <summary>yuv4mpeg with a colour for every pixel (4:4:4), BT.601, limited range.</summary>
    Yuv4Mpeg,
    /// <summary>yuv4mpeg with a colour for four pixels (4:2:0, sited in their middle), BT.601, limited range: for programs that read nothing else.</summary>
    Yuv4Mpeg420,
    /// <summary>R, G, B bytes, row by row from the top, with nothing between the frames.</summary>
    Rgb24,
}
