using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Folds constants and identities through the whole function, decides constant branches, merges blocks and drops what is unused.
/// </summary>
internal static class Simplify
{
    public static void Run(Function function)
    {
        for (int round = 0; round < 16; round++)
        {
            RemoveUnreachable(function);
            bool changed = Fold(function);
            changed |= DecideBranches(function);
            RemoveUnreachable(function);
            changed |= MergeBlocks(function);
            if (!changed) break;
        }
        RemoveDead(function);
    }

    private static bool Fold(Function function)
    {
        bool changed = false;
        var builder = new Builder(function);
        foreach (Block block in new Flow(function).Order)
        {
            changed |= FoldPhis(block);
            List<Value> body = block.Body;
            builder.Block = block;
            block.Body = builder.Body = new List<Value>(body.Count);
            foreach (Value value in body)
            {
                Function.ResolveOperands(value);
                Value? simpler = value.IsPure && value.Op is not (Op.Param or Op.SlotAddress or Op.SharedAddress or Op.Ptx)
                    ? Folding.TryFold(builder, value.Op, value.Type, value.Kind, value.Operands)
                    : null;
                if (simpler is null || simpler == value)
                {
                    block.Body.Add(value);
                    continue;
                }
                value.Forward = simpler;
                changed = true;
            }
            if (block.Condition is { Forward: not null } condition) block.Condition = condition.Resolve();
            if (block.Condition is { Op: Op.Not } negation)
            {
                (block.Then, block.Else) = (block.Else, block.Then);
                block.Condition = negation.Operands[0];
            }
        }
        function.ApplyForwards();
        return changed;
    }

    private static bool FoldPhis(Block block)
    {
        bool changed = false;
        foreach (Value phi in block.Phis)
        {
            Function.ResolveOperands(phi);
            Value? only = null;
            bool several = false;
            foreach (Value operand in phi.Operands)
            {
                if (operand == phi || operand == only) continue;
                several |= only is not null;
                only = operand;
            }
            if (several || only is null) continue;
            phi.Forward = only;
            changed = true;
        }
        if (changed) block.Phis.RemoveAll(static phi => phi.Forward is not null);
        return changed;
    }

    private static bool DecideBranches(Function function)
    {
        bool changed = false;
        foreach (Block block in function.Blocks)
        {
            if (block.Exit != Exit.Conditional || block.Condition!.Op is not (Op.Const or Op.Undef)) continue;
            block.Decide(block.Condition.Bits != 0);
            changed = true;
        }
        return changed;
    }

    public static void RemoveUnreachable(Function function)
    {
        var reachable = new HashSet<Block> { function.Entry };
        var pending = new Stack<Block>(reachable);
        while (pending.TryPop(out Block? block))
        {
            foreach (Block successor in block.Successors)
            {
                if (reachable.Add(successor)) pending.Push(successor);
            }
        }
        if (reachable.Count == function.Blocks.Count) return;
        foreach (Block block in function.Blocks)
        {
            if (reachable.Contains(block)) continue;
            foreach (Block successor in block.Successors)
            {
                if (reachable.Contains(successor)) successor.RemovePredecessor(block);
            }
        }
        function.Blocks.RemoveAll(block => !reachable.Contains(block));
    }

    private static bool MergeBlocks(Function function)
    {
        bool changed = false;
        for (int i = 0; i < function.Blocks.Count; i++)
        {
            Block block = function.Blocks[i];
            if (block.Exit == Exit.None) continue;
            while (block.Exit == Exit.Branch && block.Then is { Predecessors.Count: 1 } next && next != block && next != function.Entry)
            {
                foreach (Value phi in next.Phis) phi.Forward = phi.Operands[0];
                foreach (Value value in next.Body) value.Block = block;
                block.Body.AddRange(next.Body);
                TakeExit(block, next);
                changed = true;
            }
            changed |= Bypass(function, block);
        }
        function.Blocks.RemoveAll(static block => block.Exit == Exit.None);
        function.ApplyForwards();
        return changed;
    }

    /// <summary>The block ends as its only successor did; the successor is left empty and without exit.</summary>
    private static void TakeExit(Block block, Block next)
    {
        block.Exit = next.Exit;
        block.Condition = next.Condition;
        block.Then = next.Then;
        block.Else = next.Else;
        block.Refusal = next.Refusal;
        foreach (Block successor in block.Successors) successor.Predecessors[successor.Predecessors.IndexOf(next)] = block;
        next.Exit = Exit.None;
        next.Condition = null;
        next.Then = next.Else = null;
        next.Phis.Clear();
        next.Body = [];
        next.Predecessors.Clear();
    }

    /// <summary>Leads the predecessors of an empty block straight to its successor, unless one of them already goes there.</summary>
    private static bool Bypass(Function function, Block block)
    {
        if (block.Exit != Exit.Branch || block.Phis.Count > 0 || block.Body.Count > 0 || block == function.Entry) return false;
        Block target = block.Then!;
        if (target == block || block.Predecessors.Exists(p => target.Predecessors.Contains(p))) return false;
        // A loop keeps one latch: an empty block that collects several ways back to a header stays.
        if (block.Predecessors.Count > 1 && target.Phis.Count > 0) return false;
        int index = target.Predecessors.IndexOf(block);
        target.Predecessors.RemoveAt(index);
        target.Predecessors.AddRange(block.Predecessors);
        foreach (Value phi in target.Phis)
        {
            var operands = new List<Value>(phi.Operands);
            Value through = operands[index];
            operands.RemoveAt(index);
            for (int i = 0; i < block.Predecessors.Count; i++) operands.Add(through);
            phi.Operands = [.. operands];
        }
        foreach (Block predecessor in block.Predecessors) predecessor.Redirect(block, target);
        block.Exit = Exit.None;
        block.Then = null;
        block.Predecessors.Clear();
        return true;
    }

    /// <summary>Keeps what memory, control flow and their operands need.</summary>
    public static void RemoveDead(Function function)
    {
        var live = new HashSet<Value>();
        var pending = new Stack<Value>();
        void Mark(Value value)
        {
            if (live.Add(value)) pending.Push(value);
        }

        foreach (Block block in function.Blocks)
        {
            if (block.Condition is not null) Mark(block.Condition);
            foreach (Value value in block.Body)
            {
                if (value.HasSideEffect) Mark(value);
            }
        }
        while (pending.TryPop(out Value? value))
        {
            foreach (Value operand in value.Operands) Mark(operand);
        }
        foreach (Block block in function.Blocks)
        {
            block.Phis.RemoveAll(value => !live.Contains(value));
            block.Body.RemoveAll(value => !live.Contains(value));
        }
    }
}
