using System.Runtime.InteropServices;

namespace Lia.Network.Cpu;

/// <summary>Float32 memory outside the garbage-collected heap, aligned to cache lines, zeroed.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const nuint CacheLine = 64;

    public NativeBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        nuint bytes = (nuint)Math.Max(length, 1) * sizeof(float);
        Pointer = (float*)NativeMemory.AlignedAlloc(bytes, CacheLine);
        NativeMemory.Clear(Pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
    }

    ~NativeBuffer() => Free();

    /// <summary>The first value, or null once disposed.</summary>
    public float* Pointer { get; private set; }

    /// <summary>Number of values.</summary>
    public long Length { get; }

    /// <summary>The values of a buffer that fits a span.</summary>
    public Span<float> Span => new(Pointer, checked((int)Length));

    /// <summary>A buffer of at least some length that starts with values; the rest is zero.</summary>
    public static NativeBuffer From(ReadOnlySpan<float> values, int length)
    {
        NativeBuffer buffer = new(length);
        values.CopyTo(buffer.Span);
        return buffer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Pointer == null) return;
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        GC.RemoveMemoryPressure(Math.Max(Length, 1) * sizeof(float));
    }
}
