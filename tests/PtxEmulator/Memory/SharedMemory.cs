using System.Runtime.InteropServices;
using Lia.PtxEmulator.Detectors;

namespace Lia.PtxEmulator.Memory;

/// <summary>A block's shared memory: bytes, their states, and who touched them since the last barrier.</summary>
internal sealed unsafe class SharedMemory : IDisposable
{
    private readonly byte[] _initialState;

    public SharedMemory(byte[] initialState, SharedRaceDetector? races, AsyncProxy? proxy)
    {
        _initialState = initialState;
        Bytes = (ulong)initialState.Length;
        Data = (byte*)NativeMemory.AlignedAlloc((nuint)initialState.Length + 16, 256);
        State = (byte*)NativeMemory.AlignedAlloc((nuint)initialState.Length + 16, 256);
        Races = races;
        Proxy = proxy;
    }

    public ulong Bytes { get; }

    public byte* Data { get; private set; }

    public byte* State { get; private set; }

    public SharedRaceDetector? Races { get; }

    /// <summary>What products may read; null when the kernel has none.</summary>
    public AsyncProxy? Proxy { get; }

    /// <summary>What a block finds when it starts: nothing initialized.</summary>
    public void Reset()
    {
        _initialState.CopyTo(new Span<byte>(State, _initialState.Length));
        new Span<byte>(Data, _initialState.Length).Fill(0xCD);
        Proxy?.Reset();
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Data);
        NativeMemory.AlignedFree(State);
        Data = null;
        State = null;
    }
}
