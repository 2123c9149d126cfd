namespace Lia.PtxEmulator;

/// <summary>What a kernel did wrong.</summary>
public enum EmulationErrorKind
{
    /// <summary>The launch itself is impossible: sizes, shared memory, parameters.</summary>
    InvalidLaunch,

    /// <summary>An access outside every allocation, array or window.</summary>
    OutOfBounds,

    /// <summary>An address that is not a multiple of the access size.</summary>
    Misaligned,

    /// <summary>A read of memory that nobody wrote.</summary>
    UninitializedRead,

    /// <summary>A read of a register that was not written on the path taken.</summary>
    UninitializedRegister,

    /// <summary>An access to a freed allocation.</summary>
    UseAfterFree,

    /// <summary>A write to constant memory or another place that cannot be written.</summary>
    ReadOnlyWrite,

    /// <summary>Threads of a block wait at different barriers, or some exited or are elsewhere while others wait.</summary>
    BarrierDivergence,

    /// <summary>A warp-wide instruction (*.sync) reached without the lanes it names.</summary>
    WarpDivergence,

    /// <summary>A shuffle that reads a lane which does not take part.</summary>
    InactiveLaneRead,

    /// <summary>Two threads write the same shared byte without a barrier between.</summary>
    SharedWriteWriteRace,

    /// <summary>A thread reads and another writes the same shared byte without a barrier between.</summary>
    SharedReadWriteRace,

    /// <summary>Two blocks write, or one reads and another writes, the same global byte within a launch.</summary>
    GlobalRace,

    /// <summary>Access to bytes that a cp.async is still going to write.</summary>
    MissingAsyncCopyWait,

    /// <summary>
    /// Something touches what an asynchronous product, not yet waited for, reads or writes: an accumulator, or an operand in shared memory.
    /// </summary>
    ProductInFlight,

    /// <summary>A product whose accumulators were touched after the last wgmma.fence, or that has none before it.</summary>
    MissingProductFence,

    /// <summary>
    /// A product reads shared memory that a thread wrote without a fence.proxy.async behind it, or the copy engine gets an mbarrier
    /// initialized without a fence.mbarrier_init.
    /// </summary>
    MissingProxyFence,

    /// <summary>An mbarrier used before it was initialized, as data, or beyond its counts.</summary>
    BarrierMisuse,

    /// <summary>A tensor map, matrix descriptor or tile address that the hardware does not take.</summary>
    InvalidOperand,

    /// <summary>No warp can go on: each waits for an mbarrier, a barrier or the other warps of its warpgroup.</summary>
    Deadlock,

    /// <summary>A warp ran more instructions than the budget: an endless loop or a wait that nobody ends.</summary>
    StepBudgetExceeded,

    /// <summary>The kernel executed <c>trap</c>.</summary>
    Trap,
}

/// <summary>Three sizes or coordinates.</summary>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>The product of the three.</summary>
    public long Count => (long)X * Y * Z;

    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y}, {Z})";
}

/// <summary>A kernel broke a rule of PTX: says which one, at which instruction, in which block and thread, at which address.</summary>
public sealed class EmulationException : Exception
{
    internal EmulationException(EmulationErrorKind kind, string message) : base(message) => Kind = kind;

    /// <summary>Which rule.</summary>
    public EmulationErrorKind Kind { get; }

    /// <summary>1-based line of the instruction in the PTX text; 0 when no instruction is to blame.</summary>
    public int Line { get; internal init; }

    /// <summary>The instruction as written; empty when no instruction is to blame.</summary>
    public string Instruction { get; internal init; } = "";

    /// <summary>The block's coordinates in the grid.</summary>
    public Dim3 Block { get; internal init; }

    /// <summary>The thread's coordinates in the block, null when the whole warp or block is meant.</summary>
    public Dim3? Thread { get; internal init; }

    /// <summary>The address accessed, null when the error is about none.</summary>
    public ulong? Address { get; internal init; }
}
