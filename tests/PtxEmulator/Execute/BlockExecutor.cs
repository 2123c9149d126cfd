using System.Numerics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Detectors;
using Lia.PtxEmulator.Memory;

namespace Lia.PtxEmulator.Execute;

/// <summary>What all blocks of a launch share.</summary>
internal sealed class Launch
{
    public required PtxEntry Entry { get; init; }

    public required EmulatedMemory Memory { get; init; }

    public required EmulatorOptions Options { get; init; }

    public required Dim3 Grid { get; init; }

    public required Dim3 BlockSize { get; init; }

    public required int DynamicSharedBytes { get; init; }

    public required byte[] Parameters { get; init; }

    public GlobalRaceDetector? GlobalRaces { get; init; }

    /// <summary>Held during atomics on global memory, when blocks run at the same time.</summary>
    public Lock AtomicLock { get; } = new();
}

/// <summary>
/// Runs blocks of a launch one after the other, on one thread; its warps and memories are reused from block to block. The warps of a block
/// take turns in order (or in an order shuffled by a seed), each until it reaches a barrier, ends, or has used its turn. What the copy
/// engine brings arrives when no warp can go on without, in no order that a kernel may rely on.
/// </summary>
internal sealed unsafe class BlockExecutor : IDisposable
{
    private const int Turn = 20_000;

    // Rounds in which all warps fail their waits before that is a deadlock: some programs count tries.
    private const int PatientRounds = 10_000;

    private readonly Warp[] _warps;
    private readonly int[] _order;
    private Random? _random;
    private int _stalledRounds;

    public BlockExecutor(Launch launch)
    {
        Launch = launch;
        Statistics = new StatisticsCollector(launch.Entry.Program.Length);
        int warps = (int)((launch.BlockSize.Count + 31) / 32);
        byte[] state = launch.Entry.SharedState(launch.DynamicSharedBytes);
        SharedRaceDetector? races = launch.Options.DetectSharedRaces && state.Length > 0 ? new SharedRaceDetector(warps, state.Length)
            : null;
        AsyncProxy? proxy = Array.Exists(launch.Entry.Program, op => op.ReadsByAsyncProxy) ? new AsyncProxy(state.Length, warps * 32)
            : null;
        Shared = new SharedMemory(state, races, proxy);
        Barriers = new BlockBarriers(this);
        MBarriers = new MBarriers(this);
        TileLoads = new TileLoads(this);
        Warpgroups = [.. Enumerable.Range(0, (warps + 3) / 4).Select(i => new Warpgroup(this, i))];
        _warps = new Warp[warps];
        for (int i = 0; i < warps; i++) _warps[i] = new Warp(this, i);
        _order = [.. Enumerable.Range(0, warps)];
        FillLaunchRegisters();
    }

    public Launch Launch { get; }

    public SharedMemory Shared { get; }

    public BlockBarriers Barriers { get; }

    public MBarriers MBarriers { get; }

    public TileLoads TileLoads { get; }

    public Warpgroup[] Warpgroups { get; }

    public StatisticsCollector Statistics { get; }

    public IReadOnlyList<Warp> Warps => _warps;

    public Dim3 Index { get; private set; }

    public long LinearIndex { get; private set; }

    public void Run(long linearIndex)
    {
        Dim3 grid = Launch.Grid;
        LinearIndex = linearIndex;
        Index = new Dim3((int)(linearIndex % grid.X), (int)(linearIndex / grid.X % grid.Y), (int)(linearIndex / ((long)grid.X * grid.Y)));
        long threads = Launch.BlockSize.Count;
        foreach (Warp warp in _warps)
        {
            long lanes = Math.Min(32, threads - (warp.Index * 32L));
            warp.Start(lanes == 32 ? LaneMask.Full : (1u << (int)lanes) - 1);
            Fill(warp, SpecialRegister.CtaidX, (uint)Index.X);
            Fill(warp, SpecialRegister.CtaidY, (uint)Index.Y);
            Fill(warp, SpecialRegister.CtaidZ, (uint)Index.Z);
        }
        Shared.Reset();
        Shared.Races?.BeginBlock();
        Barriers.Reset();
        MBarriers.Reset();
        TileLoads.Reset();
        foreach (Warpgroup group in Warpgroups) group.Reset();
        _stalledRounds = 0;
        if (Launch.Options.ScheduleSeed is int seed)
        {
            // The block's own, whatever ran on this thread before.
            _random = new Random(unchecked(seed + (int)(linearIndex * 1_000_003)));
            for (int i = 0; i < _order.Length; i++) _order[i] = i;
        }
        while (RunTurn())
        {
        }
        TileLoads.RequireNone();
    }

    /// <summary>The last lane of a warp exits: what it started must not need it any more.</summary>
    public void FinishWarp(Warp warp) => Warpgroups[warp.Index / 4].RequireNone(warp);

