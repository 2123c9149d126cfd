namespace Lia.Kernels;

/// <summary>Sums over lanes.</summary>
internal static class WarpSum
{
    /// <summary>
    /// The sum over groups of <paramref name="lanes"/> lanes which lie <paramref name="apart"/> (both powers of two; by default neighbors),
    /// in every lane; always in the same order.
    /// </summary>
    public static float Of(float value, int lanes, int apart = 1)
    {
        for (int mask = lanes * apart >> 1; mask >= apart; mask >>= 1) value += Warp.ShuffleXor(value, mask);
        return value;
    }

    /// <summary>The sum over the 32 lanes, in every lane.</summary>
    public static double Of(double value)
    {
        for (int mask = 16; mask > 0; mask >>= 1) value += Warp.ShuffleXor(value, mask);
        return value;
    }
}
