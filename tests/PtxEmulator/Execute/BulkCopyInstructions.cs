using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// cp.async.bulk.tensor from global to shared memory, cp.async.bulk.prefetch, and the proxy fences. See <see cref="TileLoads"/> for when
/// the data arrives.
/// </summary>
internal static unsafe class BulkCopyInstructions
{
    /// <summary>Behind <c>cp.async.bulk</c>.</summary>
    public static Op Decode(InstructionReader r)
    {
        r.RequireSm(90);
        r.RequireVersion(80);
        if (r.Take("prefetch"))
        {
            r.Require("L2");
            r.Require("global");
            return new Prefetch(r.Address(0, StateSpace.Global), r.Source(1, U32));
        }
        r.Require("tensor");
        int dimensions = r.Require("1d", "2d", "3d", "4d", "5d")[0] - '0';
        r.Require("shared::cluster");
        r.Require("global");
        r.Take("tile");
        r.Require("mbarrier::complete_tx::bytes");
        AddressOperand destination = r.Address(0, StateSpace.Shared);
        (AddressOperand map, int[] from) = r.Tile(1, dimensions);
        return new LoadTile(destination, map, from, r.Address(2, StateSpace.Shared));
    }

    /// <summary>Behind <c>fence.proxy</c>.</summary>
    public static Op ProxyFence(InstructionReader r)
    {
        r.RequireSm(90);
        r.RequireVersion(80);
        if (r.Take("tensormap::generic"))
        {
            r.RequireVersion(83);
            r.Require("acquire");
            r.Require("cta", "cluster", "gpu", "sys");
            AddressOperand map = r.Address(0, StateSpace.Generic);
            if (r.Immediate(1) != Lia.Gpu.Runtime.TensorMap.Bytes) throw r.Error("a tensor map has 128 bytes");
            return new UseMap(map);
        }
        r.Require("async");
        string? space = r.TakeAny("shared::cta", "shared::cluster", "global");
        return space == "global" ? new NoOperation() : new AsyncFence();
    }

    /// <summary>Reads the map at a lane's generic address.</summary>
    public static EmulatedTensorMap ReadMap(Warp warp, int lane, ulong address)
    {
        if (address % Lia.Gpu.Runtime.TensorMap.Alignment != 0)
            throw warp.Fault(EmulationErrorKind.InvalidOperand, lane, "a tensor map lies at a multiple of 64", address);
        byte[] bytes = new byte[Lia.Gpu.Runtime.TensorMap.Bytes];
        Allocation? hint = null;
        for (int i = 0; i < bytes.Length; i += 16)
            new ReadOnlySpan<byte>(GlobalSpace.Read(warp, lane, address + (ulong)i, 16, strong: false, ref hint), 16)
                .CopyTo(bytes.AsSpan(i));
        return EmulatedTensorMap.Decode(bytes)
            ?? throw warp.Fault(EmulationErrorKind.InvalidOperand, lane, "there is no tensor map at this address", address);
    }

    private static ulong Lane(Warp warp, AddressOperand operand, int lane)
    {
        warp.ComputeAddresses(operand);
        return warp.Addresses[lane];
    }

    private sealed class LoadTile(AddressOperand destination, AddressOperand map, int[] coordinates, AddressOperand barrier) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = Warp.FirstLane(mask);
                MBarrier counter = warp.Block.MBarriers.Find(warp, lane, Lane(warp, barrier, lane));
                if (!counter.Fenced)
                    throw warp.Fault(EmulationErrorKind.MissingProxyFence, lane,
                        "the barrier was initialized without a fence.mbarrier_init behind it", counter.Address);
                ulong target = Lane(warp, destination, lane);
                EmulatedTensorMap tensor = ReadMap(warp, lane, Lane(warp, map, lane));
                if (tensor.Rank != coordinates.Length)
                    throw warp.Fault(EmulationErrorKind.InvalidOperand, lane,
                        $"the tensor map has {tensor.Rank} dimensions, the instruction {coordinates.Length}");
                int alignment = Math.Max(128, 8 * tensor.SwizzleSpan);
                if (target % (ulong)alignment != 0)
                    throw warp.Fault(EmulationErrorKind.Misaligned, lane,
                        $"a tile with a swizzle of {tensor.SwizzleSpan} bytes lies at a multiple of {alignment}", target);
                int[] from = [.. coordinates.Select(slot => ((int*)(warp.Registers + slot))[lane])];
                warp.Block.TileLoads.Issue(warp, lane, Syntax.Line, tensor, from, target, counter);
            }
        }
    }

    /// <summary>Does nothing, to memory that must exist.</summary>
    private sealed class Prefetch(AddressOperand first, int bytes) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            warp.ComputeAddresses(first);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = Warp.FirstLane(mask);
                ulong start = warp.Addresses[lane];
                uint length = ((uint*)(warp.Registers + bytes))[lane];
                if ((start | length) % 16 != 0)
                    throw warp.Fault(EmulationErrorKind.Misaligned, lane, $"{length} bytes are prefetched, a multiple of 16 may be", start);
                Allocation? hint = null;
                for (uint at = 0; at < length; at += 16) GlobalSpace.Read(warp, lane, start + at, 16, strong: false, ref hint);
            }
        }
    }

    private sealed class AsyncFence : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = Warp.FirstLane(mask);
                warp.Block.Shared.Proxy?.Fence((warp.Index * 32) + lane);
                warp.Block.MBarriers.Fence(warp, lane);
            }
        }
    }

    /// <summary>Prefetches or fences a map: there must be one.</summary>
    public sealed class UseMap(AddressOperand map) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            warp.ComputeAddresses(map);
            for (; mask != 0; mask &= mask - 1) ReadMap(warp, Warp.FirstLane(mask), warp.Addresses[Warp.FirstLane(mask)]);
        }
    }
}
