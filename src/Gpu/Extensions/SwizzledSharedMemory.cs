using ILGPU;

namespace Lia.Gpu;

/// <summary>Dynamic shared memory for tiles in the swizzled order of the copy engine. Device only.</summary>
public static class SwizzledSharedMemory
{
    /// <summary>Bytes: alignment, in excess of the 16 that dynamic shared memory has anyway.</summary>
    internal const int Alignment = 1024, Padding = Alignment - 16;

    /// <summary>
    /// <see cref="SharedMemory.GetDynamic{T}"/>, aligned to 1024 bytes: the pattern of 128-byte swizzled tiles repeats every 1024. A launch
    /// takes <see cref="Padding"/> bytes more for it than it asks for.
    /// </summary>
    public static ArrayView<T> GetDynamic<T>() where T : unmanaged => throw DeviceOnly.Error();
}
