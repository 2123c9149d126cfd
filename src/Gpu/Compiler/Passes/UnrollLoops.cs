using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Replaces a loop whose number of iterations is a constant by that many copies of its body. The number is found by executing the loop's
/// exit condition, so any start, step and comparison will do. Values that live on behind the loop pass through slots, which promotion then
/// removes.
/// </summary>
internal static class UnrollLoops
{
    // Loops that index a local array are unrolled at almost any size: otherwise the array would live in memory. Others up to what the
    // instruction cache takes gladly.
    private const int MostIterations = 1024;
    private const int MostInstructions = 4096;
    private const int MostArrayInstructions = 100_000;

    /// <summary>Unrolls every loop it can, innermost first; false when there was none.</summary>
    public static bool Run(Function function)
    {
        bool any = false;
        var flow = new Flow(function);
        var done = new HashSet<Loop>();
        // A loop around an unrolled one waits for the next round, when its body has been simplified.
        for (int i = flow.Loops.Count - 1; i >= 0; i--)
        {
            Loop loop = flow.Loops[i];
            if (loop.Header.NoUnroll || loop.Latches.Count != 1 || done.Any(inner => loop.Blocks.Contains(inner.Header))) continue;
            if (TripCount(function, flow, loop) is not { } trips) continue;
            int size = loop.Blocks.Sum(static b => b.Body.Count);
            bool indexesArray = IndexesArray(loop);
            // The bound counts what is left when constants are folded, which is about half of what a small body holds.
            if ((long)trips * size > (indexesArray ? MostArrayInstructions : MostInstructions)) continue;
            Unroll(function, loop, trips);
            done.Add(loop);
            any = true;
        }
        if (any) Simplify.RemoveUnreachable(function);
        return any;
    }

    private static bool IndexesArray(Loop loop)
    {
        foreach (Block block in loop.Blocks)
        {
            foreach (Value value in block.Body)
            {
                if (value.IsMemory && Root(value.Operands[0]) is { Op: Op.SlotAddress }) return true;
                if (value.Op == Op.Ptx && value.Operands.Any(static o => o.Type == IRType.I64 && Root(o).Op == Op.SlotAddress)) return true;
            }
        }
        return false;
    }

    private static Value Root(Value address)
    {
        while (address.Op == Op.Add)
            address = address.Operands[0].Op is Op.Mul or Op.SignExtend ? address.Operands[1] : address.Operands[0];
        return address;
    }

    /// <summary>
    /// How often the latch branches back, found by running the first exit condition that depends on constants and the loop alone.
    /// </summary>
    private static int? TripCount(Function function, Flow flow, Loop loop)
    {
        foreach (Block block in loop.Blocks.OrderBy(static b => b.Order))
        {
            if (block.Exit != Exit.Conditional || !flow.Dominates(block, loop.Latches[0])) continue;
            bool staysOnThen = loop.Blocks.Contains(block.Then!);
            if (staysOnThen == loop.Blocks.Contains(block.Else!)) continue;
            if (Execute(function, loop, block, staysOnThen) is { } trips) return trips;
        }
        return null;
    }

    private static int? Execute(Function function, Loop loop, Block exiting, bool staysOnThen)
    {
        Block header = loop.Header;
        int latch = header.Predecessors.IndexOf(loop.Latches[0]);
        int entry = 1 - latch;
        if (header.Predecessors.Count != 2) return null;

        // The phis that the condition depends on, and their values now.
        var state = new Dictionary<Value, Value>();
        var needed = new Stack<Value>([exiting.Condition!]);
        var seen = new HashSet<Value>();
        while (needed.TryPop(out Value? value))
        {
            if (value.IsConst || !seen.Add(value)) continue;
            if (seen.Count > 64) return null;
            if (value.Op == Op.Phi && value.Block == header)
            {
                if (!value.Operands[entry].IsConst) return null;
                state.Add(value, value.Operands[entry]);
                needed.Push(value.Operands[latch]);
            }
            else if (value.Block is null || !loop.Blocks.Contains(value.Block) || !value.IsPure || value.Op is Op.Ptx or Op.Phi)
            {
                return null;
            }
            else
            {
                foreach (Value operand in value.Operands) needed.Push(operand);
            }
        }
        if (state.Count == 0) return null;

        for (int trips = 0; trips <= MostIterations; trips++)
        {
            var memo = new Dictionary<Value, Value>(state);
            if (Evaluate(function, exiting.Condition!, memo) is not { } decision) return null;
            if (decision.Bits != 0 != staysOnThen) return trips;
            var next = new Dictionary<Value, Value>();
            foreach (Value phi in state.Keys)
            {
                if (Evaluate(function, phi.Operands[latch], memo) is not { } value) return null;
                next.Add(phi, value);
            }
            state = next;
        }
        return null;
    }

