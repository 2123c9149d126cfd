using System.Runtime.InteropServices;

namespace Lia.PtxEmulator.Memory;

/// <summary>One allocation of global memory: its bytes, and beside each byte whether it was ever written.</summary>
internal sealed unsafe class Allocation : IDisposable
{
    public Allocation(ulong address, long bytes)
    {
        Base = address;
        Bytes = (ulong)bytes;
        // Room for one 16-byte access past the end keeps the fast checks branch-free.
        Data = (byte*)NativeMemory.AlignedAlloc((nuint)bytes + 16, 256);
        State = (byte*)NativeMemory.AlignedAlloc((nuint)bytes + 16, 256);
        NativeMemory.Fill(Data, (nuint)bytes + 16, 0xCD);
        NativeMemory.Clear(State, (nuint)bytes + 16);
    }

    public ulong Base { get; }

    public ulong Bytes { get; }

    public byte* Data { get; private set; }

    /// <summary><see cref="ByteState"/> of every byte.</summary>
    public byte* State { get; private set; }

    public bool Freed => Data == null;

    public void Dispose()
    {
        NativeMemory.AlignedFree(Data);
        NativeMemory.AlignedFree(State);
        Data = null;
        State = null;
    }
}
