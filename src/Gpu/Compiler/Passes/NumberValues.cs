using System.Runtime.CompilerServices;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Common subexpressions: a pure operation that a dominating block has already computed is not computed again. Loads are merged within a
/// block, as long as nothing in between writes memory that could be theirs.
/// </summary>
internal static class NumberValues
{
    public static void Run(Function function)
    {
        var flow = new Flow(function);
        var known = new Dictionary<Value, Value>(Same.Instance);
        var scope = new List<Value>();
        var children = new List<Block>[flow.Order.Count];
        for (int i = 0; i < children.Length; i++) children[i] = [];
        foreach (Block block in flow.Order)
        {
            if (flow.Dominator(block) is { } parent) children[parent.Order].Add(block);
        }
        var stack = new Stack<(Block? Block, int Scope)>();
        stack.Push((function.Entry, 0));
        while (stack.TryPop(out (Block? Block, int Scope) step))
        {
            if (step.Block is null)
            {
                for (; scope.Count > step.Scope; scope.RemoveAt(scope.Count - 1)) known.Remove(scope[^1]);
                continue;
            }
            stack.Push((null, scope.Count));
            Number(step.Block, known, scope);
            List<Block> dominated = children[step.Block.Order];
            for (int i = dominated.Count - 1; i >= 0; i--) stack.Push((dominated[i], 0));
        }
        function.ApplyForwards();
    }

    private static void Number(Block block, Dictionary<Value, Value> known, List<Value> scope)
    {
        var loads = new Dictionary<Value, Value>(Same.Instance);
        var results = new Dictionary<(Value, long), Value>();
        foreach (Value value in block.Body)
        {
            Function.ResolveOperands(value);
            if (value.Op == Op.Extract)
            {
                if (!results.TryAdd((value.Operands[0], value.Bits), value)) value.Forward = results[(value.Operands[0], value.Bits)];
            }
            else if (value.Op is Op.Load or Op.LoadVector)
            {
                if (!loads.TryAdd(value, value)) value.Forward = loads[value];
            }
            else if (value.Op is Op.Store or Op.StoreVector)
            {
                foreach (Value load in loads.Keys.ToArray())
                {
                    if (load.Space == value.Space && !load.NonCoherent) loads.Remove(load);
                }
            }
            else if (value.HasSideEffect)
            {
                loads.Clear();
            }
            else if (value.IsPure)
            {
                if (known.TryGetValue(value, out Value? earlier)) value.Forward = earlier;
                else
                {
                    known.Add(value, value);
                    scope.Add(value);
                }
            }
        }
    }

    /// <summary>Equal operation, equal operands.</summary>
    private sealed class Same : IEqualityComparer<Value>
    {
        public static readonly Same Instance = new();

        public bool Equals(Value? a, Value? b)
        {
            if (a!.Op != b!.Op || a.Type != b.Type || a.Kind != b.Kind || a.Bits != b.Bits || a.Width != b.Width || a.Space != b.Space
                || a.NonCoherent != b.NonCoherent || Key(a) != Key(b) || a.Operands.Length != b.Operands.Length)
            {
                return false;
            }
            for (int i = 0; i < a.Operands.Length; i++)
            {
                if (a.Operands[i] != b.Operands[i]) return false;
            }
            return true;
        }

        public int GetHashCode(Value value)
        {
            var hash = new HashCode();
            hash.Add((int)value.Op | ((int)value.Type << 8) | (value.Kind << 16));
            hash.Add(value.Bits);
            hash.Add(RuntimeHelpers.GetHashCode(Key(value)));
            foreach (Value operand in value.Operands) hash.Add(operand.Id);
            return hash.ToHashCode();
        }

        private static object? Key(Value value) => value.Data is PtxCall call ? call.Intrinsic : value.Data;
    }
}
