namespace Lia.PtxEmulator.Decode;

/// <summary>The basic blocks of an entry, and from them where the lanes that part at a branch meet again.</summary>
internal sealed class ControlFlowGraph
{
    private readonly int[] _starts;

    public ControlFlowGraph(Op[] program)
    {
        var leaders = new SortedSet<int> { 0 };
        for (int i = 0; i < program.Length; i++)
        {
            Op op = program[i];
            if (op.Flow == Flow.Branch) leaders.Add(op.Target);
            if (op.Flow is Flow.Branch or Flow.Exit && i + 1 < program.Length) leaders.Add(i + 1);
        }
        _starts = [.. leaders];
        Count = _starts.Length;
        Successors = new int[Count][];
        for (int b = 0; b < Count; b++)
        {
            Op last = program[End(program, b) - 1];
            bool falls = last.Flow is Flow.Next or Flow.Barrier or Flow.Wait || last.Guard >= 0;
            var next = new List<int>();
            if (falls) next.Add(b + 1);
            if (last.Flow == Flow.Branch && !next.Contains(BlockOf(last.Target))) next.Add(BlockOf(last.Target));
            Successors[b] = [.. next];
        }
        Predecessors = [.. Enumerable.Range(0, Count)
            .Select(b => Enumerable.Range(0, Count).Where(p => Successors[p].Contains(b)).ToArray())];
    }

    public int Count { get; }

    public int[][] Successors { get; }

    public int[][] Predecessors { get; }

    public int Start(int block) => _starts[block];

    public int End(Op[] program, int block) => block + 1 < Count ? _starts[block + 1] : program.Length;

    /// <summary>
    /// Gives every guarded branch the start of its block's immediate post-dominator. The last exit of the text counts as the way out; sides
    /// that leave the kernel earlier (<c>if (i &gt;= n) return;</c>) do not take part, so that the others still meet as early as they can.
    /// This choice affects speed and which lanes reach a warp-wide instruction together, never results.
    /// </summary>
    public void SetReconvergence(Op[] program)
    {
        int exit = BlockOf(Array.FindLastIndex(program, op => op.Flow == Flow.Exit));
        int[] order = ReversePostOrder(exit);
        var rank = new int[Count];
        Array.Fill(rank, -1);
        for (int i = 0; i < order.Length; i++) rank[order[i]] = i;

        // Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm, on the reversed graph.
        var dominator = new int[Count];
        Array.Fill(dominator, -1);
        dominator[exit] = exit;
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (int b in order.AsSpan(1))
            {
                int meet = -1;
                foreach (int s in Successors[b])
                {
                    if (dominator[s] < 0) continue;
                    meet = meet < 0 ? s : Intersect(meet, s);
                }
                if (meet == dominator[b]) continue;
                dominator[b] = meet;
                changed = true;
            }
        }
        for (int b = 0; b < Count; b++)
        {
            Op last = program[End(program, b) - 1];
            if (last.Flow == Flow.Branch && last.Guard >= 0 && dominator[b] >= 0 && b != exit) last.Reconverge = Start(dominator[b]);
        }

        int Intersect(int x, int y)
        {
            while (x != y)
            {
                while (rank[x] > rank[y]) x = dominator[x];
                while (rank[y] > rank[x]) y = dominator[y];
            }
            return x;
        }
    }

    private int BlockOf(int instruction)
    {
        int index = Array.BinarySearch(_starts, instruction);
        return index >= 0 ? index : ~index - 1;
    }

    // Of the reversed graph, from the exit; blocks that never reach it are left out.
    private int[] ReversePostOrder(int exit)
    {
        var seen = new bool[Count];
        var post = new List<int>();
        var stack = new Stack<(int Block, int Next)>();
        stack.Push((exit, 0));
        seen[exit] = true;
        while (stack.Count > 0)
        {
            (int block, int next) = stack.Pop();
            if (next == Predecessors[block].Length)
            {
                post.Add(block);
                continue;
            }
            stack.Push((block, next + 1));
            int p = Predecessors[block][next];
            if (seen[p]) continue;
            seen[p] = true;
            stack.Push((p, 0));
        }
        post.Reverse();
        return [.. post];
    }
}
