using ILGPU;

namespace Lia.Gpu.Compiler.Device;

/// <summary>The thread group (CUDA's block). Device only.</summary>
internal static class Group
{
    /// <summary>This thread's x index in its group (`%tid.x`).</summary>
    public static int IdxX { [Ptx("mov.u32 $d, %tid.x;")] get => throw DeviceOnly.Error(); }

    /// <summary>This thread's y index in its group (`%tid.y`).</summary>
    public static int IdxY { [Ptx("mov.u32 $d, %tid.y;")] get => throw DeviceOnly.Error(); }

    /// <summary>This thread's z index in its group (`%tid.z`).</summary>
    public static int IdxZ { [Ptx("mov.u32 $d, %tid.z;")] get => throw DeviceOnly.Error(); }

    /// <summary>Threads along x (`%ntid.x`).</summary>
    public static int DimX { [Ptx("mov.u32 $d, %ntid.x;")] get => throw DeviceOnly.Error(); }

    /// <summary>Threads along y (`%ntid.y`).</summary>
    public static int DimY { [Ptx("mov.u32 $d, %ntid.y;")] get => throw DeviceOnly.Error(); }

    /// <summary>Threads along z (`%ntid.z`).</summary>
    public static int DimZ { [Ptx("mov.u32 $d, %ntid.z;")] get => throw DeviceOnly.Error(); }

    /// <summary>This thread's index in its group.</summary>
    public static Index3D Index => new(IdxX, IdxY, IdxZ);

    /// <summary>Threads in each direction.</summary>
    public static Index3D Dimension => new(DimX, DimY, DimZ);

    /// <summary>This thread's linear index in its group, x fastest.</summary>
    public static int LinearIndex => (IdxZ * DimY + IdxY) * DimX + IdxX;

    /// <summary>True in the thread whose index in the group is zero.</summary>
    public static bool IsFirstThread => LinearIndex == 0;

    /// <summary>True in the thread whose index is the last in each direction.</summary>
    public static bool IsLastThread => (IdxX == DimX - 1) & (IdxY == DimY - 1) & (IdxZ == DimZ - 1);

    /// <summary>The value of one thread, by its linear index, in every thread, through shared memory. Every thread must reach it.</summary>
    public static T Broadcast<T>(T value, int groupIndex) where T : unmanaged
    {
        ref T shared = ref SharedMemory.Allocate<T>();
        if (LinearIndex == groupIndex) shared = value;
        Barrier();
        T result = shared;
        // The next call of a loop writes the same memory.
        Barrier();
        return result;
    }

    /// <summary>Waits for all threads of the group and orders their memory accesses (`bar.sync 0`). Every thread must reach it.</summary>
    [Ptx("bar.sync 0;", Effect = PtxEffect.Writes)]
    public static void Barrier() => throw DeviceOnly.Error();

    /// <summary><see cref="Barrier"/> that returns whether the predicate holds in all threads (`bar.red.and`).</summary>
    [Ptx("bar.red.and.pred $d, 0, $0;", Effect = PtxEffect.Writes)]
    public static bool BarrierAnd(bool predicate) => throw DeviceOnly.Error();

    /// <summary><see cref="Barrier"/> that returns whether the predicate holds in any thread (`bar.red.or`).</summary>
    [Ptx("bar.red.or.pred $d, 0, $0;", Effect = PtxEffect.Writes)]
    public static bool BarrierOr(bool predicate) => throw DeviceOnly.Error();

    /// <summary><see cref="Barrier"/> that returns in how many threads the predicate holds (`bar.red.popc`).</summary>
    [Ptx("bar.red.popc.u32 $d, 0, $0;", Effect = PtxEffect.Writes)]
    public static int BarrierPopCount(bool predicate) => throw DeviceOnly.Error();
}
