using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>An mbarrier: arrivals and bytes that its current phase still waits for, and what those who came have released.</summary>
internal sealed class MBarrier(ulong address, int arrivals)
{
    private uint[]? _released;

    public ulong Address { get; } = address;

    public int Expected { get; } = arrivals;

    public int Pending { get; private set; } = arrivals;

    public long Bytes { get; private set; }

    /// <summary>Phases that have ended.</summary>
    public int Phase { get; private set; }

    /// <summary>Whether the initialization is visible to the copy engine.</summary>
    public bool Fenced { get; set; }

    /// <summary>What was released in the phases that have ended.</summary>
    public uint[]? Heard { get; private set; }

    public void Expect(int bytes) => Bytes += bytes;

    public void Arrive(uint[]? clock)
    {
        Pending--;
        Join(clock);
        Advance();
    }

    public void Complete(int bytes, uint[]? clock)
    {
        Bytes -= bytes;
        Join(clock);
        Advance();
    }

    public override string ToString() =>
        $"the mbarrier at shared byte {Address}, whose phase {Phase} (parity {Phase & 1}) lacks {Pending} of {Expected} arrivals and " +
            $"{Bytes} bytes";

    private void Join(uint[]? clock)
    {
        if (clock is null) return;
        _released ??= new uint[clock.Length];
        for (int i = 0; i < clock.Length; i++) _released[i] = Math.Max(_released[i], clock[i]);
    }

    private void Advance()
    {
        if (Pending != 0 || Bytes != 0) return;
        Phase++;
        Pending = Expected;
        Heard = _released is null ? null : [.. _released];
    }
}

/// <summary>The mbarriers of a block.</summary>
internal sealed unsafe class MBarriers(BlockExecutor block)
{
    private const int MostArrivals = (1 << 20) - 1;

    private readonly Dictionary<ulong, MBarrier> _barriers = [];
    private readonly List<(int Thread, MBarrier Barrier)> _unfenced = [];

    public void Reset()
    {
        _barriers.Clear();
        _unfenced.Clear();
    }

    public void Init(Warp warp, int lane, ulong address, int arrivals)
    {
        if (_barriers.ContainsKey(address))
            throw warp.Fault(EmulationErrorKind.BarrierMisuse, lane, "initializes an mbarrier again", address);
        if (arrivals is < 1 or > MostArrivals)
            throw warp.Fault(EmulationErrorKind.BarrierMisuse, lane,
                $"initializes an mbarrier for {arrivals} arrivals; 1 to {MostArrivals} are possible", address);
        Allocation? none = null;
        SharedSpace.Write(warp, lane, address, sizeof(ulong), strong: false, ref none);
        new Span<byte>(block.Shared.State + address, sizeof(ulong)).Fill(ByteState.Barrier);
        var barrier = new MBarrier(address, arrivals);
        _barriers.Add(address, barrier);
        _unfenced.Add(((warp.Index * 32) + lane, barrier));
    }

    /// <summary>A thread's initializations become visible to the copy engine.</summary>
    public void Fence(Warp warp, int lane)
    {
        int thread = (warp.Index * 32) + lane;
        foreach ((int who, MBarrier barrier) in _unfenced) barrier.Fenced |= who == thread;
        _unfenced.RemoveAll(u => u.Thread == thread);
    }

    /// <summary>The barrier at an address; its initialization must be ordered before.</summary>
    public MBarrier Find(Warp warp, int lane, ulong address)
    {
        if (!_barriers.TryGetValue(address, out MBarrier? barrier))
            throw warp.Fault(EmulationErrorKind.BarrierMisuse, lane, "there is no initialized mbarrier at this address", address);
        block.Shared.Races?.Read(warp, lane, address, sizeof(ulong), strong: true);
        return barrier;
    }
}

/// <summary>mbarrier.init, .arrive, .arrive.expect_tx, .try_wait.parity and .test_wait.parity on shared memory.</summary>
internal static unsafe class MBarrierInstructions
{
    private const int MostBytes = (1 << 20) - 1;

