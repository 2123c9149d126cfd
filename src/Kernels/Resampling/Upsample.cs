namespace Lia.Kernels.Resampling;

/// <summary>
/// The skip images' upsampling by 2 (zeros between samples, pad (2,1), FIR kernel x4), one output pixel at a time. Per axis the FIR kernel
/// meets two samples: an even output 2i is (x[i-1] + 3 x[i]) / 4, an odd one 2i+1 is (3 x[i] + x[i+1]) / 4, zero outside.
/// </summary>
internal static class Upsample
{
    /// <summary>
    /// Pixel (<paramref name="row"/>, <paramref name="column"/>) of the upsampled plane that starts at <paramref name="plane"/>.
    /// </summary>
    /// <param name="input">Planes of <paramref name="height"/> x <paramref name="width"/>.</param>
    /// <param name="plane">Index of the plane's first element.</param>
    /// <param name="height">Rows before upsampling.</param>
    /// <param name="width">Columns before upsampling.</param>
    /// <param name="row">Output row.</param>
    /// <param name="column">Output column.</param>
    public static float At(ArrayView<float> input, int plane, int height, int width, int row, int column)
    {
        int nearY = row >> 1, farY = nearY + ((row & 1) != 0 ? 1 : -1);
        int nearX = column >> 1, farX = nearX + ((column & 1) != 0 ? 1 : -1);
        bool hasRow = (uint)farY < (uint)height, hasColumn = (uint)farX < (uint)width;
        // What lies outside is read from inside and dropped: a load under a condition would wait for those before.
        int nearLine = plane + nearY * width, farLine = hasRow ? plane + farY * width : nearLine;
        farX = hasColumn ? farX : nearX;
        float near = Across(input, nearLine, nearX, farX, hasColumn), far = Across(input, farLine, nearX, farX, hasColumn);
        return Intrinsics.Fma(near, 3f, hasRow ? far : 0f) * 0.0625f;
    }

    /// <summary>
    /// The pixels of a row at <paramref name="column"/>, which is even, and right of it: of six samples, where <see cref="At"/> reads four
    /// for each. Where the right one is no pixel, it is the same as if the picture were wider by one sample of zero.
    /// </summary>
    /// <inheritdoc cref="At"/>
    public static Float2 Pair(ArrayView<float> input, int plane, int height, int width, int row, int column)
    {
        int nearY = row >> 1, farY = nearY + ((row & 1) != 0 ? 1 : -1), x = column >> 1;
        bool hasRow = (uint)farY < (uint)height;
        int nearLine = plane + nearY * width, farLine = hasRow ? plane + farY * width : nearLine;
        Float2 near = Across(input, nearLine, width, x), far = Across(input, farLine, width, x);
        return new(Intrinsics.Fma(near.X, 3f, hasRow ? far.X : 0f) * 0.0625f, Intrinsics.Fma(near.Y, 3f, hasRow ? far.Y : 0f) * 0.0625f);
    }

    private static float Across(ArrayView<float> input, int line, int near, int far, bool hasFar)
    {
        float inner = input[line + near], outer = input[line + far];
        return Intrinsics.Fma(inner, 3f, hasFar ? outer : 0f);
    }

    private static Float2 Across(ArrayView<float> input, int line, int width, int x)
    {
        bool hasLeft = x > 0, hasRight = x + 1 < width;
        float left = input[line + (hasLeft ? x - 1 : x)], middle = input[line + x], right = input[line + (hasRight ? x + 1 : x)];
        return new(Intrinsics.Fma(middle, 3f, hasLeft ? left : 0f), Intrinsics.Fma(middle, 3f, hasRight ? right : 0f));
    }
}
