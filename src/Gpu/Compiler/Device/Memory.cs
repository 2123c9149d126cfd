namespace Lia.Gpu.Compiler.Device;

/// <summary>Memory shared by the threads of a group. Its contents are undefined at first. Device only.</summary>
internal static class SharedMemory
{
    /// <summary>
    /// <paramref name="length"/> elements (a compile-time constant), aligned to 16 bytes. Every call in the source is an allocation of its
    /// own; at most 48 KiB in all: take more from <see cref="GetDynamic{T}"/>.
    /// </summary>
    [Builtin(Builtin.SharedAllocate)]
    public static ArrayView<T> Allocate<T>(int length) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>One element, an allocation of its own.</summary>
    public static ref T Allocate<T>() where T : unmanaged => ref Allocate<T>(1)[0];

    /// <summary>The dynamic shared memory the launch asked for, aligned to 16 bytes; every call returns the same memory.</summary>
    public static ArrayView<T> GetDynamic<T>() where T : unmanaged => new(DynamicAddress(), DynamicBytes() / Interop.SizeOf<T>());

    [Builtin(Builtin.SharedDynamic)]
    private static nint DynamicAddress() => throw DeviceOnly.Error(nameof(GetDynamic));

    [Ptx("mov.u32 $d, %dynamic_smem_size;")]
    internal static int DynamicBytes() => throw DeviceOnly.Error(nameof(GetDynamic));
}

/// <summary><see cref="Lia.Gpu.SwizzledSharedMemory"/> on the device.</summary>
internal static class SwizzledSharedMemory
{
    public static ArrayView<T> GetDynamic<T>() where T : unmanaged => new(
        Address(), (SharedMemory.DynamicBytes() - Lia.Gpu.SwizzledSharedMemory.Padding) / Interop.SizeOf<T>());

    [Builtin(Builtin.SharedDynamicSwizzled)]
    private static nint Address() => throw DeviceOnly.Error(nameof(GetDynamic));
}

/// <summary>Memory of one thread. Device only.</summary>
internal static class LocalMemory
{
    /// <summary>
    /// <paramref name="length"/> elements (a compile-time constant), undefined at first. When every index is constant after unrolling, the
    /// elements live in registers; otherwise in (slow) local memory.
    /// </summary>
    [Builtin(Builtin.LocalAllocate)]
    public static ArrayView<T> Allocate<T>(int length) where T : unmanaged => throw DeviceOnly.Error();
}

/// <summary>Orders this thread's memory accesses as others see them. Device only.</summary>
internal static class MemoryFence
{
    /// <summary>For the threads of the group (`membar.cta`).</summary>
    [Ptx("membar.cta;", Effect = PtxEffect.Writes)]
    public static void GroupLevel() => throw DeviceOnly.Error();

    /// <summary>For all threads of the device (`membar.gl`).</summary>
    [Ptx("membar.gl;", Effect = PtxEffect.Writes)]
    public static void DeviceLevel() => throw DeviceOnly.Error();

    /// <summary>For the whole system, host and other devices included (`membar.sys`).</summary>
    [Ptx("membar.sys;", Effect = PtxEffect.Writes)]
    public static void SystemLevel() => throw DeviceOnly.Error();
}
