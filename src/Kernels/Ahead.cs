using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>
/// Weights of launches to come, fetched into the L2 cache by one that leaves the memory idle. A frame reads 136 MB of weights at 256 and
/// the cache holds 50: with one frame each layer would find its own in memory alone.
/// </summary>
internal static class Ahead
{
    /// <summary>
    /// Asks for a group's share of two arrays, each of a multiple of 8 halves; before the launch ahead has ended, since nobody writes them.
    /// </summary>
    public static void Fetch(ArrayView<Half> first, ArrayView<Half> second)
    {
        if (Intrinsics.TargetIsHopper && Group.IdxX == 0)
        {
            Fetch(first);
            Fetch(second);
        }
    }

    private static void Fetch(ArrayView<Half> weights)
    {
        int octets = weights.IntLength / Octet.Size;
        int share = (octets + Grid.DimX - 1) / Grid.DimX;
        int from = Grid.IdxX * share;
        int count = IntrinsicMath.Min(share, octets - from);
        if (count > 0) Intrinsics.PrefetchL2(ref weights.Cast<Half8>()[from], 16 * count);
    }

    /// <summary>
    /// Has what a convolution needs first fetched, which nobody writes and a frame's weights have driven out of the cache since the frame
    /// before: tensor maps and, for its end, its bias. One thread calls it, before the launch ahead has ended.
    /// </summary>
    public static void Fetch(ArrayView<TensorMap> inputs, ArrayView<TensorMap> weights, ArrayView<float> bias)
    {
        for (int i = 0; i < inputs.IntLength; i++) Intrinsics.TensorMapPrefetch(ref inputs[i]);
        Intrinsics.TensorMapPrefetch(ref weights[0]);
        if (bias.IntLength >= 4) Intrinsics.PrefetchL2(ref bias[0], 16 * (bias.IntLength / 4));
    }
}
