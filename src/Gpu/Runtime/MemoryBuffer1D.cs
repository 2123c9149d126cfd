using System.Runtime.CompilerServices;

namespace Lia.Gpu.Runtime;

/// <summary>An array in device memory. Its content is undefined until written. Dispose it when no launched work uses it any more.</summary>
/// <typeparam name="T">A blittable element.</typeparam>
public sealed class MemoryBuffer1D<T> : IDisposable where T : unmanaged
{
    private readonly DeviceMemory _memory;

    internal MemoryBuffer1D(Accelerator accelerator, DeviceMemory memory, long length)
    {
        Accelerator = accelerator;
        _memory = memory;
        Length = length;
    }

    /// <summary>The accelerator whose memory this is.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>Number of bytes.</summary>
    public long LengthInBytes => Length * Unsafe.SizeOf<T>();

    /// <summary>Device address of the first element.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public nint NativePtr => _memory.Value;

    /// <summary>The whole buffer as a kernel argument.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ArrayView<T> View => new(NativePtr, Length);

    /// <summary>Copies <paramref name="source"/> to the start of the buffer and waits until it is there.</summary>
    /// <exception cref="ArgumentException">The source is longer than the buffer.</exception>
    public void CopyFromCPU(ReadOnlySpan<T> source)
    {
        CopyFromCPU(Accelerator.DefaultStream, source);
        Accelerator.DefaultStream.Synchronize();
    }

    /// <summary>Copies <paramref name="source"/> to the start of the buffer, in the stream's order. The source may be reused on return.</summary>
    /// <exception cref="ArgumentException">The source is longer than the buffer.</exception>
    public void CopyFromCPU(AcceleratorStream stream, ReadOnlySpan<T> source)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.CopyFromCPU(View, source);
    }

    /// <summary>Fills <paramref name="target"/> from the start of the buffer, after the default stream's work.</summary>
    /// <exception cref="ArgumentException">The target is longer than the buffer.</exception>
    public void CopyToCPU(Span<T> target) => CopyToCPU(Accelerator.DefaultStream, target);

    /// <summary>Fills <paramref name="target"/> from the start of the buffer, after the stream's work, and waits for it.</summary>
    /// <exception cref="ArgumentException">The target is longer than the buffer.</exception>
    public void CopyToCPU(AcceleratorStream stream, Span<T> target)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.CopyToCPU(View, target);
    }

    /// <summary>The content as a new array, after the default stream's work.</summary>
    public T[] GetAsArray1D()
    {
        var content = new T[Length];
        CopyToCPU(content);
        return content;
    }

    /// <summary>Sets every byte to zero, in the default stream's order.</summary>
    public void MemSetToZero() => Accelerator.DefaultStream.MemSet(View, 0);

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _memory.Dispose();
}
