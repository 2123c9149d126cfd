namespace Lia.Media.Raw;

/// <summary>How the colour planes of Y'CbCr pictures are sampled.</summary>
/// <param name="HorizontalShift">1 where a colour sample serves two pixels side by side.</param>
/// <param name="VerticalShift">1 where it serves two rows.</param>
/// <param name="HasColor">Whether there are colour planes at all.</param>
internal readonly record struct Chroma(int HorizontalShift, int VerticalShift, bool HasColor = true)
{
    public static Chroma Sampling420 { get; } = new(1, 1);

    public static Chroma Sampling422 { get; } = new(1, 0);

    public static Chroma Sampling444 { get; } = new(0, 0);

    public static Chroma Mono { get; } = new(0, 0, HasColor: false);

    /// <summary>Samples in a row of a colour plane.</summary>
    public int Width(int width) => HasColor ? (width + HorizontalShift) >> HorizontalShift : 0;

    /// <summary>Rows of a colour plane.</summary>
    public int Height(int height) => HasColor ? (height + VerticalShift) >> VerticalShift : 0;

    /// <summary>Bytes of a frame: the luma plane, then Cb and Cr.</summary>
    public int FrameBytes(int width, int height) => width * height + 2 * Width(width) * Height(height);
}
