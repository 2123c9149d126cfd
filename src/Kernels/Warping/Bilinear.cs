namespace Lia.Kernels.Warping;

/// <summary>
/// grid_sample (bilinear, align_corners = false, zeros outside): where the four corners lie and what they weigh. A corner outside the
/// picture weighs zero on its own and is read from the nearest pixel inside.
/// </summary>
internal struct Bilinear
{
    /// <summary>Pixel indices of the corners, row-major: north-west, north-east, south-west, south-east.</summary>
    public int Pixel00, Pixel01, Pixel10, Pixel11;

    /// <summary>Their weights.</summary>
    public float Weight00, Weight01, Weight10, Weight11;

    /// <summary>The corners around (<paramref name="gx"/>, <paramref name="gy"/>), each in [-1, 1] across the picture.</summary>
    public static Bilinear Of(float gx, float gy, int width, int height)
    {
        BilinearAxis x = BilinearAxis.Of(gx, width), y = BilinearAxis.Of(gy, height);
        int row0 = y.Index0 * width, row1 = y.Index1 * width;
        Bilinear result = default;
        result.Pixel00 = row0 + x.Index0;
        result.Pixel01 = row0 + x.Index1;
        result.Pixel10 = row1 + x.Index0;
        result.Pixel11 = row1 + x.Index1;
        result.Weight00 = x.Weight0 * y.Weight0;
        result.Weight01 = x.Weight1 * y.Weight0;
        result.Weight10 = x.Weight0 * y.Weight1;
        result.Weight11 = x.Weight1 * y.Weight1;
        return result;
    }

    /// <summary>Channels <paramref name="channel"/> to +3 of <paramref name="feature"/> [pixel, channel], interpolated.</summary>
    public static Float4 Sample<TAccess>(Bilinear corners, ArrayView<float> feature, int channel, int channels)
        where TAccess : struct, IChannelAccess
    {
        Float4 sum = Quad.Scale(Quad.Load<TAccess>(feature, corners.Pixel00 * channels, channel, channels), corners.Weight00);
        sum = Quad.Fma(Quad.Load<TAccess>(feature, corners.Pixel01 * channels, channel, channels), corners.Weight01, sum);
        sum = Quad.Fma(Quad.Load<TAccess>(feature, corners.Pixel10 * channels, channel, channels), corners.Weight10, sum);
        return Quad.Fma(Quad.Load<TAccess>(feature, corners.Pixel11 * channels, channel, channels), corners.Weight11, sum);
    }
}
