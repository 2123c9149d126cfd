using ILGPU.Algorithms.ScanReduceOperations;

namespace Lia.Gpu.Compiler.Device;

/// <summary>Reductions and scans over the 32 lanes of a warp, which must all take part. Device only.</summary>
internal static class WarpExtensions
{
    /// <summary>The reduction of all lanes, in every lane (in ILGPU's first lane at least).</summary>
    public static T Reduce<T, TReduction>(T value) where T : unmanaged
        where TReduction : struct, IScanReduceOperation<T> => AllReduce<T, TReduction>(value);

    /// <summary>The reduction of all lanes, in every lane.</summary>
    public static T AllReduce<T, TReduction>(T value) where T : unmanaged where TReduction : struct, IScanReduceOperation<T>
    {
        TReduction reduction = default;
        for (int mask = Warp.WarpSize / 2; mask > 0; mask /= 2) value = reduction.Apply(value, Warp.ShuffleXor(value, mask));
        return value;
    }

    /// <summary>The reduction of this lane and those below.</summary>
    public static T InclusiveScan<T, TScan>(T value) where T : unmanaged where TScan : struct, IScanReduceOperation<T>
    {
        TScan scan = default;
        for (int delta = 1; delta < Warp.WarpSize; delta *= 2)
        {
            T below = Warp.ShuffleUp(value, delta);
            if (Warp.LaneIdx >= delta) value = scan.Apply(below, value);
        }
        return value;
    }

    /// <summary>The reduction of the lanes below; the identity in lane 0.</summary>
    public static T ExclusiveScan<T, TScan>(T value) where T : unmanaged where TScan : struct, IScanReduceOperation<T>
    {
        T below = Warp.ShuffleUp(InclusiveScan<T, TScan>(value), 1);
        return Warp.LaneIdx == 0 ? default(TScan).Identity : below;
    }
}

/// <summary>
/// Reductions and scans over a group of whole warps, in the order of the linear index, which all its threads must reach. Device only.
/// </summary>
internal static class GroupExtensions
{
    /// <summary>The reduction of all threads, in every thread (in ILGPU's first at least).</summary>
    public static T Reduce<T, TReduction>(T value) where T : unmanaged
        where TReduction : struct, IScanReduceOperation<T> => AllReduce<T, TReduction>(value);

    /// <summary>The reduction of all threads, in every thread.</summary>
    public static T AllReduce<T, TReduction>(T value) where T : unmanaged where TReduction : struct, IScanReduceOperation<T>
    {
        ArrayView<T> warps = SharedMemory.Allocate<T>(32);
        value = WarpExtensions.AllReduce<T, TReduction>(value);
        if (Warp.IsFirstLane) warps[Warp.WarpIdx] = value;
        Group.Barrier();
        value = WarpExtensions.AllReduce<T, TReduction>(Warp.LaneIdx < Warps ? warps[Warp.LaneIdx] : default(TReduction).Identity);
        // The next call of a loop writes the same memory.
        Group.Barrier();
        return value;
    }

    /// <summary>The reduction of this thread and those before.</summary>
    public static T InclusiveScan<T, TScanOperation>(T value) where T : unmanaged where TScanOperation : struct, IScanReduceOperation<T> =>
        default(TScanOperation).Apply(Before<T, TScanOperation>(WarpExtensions.AllReduce<T, TScanOperation>(value)),
            WarpExtensions.InclusiveScan<T, TScanOperation>(value));

    /// <summary>The reduction of the threads before; the identity in the first.</summary>
    public static T ExclusiveScan<T, TScanOperation>(T value) where T : unmanaged where TScanOperation : struct, IScanReduceOperation<T> =>
        default(TScanOperation).Apply(Before<T, TScanOperation>(WarpExtensions.AllReduce<T, TScanOperation>(value)),
            WarpExtensions.ExclusiveScan<T, TScanOperation>(value));

    private static int Warps => Group.DimX * Group.DimY * Group.DimZ / Warp.WarpSize;

    /// <summary>The reduction of the warps before this thread's.</summary>
    private static T Before<T, TScan>(T ofWarp) where T : unmanaged where TScan : struct, IScanReduceOperation<T>
    {
        ArrayView<T> warps = SharedMemory.Allocate<T>(32);
        if (Warp.IsFirstLane) warps[Warp.WarpIdx] = ofWarp;
        Group.Barrier();
        T all = WarpExtensions.ExclusiveScan<T, TScan>(Warp.LaneIdx < Warps ? warps[Warp.LaneIdx] : default(TScan).Identity);
        T before = Warp.Shuffle(all, Warp.WarpIdx);
        Group.Barrier();
        return before;
    }
}
