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
        float x = ((gx + 1f) * width - 1f) * 0.5f, y = ((gy + 1f) * height - 1f) * 0.5f;
        // Far outside nothing is seen; the clamp keeps the conversion to int in range.
        x = XMath.Clamp(x, -2f, width + 1f);
        y = XMath.Clamp(y, -2f, height + 1f);
        float floorX = XMath.Floor(x), floorY = XMath.Floor(y);
        int x0 = (int)floorX, y0 = (int)floorY;
        float right = x - floorX, left = floorX + 1f - x, down = y - floorY, up = floorY + 1f - y;
        bool inside0 = x0 >= 0 && x0 < width, inside1 = x0 >= -1 && x0 < width - 1;
        left = inside0 ? left : 0f;
        right = inside1 ? right : 0f;
        up = y0 >= 0 && y0 < height ? up : 0f;
        down = y0 >= -1 && y0 < height - 1 ? down : 0f;
        int column0 = IntrinsicMath.Clamp(x0, 0, width - 1), column1 = IntrinsicMath.Clamp(x0 + 1, 0, width - 1);
        int row0 = IntrinsicMath.Clamp(y0, 0, height - 1) * width, row1 = IntrinsicMath.Clamp(y0 + 1, 0, height - 1) * width;
        Bilinear result = default;
        result.Pixel00 = row0 + column0;
        result.Pixel01 = row0 + column1;
        result.Pixel10 = row1 + column0;
        result.Pixel11 = row1 + column1;
        result.Weight00 = left * up;
        result.Weight01 = right * up;
        result.Weight10 = left * down;
        result.Weight11 = right * down;
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
