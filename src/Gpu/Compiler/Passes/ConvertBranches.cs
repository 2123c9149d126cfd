using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Short branches to selects: where both ways (or the one) compute a few cheap values and meet again, computing them always costs less than
/// diverging.
/// </summary>
internal static class ConvertBranches
{
    private const int MostInstructions = 6;
    private const int MostSelects = 4;

    public static bool Run(Function function)
    {
        bool changed = false;
        // Inner branches first: they come later in the order.
        List<Block> order = new Flow(function).Order;
        for (int i = order.Count - 1; i >= 0; i--)
        {
            Block block = order[i];
            if (block.Exit != Exit.Conditional) continue;
            Block? then = Side(block.Then!, block), otherwise = Side(block.Else!, block);
            Block? join = then is not null && otherwise is not null && then.Then == otherwise.Then ? then.Then
                : then is not null && then.Then == block.Else ? block.Else
                : otherwise is not null && otherwise.Then == block.Then ? block.Then
                : null;
            if (join is null || join == block) continue;
            if (join == block.Else) otherwise = null;
            else if (join == block.Then) then = null;
            if (join.Phis.Count is 0 or > MostSelects) continue;
            Convert(function, block, then, otherwise, join);
            changed = true;
        }
        if (changed) Simplify.RemoveUnreachable(function);
        return changed;
    }

    /// <summary>The block, if it is a side way: entered from the branch only, short, and without effect.</summary>
    private static Block? Side(Block side, Block from) =>
        side.Exit == Exit.Branch && side.Predecessors.Count == 1 && side.Predecessors[0] == from && side.Phis.Count == 0
            && side.Body.Count <= MostInstructions && side.Body.TrueForAll(IsCheap) ? side : null;

    private static bool IsCheap(Value value) => value.IsPure && !(value.Op is Op.Div or Op.DivU or Op.Rem or Op.RemU or Op.Sqrt or Op.Ptx);

    private static void Convert(Function function, Block block, Block? then, Block? otherwise, Block join)
    {
        foreach (Block? side in (Block?[])[then, otherwise])
        {
            if (side is null) continue;
            foreach (Value value in side.Body) value.Block = block;
            block.Body.AddRange(side.Body);
            side.Body = [];
        }
        var builder = new Builder(function);
        builder.At(block);
        int thenIndex = join.Predecessors.IndexOf(then ?? block), elseIndex = join.Predecessors.IndexOf(otherwise ?? block);
        Value[] selected = [.. join.Phis.Select(phi => builder.Select(block.Condition!, phi.Operands[thenIndex], phi.Operands[elseIndex]))];
        join.RemovePredecessor(then ?? block);
        join.RemovePredecessor(otherwise ?? block);
        foreach (Block? side in (Block?[])[then, otherwise])
        {
            if (side is null) continue;
            side.Predecessors.Clear();
            side.Exit = Exit.Return;
            side.Then = null;
        }
        block.Condition = null;
        block.Else = null;
        block.Branch(join);
        for (int i = 0; i < selected.Length; i++) join.Phis[i].Operands = [.. join.Phis[i].Operands, selected[i]];
    }
}
