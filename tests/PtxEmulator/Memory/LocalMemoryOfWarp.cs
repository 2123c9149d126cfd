using System.Runtime.InteropServices;

namespace Lia.PtxEmulator.Memory;

/// <summary>The private memory of a warp's 32 threads, one after the other, with the state of each byte.</summary>
internal sealed unsafe class LocalMemoryOfWarp : IDisposable
{
    private readonly nuint _total;

    public LocalMemoryOfWarp(int bytesPerThread)
    {
        Bytes = (ulong)bytesPerThread;
        Stride = (bytesPerThread + 31) & ~15;
        _total = (nuint)Stride * 32;
        Data = (byte*)NativeMemory.AlignedAlloc(_total, 64);
        State = (byte*)NativeMemory.AlignedAlloc(_total, 64);
    }

    public ulong Bytes { get; }

    public int Stride { get; }

    public byte* Data { get; }

    public byte* State { get; }

    public void Reset()
    {
        if (Bytes != 0) NativeMemory.Clear(State, _total);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Data);
        NativeMemory.AlignedFree(State);
    }
}