    private static Value? Evaluate(Function function, Value value, Dictionary<Value, Value> memo)
    {
        if (value.IsConst) return value;
        if (memo.TryGetValue(value, out Value? known)) return known;
        var operands = new Value[value.Operands.Length];
        for (int i = 0; i < operands.Length; i++)
        {
            if (Evaluate(function, value.Operands[i], memo) is not { } operand) return null;
            operands[i] = operand;
        }
        if (Folding.Evaluate(value.Op, value.Type, value.Kind, operands) is not { } bits) return null;
        Value result = function.Const(value.Type, bits);
        memo.Add(value, result);
        return result;
    }

    private static void Unroll(Function function, Loop loop, int trips)
    {
        SpillLiveOut(function, loop);
        List<Block> body = [.. loop.Blocks.OrderBy(static b => b.Order)];
        Block header = loop.Header, latch = loop.Latches[0];
        int latchIndex = header.Predecessors.IndexOf(latch);
        Block entering = header.Predecessors[1 - latchIndex];
        var incoming = new Dictionary<Value, Value>();
        foreach (Value phi in header.Phis) incoming.Add(phi, phi.Operands[1 - latchIndex]);

        // The copy after the last full iteration leaves at the exit; its way back is never taken.
        Block unreachable = function.NewBlock();
        unreachable.Exit = Exit.Return;
        var first = function.NewBlock();
        Block start = first;
        for (int iteration = 0; iteration <= trips; iteration++)
        {
            Block next = iteration == trips ? unreachable : function.NewBlock();
            incoming = new Copier(function, loop, body).Copy(start, next, incoming, latchIndex);
            start = next;
        }
        header.RemovePredecessor(entering);
        entering.Redirect(header, first);
        first.Predecessors.Add(entering);
    }

    /// <summary>Values of the loop that are used behind it go through a slot: each copy of the loop then stores its own.</summary>
    private static void SpillLiveOut(Function function, Loop loop)
    {
        var slots = new Dictionary<Value, Value>();
        var builder = new Builder(function);
        Value Reload(Value operand)
        {
            if (!slots.TryGetValue(operand, out Value? address))
            {
                address = function.NewValue(Op.SlotAddress, IRType.I64);
                address.Data = new Slot("live") { Size = 8 };
                address.Space = AddressSpace.Local;
                address.Block = function.Entry;
                function.Entry.Body.Insert(0, address);
                slots.Add(operand, address);
            }
            return builder.Load(operand.Type.Whole(), address);
        }

        bool IsInside(Value operand) => operand.Block is not null && loop.Blocks.Contains(operand.Block);
        // Blocks are listed at first: reloads add none.
        foreach (Block block in function.Blocks)
        {
            if (loop.Blocks.Contains(block)) continue;
            foreach (Value phi in block.Phis)
            {
                for (int i = 0; i < phi.Operands.Length; i++)
                {
                    Block from = block.Predecessors[i];
                    if (!IsInside(phi.Operands[i]) || loop.Blocks.Contains(from)) continue;
                    builder.At(from);
                    phi.Operands[i] = Reload(phi.Operands[i]);
                }
            }
            bool uses = (block.Condition is not null && IsInside(block.Condition)) || block.Body.Exists(v => v.Operands.Any(IsInside));
            if (!uses) continue;
            List<Value> body = block.Body;
            builder.Block = block;
            block.Body = builder.Body = new List<Value>(body.Count + 4);
            var reloaded = new Dictionary<Value, Value>();
            Value Use(Value operand)
            {
                if (!IsInside(operand)) return operand;
                if (!reloaded.TryGetValue(operand, out Value? value)) reloaded.Add(operand, value = Reload(operand));
                return value;
            }

            foreach (Value value in body)
            {
                for (int i = 0; i < value.Operands.Length; i++) value.Operands[i] = Use(value.Operands[i]);
                block.Body.Add(value);
            }
            if (block.Condition is not null) block.Condition = Use(block.Condition);
        }
        foreach ((Value value, Value address) in slots)
        {
            Value store = function.NewValue(Op.Store, IRType.Void, address, value);
            store.Kind = (byte)value.Type.Whole();
            store.Block = value.Block;
            List<Value> body = value.Block!.Body;
            int at = value.Op == Op.Phi ? 0 : body.IndexOf(value) + 1;
            // Results of one instruction stay behind it.
            while (at < body.Count && body[at].Op == Op.Extract) at++;
            body.Insert(at, store);
        }
    }

