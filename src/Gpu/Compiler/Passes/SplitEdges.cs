using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Gives the moves that feed phis a place: an edge from a block with two ways out to a block with phis gets a block of its own. Also
/// drops what the last passes left unused.
/// </summary>
internal static class SplitEdges
{
    public static void Run(Function function)
    {
        Simplify.RemoveDead(function);
        foreach (Block block in function.Blocks.ToArray())
        {
            if (block.Exit != Exit.Conditional) continue;
            if (block.Then!.Phis.Count > 0) Edges.Gather(function, block.Then, [block]);
            if (block.Else!.Phis.Count > 0) Edges.Gather(function, block.Else, [block]);
        }
    }
}