    // One turn of every warp that can run; false when the block is done.
    private bool RunTurn()
    {
        _random?.Shuffle(_order);
        bool ran = false, moved = false;
        foreach (int index in _order)
        {
            Warp warp = _warps[index];
            if (warp.Status != WarpStatus.Runnable) continue;
            ran = true;
            warp.Run(_random is null ? Turn : _random.Next(1, 200));
            moved |= !warp.IsStalled;
            if (warp.Status == WarpStatus.AtBarrier) Barriers.Open();
        }
        if (moved) _stalledRounds = 0;
        else if (ran)
        {
            // Copies arrive when nobody can do without them: a missing wait then finds the old content.
            if (TileLoads.Deliver(_random)) _stalledRounds = 0;
            else if (++_stalledRounds > PatientRounds) throw Stuck();
        }
        if (ran) return true;
        if (Array.TrueForAll(_warps, w => w.Status == WarpStatus.Done)) return false;
        throw Barriers.Deadlock();
    }

    private EmulationException Stuck()
    {
        IEnumerable<string> all = _warps.Select(w => w.Status switch
        {
            WarpStatus.Done => $"warp {w.Index} has exited",
            WarpStatus.AtBarrier => $"warp {w.Index} waits at the barrier in line {w.CurrentLine}",
            _ => $"warp {w.Index} waits in line {w.FailedWait!.Syntax.Line} for {w.FailedWait.Describe(w)}",
        });
        Warp first = Array.Find(_warps, w => w.IsStalled) ?? _warps[0];
        return Fault(EmulationErrorKind.Deadlock, first.FailedWait, null, $"warp {first.Index}",
            $"no warp can go on: {string.Join("; ", all)}", null);
    }

    private void FillLaunchRegisters()
    {
        Dim3 block = Launch.BlockSize;
        foreach (Warp warp in _warps)
        {
            Fill(warp, SpecialRegister.NtidX, (uint)block.X);
            Fill(warp, SpecialRegister.NtidY, (uint)block.Y);
            Fill(warp, SpecialRegister.NtidZ, (uint)block.Z);
            Fill(warp, SpecialRegister.NctaidX, (uint)Launch.Grid.X);
            Fill(warp, SpecialRegister.NctaidY, (uint)Launch.Grid.Y);
            Fill(warp, SpecialRegister.NctaidZ, (uint)Launch.Grid.Z);
            Fill(warp, SpecialRegister.WarpId, (uint)warp.Index);
            Fill(warp, SpecialRegister.NwarpId, (uint)_warps.Length);
            Fill(warp, SpecialRegister.DynamicSharedSize, (uint)Launch.DynamicSharedBytes);
            Fill(warp, SpecialRegister.TotalSharedSize, (uint)Shared.Bytes);
            Fill(warp, SpecialRegister.TidX, lane => (uint)ThreadIndex((warp.Index * 32) + lane).X);
            Fill(warp, SpecialRegister.TidY, lane => (uint)ThreadIndex((warp.Index * 32) + lane).Y);
            Fill(warp, SpecialRegister.TidZ, lane => (uint)ThreadIndex((warp.Index * 32) + lane).Z);
            Fill(warp, SpecialRegister.LaneId, lane => (uint)lane);
            Fill(warp, SpecialRegister.LaneMaskEq, lane => 1u << lane);
            Fill(warp, SpecialRegister.LaneMaskLt, lane => (1u << lane) - 1);
            Fill(warp, SpecialRegister.LaneMaskLe, lane => (2u << lane) - 1);
            Fill(warp, SpecialRegister.LaneMaskGt, lane => ~((2u << lane) - 1));
            Fill(warp, SpecialRegister.LaneMaskGe, lane => ~((1u << lane) - 1));
        }
    }

    private void Fill(Warp warp, SpecialRegister special, uint value) => Fill(warp, special, _ => value);

    private void Fill(Warp warp, SpecialRegister special, Func<int, uint> value)
    {
        if (!Launch.Entry.Layout.Specials.TryGetValue(special, out int offset)) return;
        uint* slot = (uint*)(warp.Registers + offset);
        for (int lane = 0; lane < 32; lane++) slot[lane] = value(lane);
    }

    private Dim3 ThreadIndex(int linear)
    {
        Dim3 size = Launch.BlockSize;
        return new Dim3(linear % size.X, linear / size.X % size.Y, linear / (size.X * size.Y));
    }

    public EmulationException Fault(EmulationErrorKind kind, Op? op, int? thread, string? who, string message, ulong? address)
    {
        who ??= thread is int t ? $"thread {ThreadIndex(t)}" : "the block";
        string place = op is null ? "" : $" at line {op.Syntax.Line}: {op.Syntax.Text}";
        string where = address is ulong a ? $" [address 0x{a:X}]" : "";
        return new EmulationException(kind, $"{kind} in {Launch.Entry.Name}, block {Index}, {who}: {message}{where}{place}")
        {
            Line = op?.Syntax.Line ?? 0,
            Instruction = op?.Syntax.Text ?? "",
            Block = Index,
            Thread = thread is int linear ? ThreadIndex(linear) : null,
            Address = address,
        };
    }

    public void Dispose()
    {
        foreach (Warp warp in _warps) warp.Dispose();
        Shared.Dispose();
    }
}