    /// <summary>Copies a loop's body once, folding as it goes: what a constant condition excludes is not copied.</summary>
    private sealed class Copier(Function function, Loop loop, List<Block> body)
    {
        private readonly Builder _builder = new(function);
        private readonly Dictionary<Value, Value> _values = [];
        private readonly Dictionary<Block, Block> _blocks = [];
        private readonly Dictionary<Block, Block> _originals = [];

        private Value Map(Value value) => _values.GetValueOrDefault(value, value);

        /// <summary>
        /// Copies from <paramref name="start"/> on, back edges going to <paramref name="next"/>; returns the header phis' values there.
        /// </summary>
        public Dictionary<Value, Value> Copy(Block start, Block next, Dictionary<Value, Value> incoming, int latchIndex)
        {
            foreach ((Value phi, Value value) in incoming) _values.Add(phi, value);
            _blocks.Add(loop.Header, start);
            _originals.Add(start, loop.Header);
            var phis = new List<(Value Copy, Value Original)>();
            foreach (Block block in body)
            {
                if (!_blocks.TryGetValue(block, out Block? copy)) continue;
                copy.NoUnroll = block.NoUnroll && block != loop.Header;
                if (block != loop.Header)
                {
                    foreach (Value phi in block.Phis)
                    {
                        Value twin = function.NewPhi(copy, phi.Type);
                        _values.Add(phi, twin);
                        phis.Add((twin, phi));
                    }
                }
                _builder.At(copy);
                foreach (Value value in block.Body) CopyValue(value);
                CopyExit(block, copy, next);
            }
            foreach ((Value twin, Value original) in phis)
            {
                twin.Operands =
                    [.. twin.Block!.Predecessors.Select(p => Map(original.Operands[original.Block!.Predecessors.IndexOf(_originals[p])]))];
            }
            return loop.Header.Phis.ToDictionary(static phi => phi, phi => Map(phi.Operands[latchIndex]));
        }

        private void CopyValue(Value value)
        {
            Value[] operands = value.Operands.Length == 0 ? [] : Array.ConvertAll(value.Operands, Map);
            if (value.IsPure && value.Op is not (Op.Ptx or Op.Param or Op.SlotAddress or Op.SharedAddress))
            {
                if (Folding.TryFold(_builder, value.Op, value.Type, value.Kind, operands) is { } folded)
                {
                    _values[value] = folded;
                    return;
                }
            }
            _values[value] = _builder.Append(function.Clone(value, operands));
        }

        private void CopyExit(Block block, Block copy, Block next)
        {
            copy.Refusal = block.Refusal;
            switch (block.Exit)
            {
                case Exit.Branch:
                    copy.Branch(Target(block, block.Then!, copy, next));
                    break;
                case Exit.Conditional:
                    Value condition = Map(block.Condition!);
                    if (condition.IsConst)
                    {
                        copy.Branch(Target(block, condition.Bits != 0 ? block.Then! : block.Else!, copy, next));
                        break;
                    }
                    Block then = Target(block, block.Then!, copy, next), otherwise = Target(block, block.Else!, copy, next);
                    copy.BranchIf(condition, then, otherwise);
                    break;
                default:
                    copy.Exit = block.Exit;
                    break;
            }
        }

        private Block Target(Block from, Block to, Block copy, Block next)
        {
            if (to == loop.Header) return next;
            if (!loop.Blocks.Contains(to))
            {
                // Another way into the exit, with the copies of the values the original brought.
                foreach (Value phi in to.Phis) phi.Operands = [.. phi.Operands, Map(phi.Operands[to.Predecessors.IndexOf(from)])];
                return to;
            }
            if (!_blocks.TryGetValue(to, out Block? target))
            {
                target = function.NewBlock();
                _blocks.Add(to, target);
                _originals.Add(target, to);
            }
            return target;
        }
    }
}
