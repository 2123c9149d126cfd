using Lia.PtxEmulator.Execute;
using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator.Decode;

/// <summary>How control continues after an instruction.</summary>
internal enum Flow : byte { Next, Branch, Exit, Barrier, Wait }

/// <summary>
/// A decoded instruction: operands are byte offsets into a warp's register file, where a register holds its 32 lanes side by side.
/// Immediates and special registers are registers too, filled once, so that an operation never asks what kind its operands are.
/// One object serves all warps of a launch and keeps no state of its own beyond hints.
/// </summary>
internal abstract class Op
{
    public InstructionSyntax Syntax { get; set; } = null!;

    /// <summary>Offset of the guard predicate's lane mask, -1 when unguarded.</summary>
    public int Guard { get; set; } = -1;

    public bool GuardNegated { get; set; }

    public Flow Flow { get; protected init; }

    /// <summary>Where a branch goes.</summary>
    public int Target { get; set; }

    /// <summary>Where the lanes of a divergent branch meet again; -1 when only at the exit.</summary>
    public int Reconverge { get; set; } = -1;

    /// <summary>Registers it uses that may be read before they are written; null for nearly all instructions.</summary>
    public FollowedRegisters? Following { get; set; }

    /// <summary>Accumulators of products that it reads or writes otherwise; null for nearly all instructions.</summary>
    public AccumulatorUse? Touches { get; set; }

    /// <summary>Whether it reads shared memory past the generic proxy: as products do.</summary>
    public virtual bool ReadsByAsyncProxy => false;

    /// <summary>Executes for the lanes of <paramref name="mask"/>, which is never empty.</summary>
    public abstract void Execute(Warp warp, uint mask);
}

/// <summary>A branch or exit: the warp's loop does the work.</summary>
internal sealed class ControlOp : Op
{
    public ControlOp(Flow flow) => Flow = flow;

    public override void Execute(Warp warp, uint mask) => throw new InvalidOperationException("control flow is executed by the warp");
}

/// <summary>How a wait went: passed; not passed, which the program is told; or not passed, to be tried again.</summary>
internal enum WaitOutcome : byte { Passed, Failed, Blocked }

/// <summary>An instruction that may have to wait for other warps or for a copy: another warp's turn comes when it does not pass.</summary>
internal abstract class WaitOp : Op
{
    protected WaitOp() => Flow = Flow.Wait;

    public abstract WaitOutcome Try(Warp warp, uint mask);

    /// <summary>What the warp waits for, for the report of a deadlock.</summary>
    public abstract string Describe(Warp warp);

    public sealed override void Execute(Warp warp, uint mask) => throw new InvalidOperationException("waits are executed by the warp");
}

/// <summary>An instruction without an effect the emulator could show (fences: memory is sequentially consistent here).</summary>
internal sealed class NoOperation : Op
{
    public override void Execute(Warp warp, uint mask)
    {
    }
}
