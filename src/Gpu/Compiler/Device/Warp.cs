namespace Lia.Gpu.Compiler.Device;

/// <summary>The 32 lanes that execute together. Every lane must take part in shuffles and votes. Device only.</summary>
internal static class Warp
{
    /// <summary>Lanes of a warp: 32 on every NVIDIA GPU.</summary>
    public static int WarpSize => 32;

    /// <summary>This thread's lane (`%laneid`).</summary>
    public static int LaneIdx { [Ptx("mov.u32 $d, %laneid;")] get => throw DeviceOnly.Error(); }

    /// <summary>This thread's warp in its group: linear index / 32.</summary>
    public static int WarpIdx => (int)((uint)Group.LinearIndex / (uint)WarpSize);

    /// <summary>True in lane 0.</summary>
    public static bool IsFirstLane => LaneIdx == 0;

    /// <summary>True in lane 31.</summary>
    public static bool IsLastLane => LaneIdx == WarpSize - 1;

    /// <summary>The warp of a linear index in the group.</summary>
    public static int ComputeWarpIdx(ILGPU.Index1D groupThreadIdx) => groupThreadIdx.X / WarpSize;

    /// <summary>The lane of a linear index in the group.</summary>
    public static int ComputeWarpThreadIdx(ILGPU.Index1D groupThreadIdx) => groupThreadIdx.X % WarpSize;

    /// <summary>Waits for the lanes of the warp and orders their memory accesses (`bar.warp.sync`).</summary>
    [Ptx("bar.warp.sync 0xffffffff;", Effect = PtxEffect.Writes)]
    public static void Barrier() => throw DeviceOnly.Error();

    /// <summary>The value of lane <paramref name="sourceLane"/> (`shfl.sync.idx`).</summary>
    [Builtin(Builtin.Shuffle)]
    public static T Shuffle<T>(T variable, int sourceLane) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>The value of the lane <paramref name="delta"/> above; lanes without one keep their own (`shfl.sync.down`).</summary>
    [Builtin(Builtin.ShuffleDown)]
    public static T ShuffleDown<T>(T variable, int delta) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>The value of the lane <paramref name="delta"/> below; lanes without one keep their own (`shfl.sync.up`).</summary>
    [Builtin(Builtin.ShuffleUp)]
    public static T ShuffleUp<T>(T variable, int delta) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>The value of lane `LaneIdx ^ mask` (`shfl.sync.bfly`).</summary>
    [Builtin(Builtin.ShuffleXor)]
    public static T ShuffleXor<T>(T variable, int mask) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>The value of lane <paramref name="laneIndex"/> in every lane.</summary>
    public static T Broadcast<T>(T value, int laneIndex) where T : unmanaged => Shuffle(value, laneIndex);
}
