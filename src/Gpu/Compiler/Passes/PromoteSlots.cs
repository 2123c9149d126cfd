using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Local variables, structs and arrays to registers. A slot is split into its parts (each offset and size that is accessed) when every use
/// is a load or store at a constant offset and no two parts overlap; each part then becomes values joined by phis.
/// </summary>
internal static class PromoteSlots
{
    /// <summary>A part of a slot, in a register of one type.</summary>
    private sealed class Variable(int index, MemoryType type)
    {
        public readonly int Index = index;
        public readonly MemoryType Type = type;
        public readonly List<Block> Definitions = [];
        public bool CrossesBlocks;
        public Block? LastDefinition;
    }

    private sealed class Usage
    {
        public bool Escapes;
        public readonly Dictionary<long, (int Size, MemoryType Type)> Parts = [];
    }

    public static bool Run(Function function)
    {
        ResolveLengths(function);
        var flow = new Flow(function);
        Dictionary<Value, (Slot Slot, long Offset)> addresses = [];
        Dictionary<Slot, Usage> usages = [];
        CollectUses(flow, addresses, usages);
        SplitVectors.Split(function, vector => addresses.ContainsKey(vector.Operands[0]), (address, vector, offset) =>
        {
            (Slot slot, long start) = addresses[vector.Operands[0]];
            addresses[address] = (slot, start + offset);
        });

        var variables = new Dictionary<(Slot, long), Variable>();
        foreach ((Slot slot, Usage usage) in usages)
        {
            if (usage.Escapes || usage.Parts.Count == 0 || Overlaps(usage)) continue;
            foreach ((long offset, (_, MemoryType type)) in usage.Parts) variables.Add((slot, offset), new Variable(variables.Count, type));
        }
        if (variables.Count == 0) return false;
        new Renamer(function, flow, addresses, variables).Run();
        return true;
    }

    /// <summary>Gives arrays their size where the length has become a constant.</summary>
    private static void ResolveLengths(Function function)
    {
        foreach (Block block in function.Blocks)
        {
            foreach (Value value in block.Body)
            {
                if (value.Op is not (Op.SlotAddress or Op.SharedAddress) || value.Operands.Length == 0 || !value.Operands[0].IsConst)
                    continue;
                long length = value.Operands[0].Bits;
                if (value.Data is Slot slot) slot.Size = length * slot.ElementSize;
                else if (value.Data is SharedSymbol symbol) symbol.Size = length * symbol.ElementSize;
                value.Operands = [];
            }
        }
    }

    private static void CollectUses(Flow flow, Dictionary<Value, (Slot, long)> addresses, Dictionary<Slot, Usage> usages)
    {
        foreach (Block block in flow.Order)
        {
            foreach (Value value in block.Body)
            {
                switch (value.Op)
                {
                    case Op.SlotAddress:
                        var slot = (Slot)value.Data!;
                        addresses[value] = (slot, 0);
                        if (!usages.ContainsKey(slot)) usages.Add(slot, new Usage());
                        break;
                    case Op.Add when value.Operands[1].IsConst
                        && addresses.TryGetValue(value.Operands[0], out (Slot Slot, long Offset) origin):
                        addresses[value] = (origin.Slot, origin.Offset + value.Operands[1].Bits);
                        break;
                    case Op.Load or Op.LoadVector or Op.Store or Op.StoreVector:
                        if (addresses.TryGetValue(value.Operands[0], out (Slot Slot, long Offset) place))
                        {
                            int width = Math.Max((int)value.Width, 1);
                            for (int i = 0; i < width; i++)
                                Access(usages[place.Slot], place.Offset + i * value.Memory.Size(), value.Memory);
                        }
                        for (int i = 1; i < value.Operands.Length; i++) Escape(value.Operands[i], addresses, usages);
                        break;
                    default:
                        foreach (Value operand in value.Operands) Escape(operand, addresses, usages);
                        break;
                }
            }
        }
        foreach (Block block in flow.Order)
        {
            foreach (Value phi in block.Phis)
            {
                foreach (Value operand in phi.Operands) Escape(operand, addresses, usages);
            }
        }
    }

    private static void Escape(Value operand, Dictionary<Value, (Slot Slot, long Offset)> addresses, Dictionary<Slot, Usage> usages)
    {
        if (addresses.TryGetValue(operand, out (Slot Slot, long Offset) origin)) usages[origin.Slot].Escapes = true;
    }

    private static void Access(Usage usage, long offset, MemoryType type)
    {
        if (!usage.Parts.TryGetValue(offset, out (int Size, MemoryType Type) part)) usage.Parts.Add(offset, (type.Size(), type));
        else if (part.Size != type.Size() || !Convertible(part.Type, type)) usage.Escapes = true;
    }

    private static bool Convertible(MemoryType a, MemoryType b) =>
        a == b || (a.Register(), b.Register()) is (IRType.I32, IRType.I32) or (IRType.I32, IRType.F32) or (IRType.F32, IRType.I32)
            or (IRType.I64, IRType.F64) or (IRType.F64, IRType.I64) or (IRType.H16, IRType.I32) or (IRType.I32, IRType.H16);

