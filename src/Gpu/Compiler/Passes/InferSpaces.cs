using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Finds the state space of every access from where its address comes: an allocation, or a kernel parameter. Shared addresses are then
/// computed in 32 bits: the shared window is small, and 32-bit arithmetic is half the registers.
/// </summary>
internal static class InferSpaces
{
    public static void Run(Function function)
    {
        List<Block> order = new Flow(function).Order;
        Dictionary<Value, AddressSpace> spaces = Propagate(order);
        var shared = new Stack<Value>();
        foreach (Block block in order)
        {
            foreach (Value value in block.Body)
            {
                if (value.IsMemory)
                {
                    AddressSpace space = spaces.GetValueOrDefault(value.Operands[0]);
                    // An address that was itself loaded can only have been put there by the host.
                    value.Space = space == AddressSpace.None ? AddressSpace.Global : space;
                    if (space == AddressSpace.Shared) shared.Push(value.Operands[0]);
                }
                else if (value.Op == Op.Ptx)
                {
                    foreach (int i in Ptx.Template.Of(value.Call).Addresses)
                    {
                        if (spaces.GetValueOrDefault(value.Operands[i]) == AddressSpace.Shared) shared.Push(value.Operands[i]);
                    }
                }
            }
        }
        if (shared.Count > 0) new Narrower(function, order, spaces).Run(shared);
    }

    private static Dictionary<Value, AddressSpace> Propagate(List<Block> order)
    {
        var spaces = new Dictionary<Value, AddressSpace>();
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Block block in order)
            {
                foreach (Value value in block.Phis) Visit(value);
                foreach (Value value in block.Body) Visit(value);
            }
        }
        return spaces;

        void Visit(Value value)
        {
            if (value.Type != IRType.I64) return;
            AddressSpace space = value.Op switch
            {
                Op.SlotAddress => AddressSpace.Local,
                Op.SharedAddress => AddressSpace.Shared,
                Op.Param => value.Space,
                // A difference of addresses is a number.
                Op.Sub => spaces.GetValueOrDefault(value.Operands[1]) == AddressSpace.None ? spaces.GetValueOrDefault(value.Operands[0])
                    : AddressSpace.None,
                Op.Add or Op.Phi or Op.Select => value.Operands.Max(o => spaces.GetValueOrDefault(o)),
                _ => AddressSpace.None,
            };
            if (spaces.GetValueOrDefault(value) == space) return;
            if (value.Op is Op.Phi or Op.Select)
            {
                foreach (Value operand in value.Operands)
                {
                    AddressSpace other = spaces.GetValueOrDefault(operand);
                    if (other != AddressSpace.None && other != space)
                        throw new KernelCompilationException(null, -1, null, 0,
                            $"one reference or view is {other} on one way and {space} on another: give each its own variable");
                }
            }
            spaces[value] = space;
            changed = true;
        }
    }

    /// <summary>Makes a 32-bit twin of every value a shared address is computed from.</summary>
    private sealed class Narrower(Function function, List<Block> order, Dictionary<Value, AddressSpace> spaces)
    {
        private readonly Dictionary<Value, Value> _twins = [];
        private readonly HashSet<Value> _wanted = [];
        private readonly Builder _builder = new(function);

        public void Run(Stack<Value> pending)
        {
            while (pending.TryPop(out Value? value))
            {
                if (value.IsConst || !_wanted.Add(value)) continue;
                if (!Follows(value)) continue;
                foreach (Value operand in value.Operands)
                {
                    if (operand.Type == IRType.I64) pending.Push(operand);
                }
            }
            foreach (Block block in order)
            {
                foreach (Value phi in block.Phis.ToArray())
                {
                    if (_wanted.Contains(phi)) _twins.Add(phi, function.NewPhi(block, IRType.I32));
                }
            }
            foreach (Block block in order)
            {
                List<Value> body = block.Body;
                _builder.Block = block;
                block.Body = _builder.Body = new List<Value>(body.Count);
                foreach (Value value in body)
                {
                    block.Body.Add(value);
                    if (_wanted.Contains(value)) _twins.Add(value, Twin(value));
                    if (value.IsMemory && value.Space == AddressSpace.Shared) value.Operands[0] = Narrow(value.Operands[0]);
                    else if (value.Op == Op.Ptx)
                    {
                        foreach (int i in Ptx.Template.Of(value.Call).Addresses)
                        {
                            if (spaces.GetValueOrDefault(value.Operands[i]) == AddressSpace.Shared)
                                value.Operands[i] = Narrow(value.Operands[i]);
                        }
                    }
                }
            }
            foreach ((Value value, Value twin) in _twins)
            {
                if (value.Op == Op.Phi) twin.Operands = Array.ConvertAll(value.Operands, Narrow);
            }
        }

        /// <summary>Operations whose low 32 bits are those of the operation on the low 32 bits of their operands.</summary>
        private static bool Follows(Value value) =>
            value.Op is Op.Add or Op.Sub or Op.Mul or Op.Phi or Op.Select or Op.And or Op.Or or Op.Xor;

        private Value Narrow(Value value) => value.IsConst ? function.Const(IRType.I32, value.Bits)
            : value.Op == Op.Undef ? function.Undef(IRType.I32)
            : _twins[value];

        private Value Twin(Value value)
        {
            switch (value.Op)
            {
                case Op.SharedAddress:
                    Value address = function.NewValue(Op.SharedAddress, IRType.I32, value.Operands);
                    address.Data = value.Data;
                    return _builder.Append(address);
                case Op.SignExtend or Op.ZeroExtend:
                    return value.Operands[0];
                case Op.Select:
                    return _builder.Select(value.Operands[0], Narrow(value.Operands[1]), Narrow(value.Operands[2]));
                default:
                    return Follows(value)
                        ? _builder.Emit(value.Op, Narrow(value.Operands[0]), Narrow(value.Operands[1]))
                        : _builder.Emit(Op.Narrow, IRType.I32, value);
            }
        }
    }
}
