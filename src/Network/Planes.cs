using System.Numerics;
using System.Runtime.InteropServices;

namespace Lia.Network;

/// <summary>The network's planar float32 pictures [3, S, S].</summary>
internal static class Planes
{
    private static readonly float[] Values = [.. Enumerable.Range(0, 256).Select(value => (value / 255f - 0.5f) * 2)];

    /// <summary><c>(u8 / 255 - 0.5) * 2</c>, from [S, S, 3] to [3, S, S].</summary>
    public static void FromPixels(ReadOnlySpan<byte> pixels, Span<float> planes)
    {
        int plane = pixels.Length / 3;
        Span<float> red = planes[..plane], green = planes.Slice(plane, plane), blue = planes.Slice(2 * plane, plane);
        for (int i = 0; i < red.Length; i++)
        {
            red[i] = Values[pixels[3 * i]];
            green[i] = Values[pixels[3 * i + 1]];
            blue[i] = Values[pixels[3 * i + 2]];
        }
    }

    /// <summary>Whether no value is NaN or infinite.</summary>
    public static bool AllFinite(ReadOnlySpan<float> values)
    {
        // x - x is 0 for a finite x and NaN otherwise; NaN survives the sum.
        Vector<float> sum = default;
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        foreach (Vector<float> vector in vectors) sum += vector - vector;
        float rest = Vector.Sum(sum);
        foreach (float value in values[(vectors.Length * Vector<float>.Count)..]) rest += value - value;
        return rest == 0;
    }
}