    private static bool Overlaps(Usage usage)
    {
        long end = long.MinValue;
        foreach ((long offset, (int size, _)) in usage.Parts.OrderBy(static p => p.Key))
        {
            if (offset < end) return true;
            end = offset + size;
        }
        return false;
    }

    /// <summary>Walks the dominator tree with the current value of every variable.</summary>
    private sealed class Renamer(
        Function function, Flow flow, Dictionary<Value, (Slot Slot, long Offset)> addresses, Dictionary<(Slot, long), Variable> variables)
    {
        private readonly Builder _builder = new(function);
        private readonly Value?[] _current = new Value?[variables.Count];
        private readonly List<(int Variable, Value? Before)> _undo = [];
        private readonly Dictionary<Value, Variable> _phis = [];

        public void Run()
        {
            FindDefinitions();
            PlacePhis();

            var children = new List<Block>[flow.Order.Count];
            for (int i = 0; i < children.Length; i++) children[i] = [];
            foreach (Block block in flow.Order)
            {
                if (flow.Dominator(block) is { } parent) children[parent.Order].Add(block);
            }
            // A block is pushed twice: to enter it, and (with the undo position) to leave it after its children.
            var stack = new Stack<(Block? Block, int Undo)>();
            stack.Push((function.Entry, 0));
            while (stack.TryPop(out (Block? Block, int Undo) step))
            {
                if (step.Block is null)
                {
                    for (; _undo.Count > step.Undo; _undo.RemoveAt(_undo.Count - 1)) _current[_undo[^1].Variable] = _undo[^1].Before;
                    continue;
                }
                stack.Push((null, _undo.Count));
                Rename(step.Block);
                List<Block> dominated = children[step.Block.Order];
                for (int i = dominated.Count - 1; i >= 0; i--) stack.Push((dominated[i], 0));
            }
            function.ApplyForwards();
        }

        private Variable? VariableOf(Value access) =>
            access.IsMemory && addresses.TryGetValue(access.Operands[0], out (Slot Slot, long Offset) place)
                ? variables.GetValueOrDefault((place.Slot, place.Offset))
                : null;

        private void FindDefinitions()
        {
            foreach (Block block in flow.Order)
            {
                foreach (Value value in block.Body)
                {
                    if (VariableOf(value) is not { } variable) continue;
                    if (value.Op == Op.Load) variable.CrossesBlocks |= variable.LastDefinition != block;
                    else if (variable.LastDefinition != block)
                    {
                        variable.LastDefinition = block;
                        variable.Definitions.Add(block);
                    }
                }
            }
        }

        private void PlacePhis()
        {
            List<Block>[] frontiers = flow.Frontiers();
            foreach (Variable variable in variables.Values)
            {
                if (!variable.CrossesBlocks) continue;
                foreach (Block join in Flow.Joins(variable.Definitions, frontiers))
                {
                    Value phi = function.NewPhi(join, variable.Type.Register());
                    phi.Operands = new Value[join.Predecessors.Count];
                    Array.Fill(phi.Operands, phi);
                    _phis.Add(phi, variable);
                }
            }
        }

        private void Set(int variable, Value value)
        {
            _undo.Add((variable, _current[variable]));
            _current[variable] = value;
        }

        private void Rename(Block block)
        {
            foreach (Value phi in block.Phis)
            {
                if (_phis.TryGetValue(phi, out Variable? variable)) Set(variable.Index, phi);
            }
            List<Value> body = block.Body;
            _builder.Block = block;
            block.Body = _builder.Body = new List<Value>(body.Count);
            foreach (Value value in body)
            {
                Function.ResolveOperands(value);
                if (VariableOf(value) is not { } variable)
                {
                    block.Body.Add(value);
                }
                else if (value.Op == Op.Store)
                {
                    Set(variable.Index, Convert(value.Operands[1], variable.Type.Register()));
                }
                else
                {
                    Value current = _current[variable.Index] ?? function.Undef(variable.Type.Register());
                    value.Forward = Read(current, value.Memory);
                }
            }
            if (block.Condition is { Forward: not null } condition) block.Condition = condition.Resolve();
            foreach (Block successor in block.Successors)
            {
                int index = successor.Predecessors.IndexOf(block);
                foreach (Value phi in successor.Phis)
                {
                    if (_phis.TryGetValue(phi, out Variable? variable))
                        phi.Operands[index] = _current[variable.Index] ?? function.Undef(phi.Type);
                }
            }
        }

        /// <summary>What loading the bytes of a register gives.</summary>
        private Value Read(Value current, MemoryType type)
        {
            Value value = Convert(current, type.Register());
            return type is MemoryType.I8 or MemoryType.U8 or MemoryType.I16 or MemoryType.U16 ? _builder.Extend(type, value) : value;
        }

        private Value Convert(Value value, IRType type)
        {
            if (value.Type == type) return value;
            Op op = (value.Type, type) switch
            {
                (IRType.H16, IRType.I32) => Op.HalfToBits,
                (IRType.I32, IRType.H16) => Op.BitsToHalf,
                _ => Op.Bitcast,
            };
            return _builder.Emit(op, type, value);
        }
    }
}
