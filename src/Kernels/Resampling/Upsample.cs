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
        float near = Across(input, plane + nearY * width, width, nearX, farX);
        float far = 0f;
        if (farY >= 0 && farY < height) far = Across(input, plane + farY * width, width, nearX, farX);
        return Intrinsics.Fma(near, 3f, far) * 0.0625f;
    }

    private static float Across(ArrayView<float> input, int line, int width, int near, int far)
    {
        float outer = 0f;
        if (far >= 0 && far < width) outer = input[line + far];
        return Intrinsics.Fma(input[line + near], 3f, outer);
    }
}
