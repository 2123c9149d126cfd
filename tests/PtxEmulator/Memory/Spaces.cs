using System.Runtime.CompilerServices;
using Lia.PtxEmulator.Execute;

namespace Lia.PtxEmulator.Memory;

/// <summary>
/// A state space: turns an address of a lane into a pointer after every check (alignment, bounds, life time, initialized, races), or
/// throws. <paramref name="hint"/> of each method belongs to the instruction: the allocation it touched last.
/// </summary>
internal unsafe interface ISpace
{
    static abstract byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint);

    static abstract byte* Write(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint);
}

/// <summary>Where the windows of shared and local memory lie among generic addresses.</summary>
internal static class GenericWindows
{
    public const ulong Shared = 0x0100_0000_0000;
    public const ulong Local = 0x0200_0000_0000;
    public const ulong Size = 0x0001_0000_0000;
}

internal readonly unsafe struct GlobalSpace : ISpace
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        Allocation allocation = Locate(warp, lane, address, bytes, "reads", ref hint);
        ulong offset = address - allocation.Base;
        if (!ByteState.Readable(allocation.State + offset, bytes))
            throw warp.Fault(EmulationErrorKind.UninitializedRead, lane, $"reads {bytes} bytes of global memory that are not all written",
                address);
        warp.Block.Launch.GlobalRaces?.Read(warp, lane, allocation, offset, bytes, strong);
        return allocation.Data + offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Write(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        Allocation allocation = Locate(warp, lane, address, bytes, "writes", ref hint);
        ulong offset = address - allocation.Base;
        ByteState.MarkInitialized(allocation.State + offset, bytes);
        warp.Block.Launch.GlobalRaces?.Write(warp, lane, allocation, offset, bytes, strong);
        return allocation.Data + offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Allocation Locate(Warp warp, int lane, ulong address, int bytes, string does, ref Allocation? hint)
    {
        Allocation? allocation = hint;
        if (allocation is null || address - allocation.Base > allocation.Bytes - (ulong)bytes || allocation.Bytes < (ulong)bytes
            || allocation.Freed)
        {
            allocation = Search(warp, lane, address, bytes, does);
            hint = allocation;
        }
        if ((address & (ulong)(bytes - 1)) != 0)
            throw warp.Fault(EmulationErrorKind.Misaligned, lane, $"{does} {bytes} bytes of global memory", address);
        return allocation;
    }

    private static Allocation Search(Warp warp, int lane, ulong address, int bytes, string does)
    {
        Allocation? allocation = warp.Block.Launch.Memory.Find(address);
        if (allocation is null)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane,
                $"{does} {bytes} bytes of global memory where nothing was ever allocated", address);
        ulong offset = address - allocation.Base;
        if (offset + (ulong)bytes > allocation.Bytes)
        {
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane,
                $"{does} {bytes} bytes of global memory at offset {offset} of the nearest allocation before, which has " +
                    $"{allocation.Bytes} bytes", address);
        }
        return allocation.Freed
            ? throw warp.Fault(EmulationErrorKind.UseAfterFree, lane,
                $"{does} {bytes} bytes at offset {offset} of an allocation of {allocation.Bytes} bytes that was freed", address)
            : allocation;
    }
}

