using System.Numerics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Detectors;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// cp.async from global to shared memory, its commit groups and waits. See <see cref="AsyncCopies"/> for when the data arrives.
/// </summary>
internal static class AsyncCopyInstructions
{
    public static Op? Decode(InstructionReader r)
    {
        r.Require("async");
        if (r.Take("bulk")) return BulkCopyInstructions.Decode(r);
        r.RequireSm(80);
        switch (r.Require("ca", "cg", "commit_group", "wait_group", "wait_all"))
        {
            case "commit_group": return new CommitGroup();
            case "wait_all": return new WaitGroup(null);
            case "wait_group":
                long newest = r.Immediate(0);
                return newest is >= 0 and <= int.MaxValue ? new WaitGroup((uint)newest)
                    : throw r.Error("the number of groups must not be negative");
            case "cg": return Copy(r, bypassesL1: true);
            default: return Copy(r, bypassesL1: false);
        }
    }

    private static CopyOp Copy(InstructionReader r, bool bypassesL1)
    {
        r.Require("shared", "shared::cta");
        r.Require("global");
        r.TakeAny("L2::64B", "L2::128B", "L2::256B");
        AddressOperand destination = r.Address(0, StateSpace.Shared), source = r.Address(1, StateSpace.Global);
        long bytes = r.Immediate(2);
        if (bytes is not (4 or 8 or 16) || (bypassesL1 && bytes != 16))
            throw r.Error(bypassesL1 ? ".cg copies 16 bytes" : "copies 4, 8 or 16 bytes");
        int? sourceBytes = r.OperandCount > 3 ? r.Source(3, U32) : null;
        return new CopyOp(destination, source, (int)bytes, sourceBytes);
    }

    private sealed unsafe class CopyOp(AddressOperand destination, AddressOperand source, int bytes, int? sourceBytes) : Op
    {
        private Allocation? _hint;

        public override void Execute(Warp warp, uint mask)
        {
            SharedMemory shared = warp.Block.Shared;
            warp.ComputeAddresses(destination);
            Allocation? none = null;
            int* destinations = stackalloc int[32];
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                SharedSpace.Write(warp, lane, warp.Addresses[lane], bytes, strong: false, ref none);
                destinations[lane] = (int)warp.Addresses[lane];
            }
            warp.Block.Statistics.AddShared(Traffic.AsyncCopy, warp.Addresses, mask, bytes);

            warp.ComputeAddresses(source);
            uint reading = 0;
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                uint size = sourceBytes is int slot ? ((uint*)(warp.Registers + slot))[lane] : (uint)bytes;
                if (size > bytes) throw warp.Fault(EmulationErrorKind.OutOfBounds, lane, $"copies {size} of {bytes} bytes");
                UInt128 data = UInt128.Zero;
                if (size > 0)
                {
                    reading |= 1u << lane;
                    Read(warp, lane, warp.Addresses[lane], (int)size, (byte*)&data);
                }
                warp.AsyncCopies.Issue(shared, lane, destinations[lane], bytes, data);
            }
            if (reading != 0) warp.Block.Statistics.AddGlobal(Traffic.AsyncCopy, warp.Addresses, reading, bytes);
        }

        private void Read(Warp warp, int lane, ulong address, int size, byte* data)
        {
            if (size == bytes)
            {
                new ReadOnlySpan<byte>(GlobalSpace.Read(warp, lane, address, bytes, strong: false, ref _hint), bytes)
                    .CopyTo(new Span<byte>(data, bytes));
                return;
            }
            if ((address & (ulong)(bytes - 1)) != 0)
                throw warp.Fault(EmulationErrorKind.Misaligned, lane, $"copies {bytes} bytes from global memory", address);
            for (int i = 0; i < size; i++) data[i] = *GlobalSpace.Read(warp, lane, address + (ulong)i, 1, strong: false, ref _hint);
        }
    }

    private sealed class CommitGroup : Op
    {
        public override void Execute(Warp warp, uint mask) => warp.AsyncCopies.Commit(mask);
    }

    private sealed class WaitGroup(uint? newest) : Op
    {
        public override void Execute(Warp warp, uint mask) => warp.AsyncCopies.Wait(warp, mask, newest);
    }
}
