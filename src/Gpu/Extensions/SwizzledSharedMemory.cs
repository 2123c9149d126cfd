using ILGPU;

namespace Lia.Gpu;

/// <summary>Dynamic shared memory for tiles in the swizzled order of the copy engine. Device only.</summary>
public static class SwizzledSharedMemory
{
    /// <summary>
    /// <see cref="SharedMemory.GetDynamic{T}"/>, aligned to 1024 bytes: the pattern of 128-byte swizzled tiles repeats every 1024. Static
    /// shared memory of the same kernel lies before it and may cost up to 1 KiB of padding.
    /// </summary>
    public static ArrayView<T> GetDynamic<T>() where T : unmanaged => throw DeviceOnly.Error();
}