internal readonly unsafe struct SharedSpace : ISpace
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        SharedMemory shared = warp.Block.Shared;
        Check(warp, shared, lane, address, bytes, "reads");
        if (!ByteState.Readable(shared.State + address, bytes)) throw Refuse(warp, shared, lane, address, bytes, "reads");
        shared.Races?.Read(warp, lane, address, bytes, strong);
        return shared.Data + address;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Write(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        SharedMemory shared = warp.Block.Shared;
        Check(warp, shared, lane, address, bytes, "writes");
        if (!ByteState.Writable(shared.State + address, bytes)) throw Refuse(warp, shared, lane, address, bytes, "writes");
        ByteState.MarkInitialized(shared.State + address, bytes);
        shared.Races?.Write(warp, lane, address, bytes, strong);
        shared.Proxy?.Write(warp, lane, address, bytes);
        return shared.Data + address;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Check(Warp warp, SharedMemory shared, int lane, ulong address, int bytes, string does)
    {
        if (address > shared.Bytes || shared.Bytes - address < (ulong)bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"{does} {bytes} bytes of shared memory, which has {shared.Bytes} bytes",
                address);
        if ((address & (ulong)(bytes - 1)) != 0)
            throw warp.Fault(EmulationErrorKind.Misaligned, lane, $"{does} {bytes} bytes of shared memory", address);
    }

    public static EmulationException Refuse(Warp warp, SharedMemory shared, int lane, ulong address, int bytes, string does)
    {
        var states = new ReadOnlySpan<byte>(shared.State + address, bytes);
        if (states.Contains(ByteState.RedZone))
            return warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"{does} {bytes} bytes of shared memory between two variables",
                address);
        if (states.Contains(ByteState.Barrier))
            return warp.Fault(EmulationErrorKind.BarrierMisuse, lane, $"{does} {bytes} bytes of shared memory that hold an mbarrier",
                address);
        if (states.Contains(ByteState.Pending))
            return warp.Fault(EmulationErrorKind.MissingAsyncCopyWait, lane,
                $"{does} {bytes} bytes of shared memory that an asynchronous copy, not yet waited for, will write", address);
        return warp.Fault(EmulationErrorKind.UninitializedRead, lane, $"{does} {bytes} bytes of shared memory that are not all written",
            address);
    }
}

internal readonly unsafe struct LocalSpace : ISpace
{
    public static byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        nuint offset = Check(warp, lane, address, bytes, "reads");
        if (!ByteState.Readable(warp.Local.State + offset, bytes))
            throw warp.Fault(EmulationErrorKind.UninitializedRead, lane, $"reads {bytes} bytes of local memory that are not all written",
                address);
        return warp.Local.Data + offset;
    }

    public static byte* Write(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        nuint offset = Check(warp, lane, address, bytes, "writes");
        ByteState.MarkInitialized(warp.Local.State + offset, bytes);
        return warp.Local.Data + offset;
    }

    private static nuint Check(Warp warp, int lane, ulong address, int bytes, string does)
    {
        LocalMemoryOfWarp local = warp.Local;
        if (address > local.Bytes || local.Bytes - address < (ulong)bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane,
                $"{does} {bytes} bytes of local memory, of which the thread has {local.Bytes}", address);
        if ((address & (ulong)(bytes - 1)) != 0)
            throw warp.Fault(EmulationErrorKind.Misaligned, lane, $"{does} {bytes} bytes of local memory", address);
        return (nuint)address + ((nuint)lane * (nuint)local.Stride);
    }
}

internal readonly unsafe struct ConstSpace : ISpace
{
    public static byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        Allocation constants = warp.Block.Launch.Entry.Constants;
        if (address > constants.Bytes || constants.Bytes - address < (ulong)bytes)
            throw warp.Fault(EmulationErrorKind.OutOfBounds, lane,
                $"reads {bytes} bytes of constant memory, of which the module has {constants.Bytes}", address);
        if ((address & (ulong)(bytes - 1)) != 0)
            throw warp.Fault(EmulationErrorKind.Misaligned, lane, $"reads {bytes} bytes of constant memory", address);
        return constants.Data + address;
    }

    public static byte* Write(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint) =>
        throw warp.Fault(EmulationErrorKind.ReadOnlyWrite, lane, "writes constant memory", address);
}

internal readonly unsafe struct GenericSpace : ISpace
{
    public static byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        if (address - GenericWindows.Shared < GenericWindows.Size)
            return SharedSpace.Read(warp, lane, address - GenericWindows.Shared, bytes, strong, ref hint);
        if (address - GenericWindows.Local < GenericWindows.Size)
            return LocalSpace.Read(warp, lane, address - GenericWindows.Local, bytes, strong, ref hint);
        return GlobalSpace.Read(warp, lane, address, bytes, strong, ref hint);
    }

    public static byte* Write(Warp warp, int lane, ulong address, int bytes, bool strong, ref Allocation? hint)
    {
        if (address - GenericWindows.Shared < GenericWindows.Size)
            return SharedSpace.Write(warp, lane, address - GenericWindows.Shared, bytes, strong, ref hint);
        if (address - GenericWindows.Local < GenericWindows.Size)
            return LocalSpace.Write(warp, lane, address - GenericWindows.Local, bytes, strong, ref hint);
        return GlobalSpace.Write(warp, lane, address, bytes, strong, ref hint);
    }
}
