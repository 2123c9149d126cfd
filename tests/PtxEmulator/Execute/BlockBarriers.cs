using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// The 16 barriers of a block. A barrier without a thread count is met by the whole block at one and the same instruction; one with a count
/// opens when that many threads (whole warps) have come.
/// </summary>
internal sealed class BlockBarriers(BlockExecutor block)
{
    private readonly record struct Waiting(Warp Warp, BarrierOp Op, uint Barrier, uint Threads);

    private readonly List<Waiting> _waiting = [];

    public void Reset() => _waiting.Clear();

    public void Arrive(Warp warp, BarrierOp op, uint barrier, uint threads) => _waiting.Add(new Waiting(warp, op, barrier, threads));

    /// <summary>Opens every barrier that all its threads have reached; called after each arrival.</summary>
    public void Open()
    {
        Waiting last = _waiting[^1];
        List<Waiting> here = _waiting.FindAll(w => w.Barrier == last.Barrier);
        int expected = last.Threads == 0 ? block.Warps.Count : (int)(last.Threads / 32);
        if (here.Count < expected) return;
        foreach (Waiting waiting in here)
        {
            if (waiting.Threads != last.Threads)
                throw Divergence(waiting,
                    $"waits for {waiting.Threads} threads where another warp waits for {last.Threads} (line {last.Op.Syntax.Line})");
            if (last.Threads != 0) continue;
            if (waiting.Op != last.Op)
                throw Divergence(waiting, $"waits here while warp {last.Warp.Index} waits at line {last.Op.Syntax.Line}");
            if (waiting.Warp.Exited != 0) throw Divergence(waiting, $"lanes 0x{waiting.Warp.Exited:X8} have exited while the others wait");
        }
        last.Op.Complete([.. here.Select(w => w.Warp)]);
        block.Shared.Races?.Synchronize([.. here.Select(w => w.Warp.Index)]);
        _waiting.RemoveAll(w => w.Barrier == last.Barrier);
        foreach (Waiting waiting in here) waiting.Warp.PassBarrier();
    }

    /// <summary>No warp can run and some wait: says for whom.</summary>
    public EmulationException Deadlock()
    {
        Waiting first = _waiting[0];
        IEnumerable<string> others = block.Warps.Where(w => w != first.Warp).Select(w => w.Status == WarpStatus.Done
            ? $"warp {w.Index} has exited"
            : $"warp {w.Index} waits at line {w.CurrentLine}");
        return Divergence(first, $"waits at barrier {first.Barrier} for ever: {string.Join(", ", others.Distinct().Take(8))}");
    }

    private static EmulationException Divergence(Waiting waiting, string message) =>
        waiting.Warp.Fault(EmulationErrorKind.BarrierDivergence, null, message);
}

/// <summary>bar.sync and bar.red: stops the warp; what a reduction gives is computed when all have come.</summary>
internal sealed unsafe class BarrierOp : Op
{
    public enum Reduction : byte { None, PopulationCount, And, Or }

    public BarrierOp() => Flow = Flow.Barrier;

    public int BarrierSlot { get; init; }

    /// <summary>-1 when the barrier is for the whole block.</summary>
    public int ThreadsSlot { get; init; } = -1;

    public Reduction Reduces { get; init; }

    public int Destination { get; init; }

    public PredicateOperand Source { get; init; }

    public override void Execute(Warp warp, uint mask)
    {
        if (mask != warp.Live)
            throw warp.Fault(EmulationErrorKind.BarrierDivergence, null,
                $"lanes 0x{mask:X8} wait at a barrier that lanes 0x{warp.Live & ~mask:X8} do not reach with them");
        uint barrier = ((uint*)(warp.Registers + BarrierSlot))[Warp.FirstLane(mask)];
        uint threads = ThreadsSlot < 0 ? 0 : ((uint*)(warp.Registers + ThreadsSlot))[Warp.FirstLane(mask)];
        if (barrier > 15) throw warp.Fault(EmulationErrorKind.BarrierDivergence, null, $"barrier {barrier} does not exist; there are 16");
        if (ThreadsSlot >= 0 && (threads == 0 || threads % 32 != 0 || threads > warp.Block.Warps.Count * 32))
            throw warp.Fault(EmulationErrorKind.BarrierDivergence, null,
                $"{threads} threads cannot meet in a block of {warp.Block.Warps.Count} warps; whole warps are counted");
        warp.Block.Barriers.Arrive(warp, this, barrier, threads);
    }

    public void Complete(IReadOnlyList<Warp> warps)
    {
        if (Reduces == Reduction.None) return;
        uint count = 0, lanes = 0;
        foreach (Warp warp in warps)
        {
            count += (uint)System.Numerics.BitOperations.PopCount(warp.Predicate(Source) & warp.Live);
            lanes += (uint)System.Numerics.BitOperations.PopCount(warp.Live);
        }
        foreach (Warp warp in warps)
        {
            if (Reduces == Reduction.PopulationCount)
            {
                uint* d = (uint*)(warp.Registers + Destination);
                for (uint mask = warp.Live; mask != 0; mask &= mask - 1) d[Warp.FirstLane(mask)] = count;
            }
            else warp.SetPredicate(Destination, (Reduces == Reduction.And ? count == lanes : count != 0) ? LaneMask.Full : 0, warp.Live);
        }
    }
}
