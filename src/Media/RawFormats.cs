namespace Lia;

/// <summary>What the frames of a clip come as.</summary>
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
    /// <summary>yuv4mpeg with a colour for four pixels (4:2:0, sited in their middle), BT.601, limited range: for programs that read
    /// nothing else.</summary>
    Yuv4Mpeg420,
    /// <summary>R, G, B bytes, row by row from the top, with nothing between the frames.</summary>
    Rgb24,
}
