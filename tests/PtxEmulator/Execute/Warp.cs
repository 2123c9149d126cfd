using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Memory;

namespace Lia.PtxEmulator.Execute;

/// <summary>Why a warp stopped running.</summary>
internal enum WarpStatus : byte { Runnable, AtBarrier, Done }

/// <summary>
/// 32 lanes, their registers and where they are in the program. Lanes that part at a branch run one side after the other and meet again at
/// the branch's immediate post-dominator: a stack holds the sides that wait.
/// </summary>
internal sealed unsafe class Warp : IDisposable
{
    private const int MaximumDepth = 4096;
    private const int LongestSpin = 64;

    private struct Frame
    {
        public int Pc;
        public int Reconverge;
        public uint Mask;
    }

    private readonly Op[] _ops;
    private readonly long[] _counts;
    private readonly long _budget;
    private Frame[] _stack = new Frame[16];
    private int _depth;
    private int _pc;
    private int _reconverge;
    private int _turn;
    private WaitOp? _failedWait;
    private long _failedAt;
    private bool _repeats;

    public Warp(BlockExecutor block, int index)
    {
        Block = block;
        Index = index;
        PtxEntry entry = block.Launch.Entry;
        _ops = entry.Program;
        _counts = block.Statistics.Executed;
        _budget = block.Launch.Options.WarpInstructionBudget;
        Registers = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(entry.Layout.Bytes, 64), 64);
        NativeMemory.Clear(Registers, (nuint)Math.Max(entry.Layout.Bytes, 64));
        Addresses = (ulong*)NativeMemory.AlignedAlloc(32 * sizeof(ulong), 64);
        entry.Layout.WriteConstants(Registers);
        Written = new uint[entry.TrackedRegisters];
        Local = new LocalMemoryOfWarp(entry.LocalBytes);
        AsyncCopies = new AsyncCopies();
        Accumulators = new AccumulatorState(entry.Accumulators);
    }

    public BlockExecutor Block { get; }

    /// <summary>%warpid: the warp's number in its block.</summary>
    public int Index { get; }

    public byte* Registers { get; }

    /// <summary>Scratch of memory instructions: the address of each lane.</summary>
    public ulong* Addresses { get; }

    /// <summary>For registers that may be read before they are written: which lanes have written them.</summary>
    public uint[] Written { get; }

    public LocalMemoryOfWarp Local { get; }

    public AsyncCopies AsyncCopies { get; }

    /// <summary>Which accumulators are in flight.</summary>
    public AccumulatorState Accumulators { get; }

    /// <summary>Lanes that exist: the last warp of a block may be short.</summary>
    public uint Existing { get; private set; }

    public uint Exited { get; private set; }

    /// <summary>Lanes that run the current instruction, its guard aside.</summary>
    public uint Active { get; private set; }

    public uint Live => Existing & ~Exited;

    /// <summary>Instructions executed in the turns before this one.</summary>
    public long Steps { get; private set; }

    public WarpStatus Status { get; private set; }

    /// <summary>Whether it only repeats a wait that does not pass.</summary>
    public bool IsStalled => Status == WarpStatus.Runnable && _failedWait is not null && _repeats && Steps - _failedAt < LongestSpin;

    /// <summary>The wait that it last failed to pass.</summary>
    public WaitOp? FailedWait => _failedWait;

    public int CurrentLine => _ops[_pc].Syntax.Line;

    /// <summary>Index of the current instruction.</summary>
    public int Pc => _pc;

    public void Start(uint existing)
    {
        Existing = existing;
        Exited = 0;
        Active = existing;
        Status = WarpStatus.Runnable;
        _pc = 0;
        _depth = 0;
        _reconverge = -1;
        Steps = 0;
        Array.Clear(Written);
        Local.Reset();
        AsyncCopies.Reset();
        Accumulators.Reset();
        _failedWait = null;
    }

    /// <summary>Runs until a barrier, the end, or the quota is used up.</summary>
    public void Run(int quota)
    {
        _turn = quota;
        Steps += quota - RunUntilStop(quota);
        if (Steps > _budget)
            throw Fault(EmulationErrorKind.StepBudgetExceeded, null,
                $"the warp ran more than {_budget} instructions: a loop that does not end, or a wait for something that never comes");
    }

    // Returns what is left of the quota.
    private int RunUntilStop(int quota)
    {
        Op[] ops = _ops;
        for (; quota > 0; quota--)
        {
            if (_pc == _reconverge)
            {
                Resume();
                continue;
            }
            Op op = ops[_pc];
            _counts[_pc]++;
            uint mask = Active;
            if (op.Guard >= 0)
            {
                uint guard = *(uint*)(Registers + op.Guard);
                mask &= op.GuardNegated ? ~guard : guard;
            }
            op.Following?.Check(this, Active, mask);
            if (mask != 0) op.Touches?.Check(this);
            switch (op.Flow)
            {
                case Flow.Next:
                    if (mask != 0) op.Execute(this, mask);
                    _pc++;
                    break;
                case Flow.Branch:
                    Branch(op, mask);
                    break;
                case Flow.Exit:
                    if (!Exit(mask)) return quota;
                    break;
                case Flow.Wait:
                    WaitOutcome outcome = mask == 0 ? WaitOutcome.Passed : ((WaitOp)op).Try(this, mask);
                    if (outcome != WaitOutcome.Blocked) _pc++;
                    if (!NoteWait((WaitOp)op, outcome, Steps + _turn - quota + 1)) return quota - 1;
                    break;
                default:
                    if (mask == 0) { _pc++; break; }
                    op.Execute(this, mask);
                    Status = WarpStatus.AtBarrier;
                    return quota;
            }
        }
        return 0;
    }

    // Whether the warp may go on.
    private bool NoteWait(WaitOp op, WaitOutcome outcome, long step)
    {
        if (outcome == WaitOutcome.Passed)
        {
            _failedWait = null;
            return true;
        }
        _repeats = _failedWait == op && step - _failedAt < LongestSpin;
        _failedWait = op;
        _failedAt = step;
        return false;
    }

    /// <summary>The barrier is open.</summary>
    public void PassBarrier()
    {
        Status = WarpStatus.Runnable;
        _pc++;
    }

    private void Branch(Op op, uint taken)
    {
        if (taken == Active) { _pc = op.Target; return; }
        if (taken == 0) { _pc++; return; }
        int meet = op.Reconverge;
        if (meet < 0) meet = _reconverge;
        // When the outer divergence meets at the same place, the lanes that get there first are in the waiting frame already.
        else if (meet != _reconverge) Push(meet, _reconverge, Active);
        uint notTaken = Active & ~taken;
        if (op.Target == meet)
        {
            Active = notTaken;
            _pc++;
        }
        else
        {
            if (_pc + 1 != meet) Push(_pc + 1, meet, notTaken);
            Active = taken;
            _pc = op.Target;
        }
        _reconverge = meet;
    }

    private bool Exit(uint mask)
    {
        Exited |= mask;
        Active &= ~mask;
        if (Active != 0)
        {
            _pc++;
            return true;
        }
        return Resume();
    }

    // The next frame that still has lanes; none left means that the warp is done.
    private bool Resume()
    {
        while (_depth > 0)
        {
            ref Frame frame = ref _stack[--_depth];
            uint mask = frame.Mask & ~Exited;
            if (mask == 0) continue;
            Active = mask;
            _pc = frame.Pc;
            _reconverge = frame.Reconverge;
            return true;
        }
        Block.FinishWarp(this);
        Status = WarpStatus.Done;
        return false;
    }

    private void Push(int pc, int reconverge, uint mask)
    {
        if (_depth == _stack.Length)
        {
            if (_depth >= MaximumDepth)
                throw Fault(EmulationErrorKind.WarpDivergence, null, "the lanes of the warp keep parting and never meet again");
            Array.Resize(ref _stack, _depth * 2);
        }
        _stack[_depth++] = new Frame { Pc = pc, Reconverge = reconverge, Mask = mask };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Predicate(PredicateOperand operand)
    {
        uint value = *(uint*)(Registers + operand.Slot);
        return operand.Negated ? ~value : value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetPredicate(int slot, uint value, uint mask)
    {
        uint* register = (uint*)(Registers + slot);
        *register = (*register & ~mask) | (value & mask);
    }

    /// <summary>Fills <see cref="Addresses"/>.</summary>
    public void ComputeAddresses(AddressOperand operand)
    {
        ulong* addresses = Addresses;
        byte* register = Registers + operand.Slot;
        if (operand.Is64)
        {
            for (int lane = 0; lane < 32; lane++) addresses[lane] = ((ulong*)register)[lane] + (ulong)operand.Offset;
        }
        else
        {
            for (int lane = 0; lane < 32; lane++) addresses[lane] = (uint)(((uint*)register)[lane] + operand.Offset);
        }
    }

    /// <summary>The exception for what the current instruction did; <paramref name="lane"/> null means the whole warp.</summary>
    public EmulationException Fault(EmulationErrorKind kind, int? lane, string message, ulong? address = null)
    {
        Op op = _ops[Math.Min(_pc, _ops.Length - 1)];
        return Block.Fault(kind, op, lane is int l ? (Index * 32) + l : null, lane is null ? $"warp {Index}" : null, message, address);
    }

    /// <summary>All lanes named by a *.sync instruction that have not exited must execute it together.</summary>
    public void RequireMembers(uint executing, uint members, int lane)
    {
        if ((members >> lane & 1) == 0)
            throw Fault(EmulationErrorKind.WarpDivergence, lane,
                $"executes the instruction although member mask 0x{members:X8} does not name it");
        uint missing = members & Live & ~executing;
        if (missing != 0)
            throw Fault(EmulationErrorKind.WarpDivergence, lane,
                $"member mask 0x{members:X8} names lanes 0x{missing:X8}, which are not here");
    }

    /// <summary>Instructions marked .aligned: every lane that has not exited must be here.</summary>
    public void RequireConverged(uint executing)
    {
        if (executing != Live)
            throw Fault(EmulationErrorKind.WarpDivergence, null,
                $"lanes 0x{Live & ~executing:X8} are not here; the instruction needs the whole warp");
    }

    public static int FirstLane(uint mask) => BitOperations.TrailingZeroCount(mask);

    public void Dispose()
    {
        NativeMemory.AlignedFree(Registers);
        NativeMemory.AlignedFree(Addresses);
        Local.Dispose();
    }
}
