namespace Lia.Gpu.Compiler.IR;

/// <summary>Blocks on edges: preheaders, single latches, and places for what one edge alone needs.</summary>
internal static class Edges
{
    /// <summary>Makes sure that every loop has one latch, and one way in.</summary>
    public static void NormalizeLoops(Function function)
    {
        foreach (Loop loop in new Flow(function).Loops)
        {
            Block? latch = loop.Latches.Count > 1 ? Gather(function, loop.Header, loop.Latches) : null;
            List<Block> entries = [.. loop.Header.Predecessors.Where(p => p != latch && !loop.Blocks.Contains(p))];
            if (entries.Count > 1 || entries[0].Exit != Exit.Branch) Gather(function, loop.Header, entries);
        }
    }

    /// <summary>Puts a new block between some predecessors of a block and the block.</summary>
    public static Block Gather(Function function, Block target, List<Block> predecessors)
    {
        Block between = function.NewBlock();
        foreach (Value phi in target.Phis)
        {
            Value merged;
            if (predecessors.Count == 1) merged = phi.Operands[target.Predecessors.IndexOf(predecessors[0])];
            else
            {
                merged = function.NewPhi(between, phi.Type);
                merged.Operands = [.. predecessors.Select(p => phi.Operands[target.Predecessors.IndexOf(p)])];
            }
            phi.Operands = [.. phi.Operands.Where((_, i) => !predecessors.Contains(target.Predecessors[i])), merged];
        }
        target.Predecessors.RemoveAll(predecessors.Contains);
        foreach (Block predecessor in predecessors)
        {
            predecessor.Redirect(target, between);
            between.Predecessors.Add(predecessor);
        }
        between.Branch(target);
        return between;
    }
}
