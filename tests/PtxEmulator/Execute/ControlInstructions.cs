using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>bra, ret, exit, trap and the barriers of a block and of a warp.</summary>
internal static class ControlInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "bra" => Branch(r),
        "ret" or "exit" => Leave(r),
        "trap" => new TrapOp(),
        "nanosleep" => Sleep(r),
        "bar" or "barrier" => Barrier(r),
        _ => null,
    };

    private static ControlOp Branch(InstructionReader r)
    {
        r.Take("uni");
        Operand label = r[0];
        if (label.Kind != OperandKind.Symbol || !r.Scope.Entry.Labels.TryGetValue(label.Name!, out int target))
            throw r.Error($"label '{label.Text}' is not defined");
        return new ControlOp(Flow.Branch) { Target = target };
    }

    private static ControlOp Leave(InstructionReader r)
    {
        if (r.Syntax.Opcode == "ret") r.Take("uni");
        return new ControlOp(Flow.Exit);
    }

    private static NoOperation Sleep(InstructionReader r)
    {
        r.TakeType(U32);
        r.Source(0, U32);
        return new NoOperation();
    }

    private static Op Barrier(InstructionReader r)
    {
        if (r.Take("warp"))
        {
            r.Require("sync");
            return new WarpBarrier(r.Source(0, B32));
        }
        r.Take("cta");
        bool reduces = r.Require("sync", "red") == "red";
        if (r.Syntax.Opcode == "barrier") r.Take("aligned");
        if (!reduces)
        {
            return new BarrierOp
            {
                BarrierSlot = r.Source(0, U32),
                ThreadsSlot = r.OperandCount > 1 ? r.Source(1, U32) : -1,
            };
        }
        BarrierOp.Reduction reduction = r.Require("popc", "and", "or") switch
        {
            "popc" => BarrierOp.Reduction.PopulationCount,
            "and" => BarrierOp.Reduction.And,
            _ => BarrierOp.Reduction.Or,
        };
        bool counts = reduction == BarrierOp.Reduction.PopulationCount;
        r.TakeType(counts ? U32 : Pred);
        int d = counts ? r.Destination(0, U32) : r.PredicateDestination(r[0]);
        bool hasThreads = r.OperandCount > 3;
        return new BarrierOp
        {
            Reduces = reduction,
            Destination = d,
            BarrierSlot = r.Source(1, U32),
            ThreadsSlot = hasThreads ? r.Source(2, U32) : -1,
            Source = r.Predicate(hasThreads ? 3 : 2),
        };
    }

    private sealed class TrapOp : Op
    {
        public override void Execute(Warp warp, uint mask) =>
            throw warp.Fault(EmulationErrorKind.Trap, Warp.FirstLane(mask), "executed trap");
    }

    private sealed unsafe class WarpBarrier(int members) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = Warp.FirstLane(rest);
                warp.RequireMembers(mask, ((uint*)(warp.Registers + members))[lane], lane);
                warp.Block.Shared.Races?.SynchronizeWarp(warp.Index, ((uint*)(warp.Registers + members))[lane]);
                // Lanes nearly always agree on the mask; the others are checked and recorded on their own.
                uint same = 0;
                for (uint other = rest; other != 0; other &= other - 1)
                {
                    int l = Warp.FirstLane(other);
                    if (((uint*)(warp.Registers + members))[l] == ((uint*)(warp.Registers + members))[lane]) same |= 1u << l;
                }
                rest &= ~same | (1u << lane);
            }
        }
    }
}
