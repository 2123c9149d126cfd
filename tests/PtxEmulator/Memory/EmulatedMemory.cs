using Lia.PtxEmulator.Memory;

namespace Lia.PtxEmulator;

/// <summary>
/// The device's global memory. Allocations are 256-byte aligned, lie apart with guard gaps between, start uninitialized, and an address is
/// never used twice, so that an access out of bounds or after a free is always recognized. Thread-safe.
/// </summary>
public sealed unsafe class EmulatedMemory : IDisposable
{
    private const ulong FirstAddress = 0x7000_0000_0000;
    private const ulong GuardGap = 4096;

    private readonly Lock _lock = new();
    private Allocation[] _allocations = [];   // ascending by address; replaced on allocation so that readers need no lock
    private ulong _next = FirstAddress;

    /// <summary>Allocations that were not freed.</summary>
    public int LiveAllocations => _allocations.Count(a => !a.Freed);

    /// <summary>Bytes allocated and not freed.</summary>
    public long LiveBytes => _allocations.Where(a => !a.Freed).Sum(a => (long)a.Bytes);

    /// <summary>Allocates uninitialized bytes.</summary>
    /// <param name="bytes">Size; may be 0.</param>
    /// <returns>The device address, a multiple of 256.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The size is negative.</exception>
    public ulong Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        lock (_lock)
        {
            var allocation = new Allocation(_next, bytes);
            _next = (_next + (ulong)bytes + GuardGap + 255) & ~255UL;
            _allocations = [.. _allocations, allocation];
            return allocation.Base;
        }
    }

    /// <summary>Frees an allocation; later accesses to it are errors.</summary>
    /// <exception cref="ArgumentException">The address is not that of a live allocation.</exception>
    public void Free(ulong address)
    {
        lock (_lock)
        {
            Allocation? allocation = Find(address);
            if (allocation is null || allocation.Base != address)
                throw new ArgumentException($"0x{address:X} was not allocated", nameof(address));
            if (allocation.Freed) throw new ArgumentException($"0x{address:X} was freed before", nameof(address));
            allocation.Dispose();
        }
    }

    /// <summary>Copies from the host and marks the bytes initialized.</summary>
    /// <exception cref="ArgumentException">The range is not inside one live allocation.</exception>
    public void Write(ulong address, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return;
        source.CopyTo(Span(address, source.Length));
    }

    /// <summary>Copies to the host.</summary>
    /// <exception cref="ArgumentException">The range is not inside one live allocation.</exception>
    /// <exception cref="InvalidOperationException">A byte of the range was never written.</exception>
    public void Read(ulong address, Span<byte> destination)
    {
        if (destination.IsEmpty) return;
        Allocation allocation = Require(address, destination.Length);
        ulong offset = address - allocation.Base;
        int bad = new ReadOnlySpan<byte>(allocation.State + offset, destination.Length).IndexOfAnyExcept(ByteState.Initialized);
        if (bad >= 0)
            throw new InvalidOperationException(
                $"the host reads 0x{address + (ulong)bad:X} (byte {bad} of {destination.Length}), which nobody wrote");
        new ReadOnlySpan<byte>(allocation.Data + offset, destination.Length).CopyTo(destination);
    }

    /// <summary>Copies between device ranges, initialized or not, with the state of each byte.</summary>
    /// <exception cref="ArgumentException">A range is not inside one live allocation.</exception>
    public void Copy(ulong source, ulong destination, long bytes)
    {
        if (bytes == 0) return;
        Allocation from = Require(source, bytes), to = Require(destination, bytes);
        Buffer.MemoryCopy(from.Data + (source - from.Base), to.Data + (destination - to.Base), bytes, bytes);
        Buffer.MemoryCopy(from.State + (source - from.Base), to.State + (destination - to.Base), bytes, bytes);
    }

    /// <summary>The bytes of a range, for the host to fill: they are marked initialized.</summary>
    /// <exception cref="ArgumentException">The range is not inside one live allocation.</exception>
    public Span<byte> Span(ulong address, int bytes)
    {
        Allocation allocation = Require(address, bytes);
        ulong offset = address - allocation.Base;
        new Span<byte>(allocation.State + offset, bytes).Fill(ByteState.Initialized);
        return new Span<byte>(allocation.Data + offset, bytes);
    }

    /// <summary>Marks a range uninitialized again, as if freshly allocated.</summary>
    /// <exception cref="ArgumentException">The range is not inside one live allocation.</exception>
    public void Poison(ulong address, long bytes)
    {
        Allocation allocation = Require(address, bytes);
        new Span<byte>(allocation.State + (address - allocation.Base), checked((int)bytes)).Clear();
    }

    /// <summary>The last allocation, live or freed, that starts at or before the address.</summary>
    internal Allocation? Find(ulong address)
    {
        Allocation[] allocations = Volatile.Read(ref _allocations);
        int low = 0, high = allocations.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (allocations[middle].Base <= address) low = middle + 1;
            else high = middle;
        }
        return low == 0 ? null : allocations[low - 1];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Allocation allocation in _allocations) allocation.Dispose();
    }

    private Allocation Require(ulong address, long bytes)
    {
        Allocation? allocation = Find(address);
        if (allocation is null || address - allocation.Base + (ulong)bytes > allocation.Bytes)
            throw new ArgumentException($"0x{address:X} and the {bytes} bytes from there are not inside an allocation");
        return allocation.Freed ? throw new ArgumentException($"0x{address:X} was freed") : allocation;
    }
}