    public static Op? Decode(InstructionReader r)
    {
        r.RequireSm(90);
        switch (r.Require("init", "arrive", "try_wait", "test_wait"))
        {
            case "init":
                Space(r);
                return new InitOp(r.Address(0, StateSpace.Shared), r.Source(1, U32));
            case "arrive":
                bool expects = r.Take("expect_tx");
                if (expects) r.RequireVersion(80);
                Space(r);
                if (r[0].Kind != OperandKind.Sink) throw r.Error("the state of an arrival is not kept: write _");
                AddressOperand address = r.Address(1, StateSpace.Shared);
                return new ArriveOp(address, expects ? r.Source(2, U32) : null);
            default:
                r.Require("parity");
                Space(r);
                int d = r.PredicateDestination(r[0]);
                return new TryWaitOp(d, r.Address(1, StateSpace.Shared), r.Source(2, U32));
        }
    }

    private static void Space(InstructionReader r)
    {
        r.Require("shared::cta", "shared");
        r.TakeType(B64);
    }

    private sealed class InitOp(AddressOperand address, int count) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            warp.ComputeAddresses(address);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = Warp.FirstLane(mask);
                warp.Block.MBarriers.Init(warp, lane, warp.Addresses[lane], ((int*)(warp.Registers + count))[lane]);
            }
        }
    }

    private sealed class ArriveOp(AddressOperand address, int? bytes) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            warp.ComputeAddresses(address);
            uint[]? clock = warp.Block.Shared.Races?.Release(warp.Index);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = Warp.FirstLane(mask);
                MBarrier barrier = warp.Block.MBarriers.Find(warp, lane, warp.Addresses[lane]);
                if (barrier.Pending == 0)
                    throw warp.Fault(EmulationErrorKind.BarrierMisuse, lane, $"arrives once too often at {barrier}", barrier.Address);
                if (bytes is int slot)
                {
                    int expected = ((int*)(warp.Registers + slot))[lane];
                    if (expected is < 0 or > MostBytes || barrier.Bytes + expected > MostBytes)
                        throw warp.Fault(EmulationErrorKind.BarrierMisuse, lane,
                            $"expects {expected} bytes at {barrier}; at most {MostBytes} are possible", barrier.Address);
                    barrier.Expect(expected);
                }
                barrier.Arrive(clock);
            }
        }
    }

    private sealed class TryWaitOp(int d, AddressOperand address, int parity) : WaitOp
    {
        public override WaitOutcome Try(Warp warp, uint mask)
        {
            warp.ComputeAddresses(address);
            uint passed = 0;
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = Warp.FirstLane(rest);
                MBarrier barrier = warp.Block.MBarriers.Find(warp, lane, warp.Addresses[lane]);
                uint wanted = ((uint*)(warp.Registers + parity))[lane];
                if (wanted > 1)
                    throw warp.Fault(EmulationErrorKind.BarrierMisuse, lane, $"waits for a phase of parity {wanted}; there are 0 and 1",
                        barrier.Address);
                if ((barrier.Phase & 1) == wanted) continue;
                passed |= 1u << lane;
                if (barrier.Heard is { } heard) warp.Block.Shared.Races!.Acquire(warp.Index, heard);
            }
            warp.SetPredicate(d, passed, mask);
            return passed == mask ? WaitOutcome.Passed : WaitOutcome.Failed;
        }

        public override string Describe(Warp warp)
        {
            warp.ComputeAddresses(address);
            int lane = Warp.FirstLane(warp.Active);
            return $"parity {((uint*)(warp.Registers + parity))[lane]} of {warp.Block.MBarriers.Find(warp, lane, warp.Addresses[lane])}";
        }
    }

    /// <summary>fence.mbarrier_init.</summary>
    public sealed class InitFence : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1) warp.Block.MBarriers.Fence(warp, Warp.FirstLane(mask));
        }
    }
}
