namespace Lia.Gpu.Runtime;

/// <summary>Host memory the device reads and writes directly, so that copies run beside the host and can be captured in a graph.</summary>
/// <typeparam name="T">A blittable element.</typeparam>
public sealed class PageLockedArray1D<T> : IDisposable where T : unmanaged
{
    private readonly DeviceMemory _memory;

    internal PageLockedArray1D(DeviceMemory memory, int length)
    {
        _memory = memory;
        Length = length;
    }

    /// <summary>Number of elements.</summary>
    public int Length { get; }

    /// <summary>Host address of the first element.</summary>
    /// <exception cref="ObjectDisposedException">The array was disposed.</exception>
    public nint NativePtr => _memory.Value;

    /// <summary>The elements. Not to be used after <see cref="Dispose"/>; asynchronous copies must be waited for before reading.</summary>
    /// <exception cref="ObjectDisposedException">The array was disposed.</exception>
    public unsafe Span<T> Span => new((void*)NativePtr, Length);

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _memory.Dispose();
}
