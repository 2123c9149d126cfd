namespace Lia.Network;

/// <summary>
/// Maps network values to colors: <paramref name="minimum"/> to 0, <paramref name="maximum"/> to 255, linearly, rounded and clamped.
/// </summary>
/// <param name="minimum">Becomes 0.</param>
/// <param name="maximum">Becomes 255; if it is not above the minimum (a clip of one color), [-1, 1] is used.</param>
internal readonly struct ColorMap(float minimum, float maximum)
{
    private readonly float _offset = maximum > minimum ? minimum : -1, _range = maximum > minimum ? maximum - minimum : 2;

    /// <summary>The extremes of values clamped to [-1, 1].</summary>
    public static (float Minimum, float Maximum) Range(ReadOnlySpan<float> values)
    {
        float minimum = 1, maximum = -1;
        foreach (float value in values)
        {
            minimum = Math.Min(minimum, value);
            maximum = Math.Max(maximum, value);
        }
        return (Math.Max(minimum, -1), Math.Min(maximum, 1));
    }

    /// <param name="planes">[3, S, S].</param>
    /// <param name="size">S.</param>
    /// <param name="pixels">Receives S rows of S RGB pixels.</param>
    /// <param name="stride">Bytes from a row of <paramref name="pixels"/> to the next.</param>
    public void ToPixels(ReadOnlySpan<float> planes, int size, Span<byte> pixels, int stride)
    {
        int plane = size * size;
        for (int y = 0; y < size; y++)
        {
            Span<byte> row = pixels.Slice(y * stride, 3 * size);
            for (int c = 0; c < 3; c++)
            {
                ReadOnlySpan<float> values = planes.Slice(c * plane + y * size, size);
                for (int x = 0; x < values.Length; x++)
                    row[3 * x + c] = (byte)Math.Clamp(MathF.Round((values[x] - _offset) / _range * 255), 0, 255);
            }
        }
    }
}
