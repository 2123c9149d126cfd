using System.Runtime.CompilerServices;

namespace Lia.Gpu.Runtime;

/// <summary>The dynamic shared memory of a launch, which the kernel reads as <c>SharedMemory.GetDynamic</c>.</summary>
/// <param name="Bytes">Bytes per group. More than 48 KiB needs nothing further, up to <see cref="AcceleratorProperties.MaxSharedBytesPerGroup"/>.</param>
public readonly record struct SharedMemoryConfig(int Bytes)
{
    /// <summary>Room for <paramref name="length"/> elements of <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="OverflowException">The bytes do not fit an int.</exception>
    public static SharedMemoryConfig RequestDynamic<T>(int length) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new(checked(length * Unsafe.SizeOf<T>()));
    }
}
