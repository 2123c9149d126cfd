namespace Lia.Gpu.Bench.Kernels;

/// <summary>
/// Which tile of the product a group computes. Groups that run at the same time share operands in the L2 cache when their tiles form a
/// compact patch, so tiles are numbered down bands of eight tile rows:
/// <code>
///   0  8 16 ..
///   1  9 17 ..
///   :  :  :
///   7 15 23 ..
/// </code>
/// </summary>
internal static class BlockOrder
{
    private const int Band = 8;

    /// <summary>The tile row of group <paramref name="index"/>.</summary>
    public static int Row(int index, int tileRows, int tileColumns)
    {
        int first = index / (Band * tileColumns) * Band;
        return first + index % (Band * tileColumns) % IntrinsicMath.Min(Band, tileRows - first);
    }

    /// <summary>The tile column of group <paramref name="index"/>.</summary>
    public static int Column(int index, int tileRows, int tileColumns)
    {
        int first = index / (Band * tileColumns) * Band;
        return index % (Band * tileColumns) / IntrinsicMath.Min(Band, tileRows - first);
    }
}
