namespace Lia.Gpu.Runtime;

/// <summary>The shape of a launch: groups in the grid, threads in a group, dynamic shared memory.</summary>
/// <param name="GridDim">Groups along X, Y and Z, each at least 1.</param>
/// <param name="GroupDim">Threads of a group along X, Y and Z, each at least 1.</param>
/// <param name="SharedMemoryConfig">The dynamic shared memory; none by default.</param>
public readonly record struct KernelConfig(Index3D GridDim, Index3D GroupDim, SharedMemoryConfig SharedMemoryConfig = default)
{
    /// <summary>
    /// Whether the launch may begin before those ahead of it in the stream have ended: as soon as all their groups have called <see cref="Intrinsics.AllowNextLaunch"/> or ended.
    /// The kernel must call <see cref="Intrinsics.WaitForPreviousLaunches"/> before it touches what they read or write. Needs compute capability 9.0; captured
    /// launches keep it.
    /// </summary>
    public bool OverlapsPrevious { get; init; }

    /// <summary>A one-dimensional launch.</summary>
    public KernelConfig(Index1D gridDim, Index1D groupDim, SharedMemoryConfig sharedMemoryConfig = default)
        : this(new Index3D(gridDim.X, 1, 1), new Index3D(groupDim.X, 1, 1), sharedMemoryConfig)
    {
    }

    /// <summary>A two-dimensional launch.</summary>
    public KernelConfig(Index2D gridDim, Index2D groupDim, SharedMemoryConfig sharedMemoryConfig = default)
        : this(new Index3D(gridDim.X, gridDim.Y, 1), new Index3D(groupDim.X, groupDim.Y, 1), sharedMemoryConfig)
    {
    }

    /// <summary>(groups, threads of a group).</summary>
    public static implicit operator KernelConfig((Index1D Grid, Index1D Group) dims) => new(dims.Grid, dims.Group);

    /// <summary>(groups, threads of a group) in two dimensions.</summary>
    public static implicit operator KernelConfig((Index2D Grid, Index2D Group) dims) => new(dims.Grid, dims.Group);

    /// <summary>(groups, threads of a group) in three dimensions.</summary>
    public static implicit operator KernelConfig((Index3D Grid, Index3D Group) dims) => new(dims.Grid, dims.Group);

    /// <summary>(groups, threads of a group, dynamic shared memory).</summary>
    public static implicit operator KernelConfig((Index1D Grid, Index1D Group, SharedMemoryConfig Shared) dims) => new(dims.Grid, dims.Group, dims.Shared);

    /// <summary>(groups, threads of a group, dynamic shared memory) in two dimensions.</summary>
    public static implicit operator KernelConfig((Index2D Grid, Index2D Group, SharedMemoryConfig Shared) dims) => new(dims.Grid, dims.Group, dims.Shared);

    /// <summary>(groups, threads of a group, dynamic shared memory) in three dimensions.</summary>
    public static implicit operator KernelConfig((Index3D Grid, Index3D Group, SharedMemoryConfig Shared) dims) => new(dims.Grid, dims.Group, dims.Shared);

    internal long ThreadsPerGroup => (long)GroupDim.X * GroupDim.Y * GroupDim.Z;
}
