namespace Lia.Kernels;

/// <summary>Sums over the threads of a block.</summary>
internal static class BlockSum
{
    /// <summary>
    /// The sum over the block's <paramref name="warps"/> whole warps, in every thread; always in the same order. Every thread must reach
    /// it; a second sum through the same memory needs a barrier before it.
    /// </summary>
    /// <param name="value">This thread's.</param>
    /// <param name="shared">Shared memory, one element a warp.</param>
    /// <param name="warps">Warps of the block.</param>
    public static double Of(double value, ArrayView<double> shared, int warps)
    {
        double inWarp = WarpSum.Of(value);
        if ((Group.IdxX & 31) == 0) shared[Group.IdxX >> 5] = inWarp;
        Group.Barrier();
        double sum = 0.0;
        for (int warp = 0; warp < warps; warp++) sum += shared[warp];
        return sum;
    }
}
