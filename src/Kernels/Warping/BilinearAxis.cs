namespace Lia.Kernels.Warping;

/// <summary>Two neighboring samples of an axis and what they weigh; one outside weighs zero and stands for the nearest inside.</summary>
internal struct BilinearAxis
{
    /// <summary>Indices, moved inside.</summary>
    public int Index0, Index1;

    /// <summary>Their weights.</summary>
    public float Weight0, Weight1;

    /// <summary>How the weights change with the position: -1 and 1, zero outside.</summary>
    public float Slope0, Slope1;

    /// <summary>The samples around <paramref name="g"/>, in [-1, 1] across the axis.</summary>
    public static BilinearAxis Of(float g, int length)
    {
        float x = ((g + 1f) * length - 1f) * 0.5f;
        // Far outside nothing is seen; the clamp keeps the conversion to int in range.
        x = XMath.Clamp(x, -2f, length + 1f);
        float floor = XMath.Floor(x);
        int first = (int)floor;
        bool inside0 = first >= 0 && first < length, inside1 = first >= -1 && first < length - 1;
        BilinearAxis result = default;
        result.Index0 = IntrinsicMath.Clamp(first, 0, length - 1);
        result.Index1 = IntrinsicMath.Clamp(first + 1, 0, length - 1);
        result.Weight0 = inside0 ? floor + 1f - x : 0f;
        result.Weight1 = inside1 ? x - floor : 0f;
        result.Slope0 = inside0 ? -1f : 0f;
        result.Slope1 = inside1 ? 1f : 0f;
        return result;
    }
}
