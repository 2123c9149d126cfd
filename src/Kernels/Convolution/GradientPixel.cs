namespace Lia.Kernels.Convolution;

/// <summary>A pixel of all frames' base maps, or the way from one to another, digit by digit.</summary>
/// <param name="frame">Frame.</param>
/// <param name="row">Row in it.</param>
/// <param name="column">Column in it.</param>
internal struct GradientPixel(int frame, int row, int column)
{
    public int Frame = frame;

    public int Row = row;

    public int Column = column;

    /// <summary>The pixel of a number.</summary>
    public static GradientPixel At(WeightGradientArguments a, int pixel)
    {
        int line = pixel / a.BaseWidth;
        int frame = line / a.BaseHeight;
        return new(frame, line - frame * a.BaseHeight, pixel - line * a.BaseWidth);
    }

    /// <summary>The pixel <paramref name="step"/> further: an addition with carry instead of two divisions.</summary>
    public static GradientPixel Add(WeightGradientArguments a, GradientPixel pixel, GradientPixel step)
    {
        int column = pixel.Column + step.Column, row = pixel.Row + step.Row, frame = pixel.Frame + step.Frame;
        if (column >= a.BaseWidth)
        {
            column -= a.BaseWidth;
            row++;
        }
        if (row >= a.BaseHeight)
        {
            row -= a.BaseHeight;
            frame++;
        }
        return new(frame, row, column);
    }

    /// <summary>Where the pixel's channels are in the base map; -1 past the last frame.</summary>
    public static int BaseRow(WeightGradientArguments a, GradientPixel pixel) => pixel.Frame < a.Frames
        ? pixel.Frame * a.BaseFrameStride + (pixel.Row * a.BaseWidth + pixel.Column) * a.BaseChannels
        : -1;

    /// <summary>Where the channels of the shifted map's pixel are that a tap of the pixel meets; -1 outside.</summary>
    public static int ShiftedRow(WeightGradientArguments a, GradientPixel pixel, int tapY, int tapX)
    {
        int y = pixel.Row * a.Stride - a.Padding + tapY, x = pixel.Column * a.Stride - a.Padding + tapX;
        return pixel.Frame < a.Frames && y >= 0 && y < a.ShiftedHeight && x >= 0 && x < a.ShiftedWidth
            ? pixel.Frame * a.ShiftedFrameStride + (y * a.ShiftedWidth + x) * a.ShiftedChannels
            : -1;
    }
}
