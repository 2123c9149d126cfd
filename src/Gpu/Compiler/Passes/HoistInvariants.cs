using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Moves pure operations whose operands do not change in a loop in front of it. Predicates stay: there are few registers for them.
/// </summary>
internal static class HoistInvariants
{
    public static void Run(Function function)
    {
        Edges.NormalizeLoops(function);
        var flow = new Flow(function);
        if (flow.Loops.Count == 0) return;
        foreach (Block block in flow.Order)
        {
            if (flow.LoopOf(block) is not { } innermost) continue;
            var kept = new List<Value>(block.Body.Count);
            foreach (Value value in block.Body)
            {
                Block? target = null;
                if (value.IsPure && value.Type != IRType.Pred && value.Op != Op.SlotAddress)
                {
                    for (Loop? loop = innermost; loop is not null && IsInvariant(value, loop); loop = loop.Parent) target = Preheader(loop);
                }
                if (target is null)
                {
                    kept.Add(value);
                    continue;
                }
                value.Block = target;
                target.Body.Add(value);
            }
            block.Body = kept;
        }
    }

    private static bool IsInvariant(Value value, Loop loop) =>
        Array.TrueForAll(value.Operands, o => o.Block is null || !loop.Blocks.Contains(o.Block));

    private static Block Preheader(Loop loop) => loop.Header.Predecessors.Find(p => !loop.Blocks.Contains(p))!;
}
