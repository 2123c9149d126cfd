namespace Lia.Gpu.Compiler.IR;

/// <summary>A natural loop: a header that dominates its blocks, and the latches that branch back to it.</summary>
internal sealed class Loop(Block header)
{
    public readonly Block Header = header;
    public readonly HashSet<Block> Blocks = [header];
    public readonly List<Block> Latches = [];
    public Loop? Parent;
    public int Depth = 1;
}

/// <summary>What is known of a function's control flow at one moment: order, dominators, loops. Recomputed after every change.</summary>
internal sealed class Flow
{
    /// <summary>Reachable blocks in reverse postorder: a block comes after its dominators.</summary>
    public readonly List<Block> Order = [];

    /// <summary>Loops, outer before inner.</summary>
    public readonly List<Loop> Loops = [];

    private readonly Block[] _dominators;
    private readonly Loop?[] _loopOf;

    public Flow(Function function)
    {
        Walk(function.Entry, function.Blocks);
        _dominators = Dominators();
        _loopOf = new Loop?[Order.Count];
        FindLoops();
    }

    /// <summary>The nearest block that every way to this one passes, null for the entry.</summary>
    public Block? Dominator(Block block) => block.Order == 0 ? null : _dominators[block.Order];

    public bool Dominates(Block a, Block b)
    {
        while (b.Order > a.Order) b = _dominators[b.Order];
        return a == b;
    }

    /// <summary>The innermost loop a block is in.</summary>
    public Loop? LoopOf(Block block) => _loopOf[block.Order];

    private void Walk(Block entry, List<Block> all)
    {
        foreach (Block block in all) block.Order = -1;
        // Depth first without recursion: unrolled code is deep. Else is visited first, so that Then follows its block.
        var stack = new Stack<(Block Block, int Next)>();
        var finished = new List<Block>(all.Count);
        entry.Order = 0;
        stack.Push((entry, 0));
        while (stack.Count > 0)
        {
            (Block block, int next) = stack.Pop();
            Block? successor = next == 0 ? block.Else : next == 1 ? block.Then : null;
            if (next < 2) stack.Push((block, next + 1));
            else finished.Add(block);
            if (successor is { Order: -1 })
            {
                successor.Order = 0;
                stack.Push((successor, 0));
            }
        }
        for (int i = finished.Count - 1; i >= 0; i--)
        {
            finished[i].Order = Order.Count;
            Order.Add(finished[i]);
        }
    }

    /// <summary>Cooper, Harvey and Kennedy, "A simple, fast dominance algorithm".</summary>
    private Block[] Dominators()
    {
        var dominators = new Block[Order.Count];
        dominators[0] = Order[0];
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int i = 1; i < Order.Count; i++)
            {
                Block? common = null;
                foreach (Block predecessor in Order[i].Predecessors)
                {
                    if (predecessor.Order < 0 || dominators[predecessor.Order] is null) continue;
                    common = common is null ? predecessor : Intersect(dominators, common, predecessor);
                }
                if (dominators[i] == common) continue;
                dominators[i] = common!;
                changed = true;
            }
        }
        return dominators;
    }

    private static Block Intersect(Block[] dominators, Block a, Block b)
    {
        while (a != b)
        {
            while (a.Order > b.Order) a = dominators[a.Order];
            while (b.Order > a.Order) b = dominators[b.Order];
        }
        return a;
    }

    private void FindLoops()
    {
        foreach (Block block in Order)
        {
            Loop? loop = null;
            foreach (Block predecessor in block.Predecessors)
            {
                if (predecessor.Order < block.Order || !Dominates(block, predecessor)) continue;
                loop ??= new Loop(block);
                loop.Latches.Add(predecessor);
            }
            if (loop is null) continue;
            var pending = new Stack<Block>(loop.Latches);
            while (pending.TryPop(out Block? member))
            {
                if (!loop.Blocks.Add(member)) continue;
                foreach (Block predecessor in member.Predecessors)
                {
                    if (predecessor.Order >= 0) pending.Push(predecessor);
                }
            }
            // Headers come in reverse postorder, so enclosing loops are already there.
            loop.Parent = _loopOf[block.Order];
            loop.Depth = (loop.Parent?.Depth ?? 0) + 1;
            foreach (Block member in loop.Blocks) _loopOf[member.Order] = loop;
            Loops.Add(loop);
        }
    }

    /// <summary>Blocks where a value defined in one of the given blocks meets another: the iterated dominance frontier.</summary>
    public static IEnumerable<Block> Joins(IEnumerable<Block> definitions, List<Block>[] frontiers)
    {
        var joins = new HashSet<Block>();
        var pending = new Stack<Block>(definitions);
        while (pending.TryPop(out Block? block))
        {
            foreach (Block join in frontiers[block.Order])
            {
                if (joins.Add(join)) pending.Push(join);
            }
        }
        return joins.OrderBy(static b => b.Order);
    }

    public List<Block>[] Frontiers()
    {
        var frontiers = new List<Block>[Order.Count];
        for (int i = 0; i < frontiers.Length; i++) frontiers[i] = [];
        foreach (Block block in Order)
        {
            if (block.Predecessors.Count < 2) continue;
            foreach (Block predecessor in block.Predecessors)
            {
                if (predecessor.Order < 0) continue;
                for (Block runner = predecessor; runner != _dominators[block.Order]; runner = _dominators[runner.Order])
                {
                    if (!frontiers[runner.Order].Contains(block)) frontiers[runner.Order].Add(block);
                }
            }
        }
        return frontiers;
    }
}
