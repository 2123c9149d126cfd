namespace Lia.Gpu.Compiler.IR;

/// <summary>Appends instructions to a list, simplifying each as it is made: constants fold, identities vanish.</summary>
internal sealed class Builder(Function function)
{
    public readonly Function Function = function;
    public Block Block = null!;
    public List<Value> Body = null!;

    public void At(Block block)
    {
        Block = block;
        Body = block.Body;
    }

    public Value Emit(Op op, IRType type, Value a) => Simplified(op, type, 0, 0, [a]);

    public Value Emit(Op op, IRType type, Value a, Value b) => Simplified(op, type, 0, 0, [a, b]);

    public Value Emit(Op op, Value a, Value b) => Simplified(op, a.Type, 0, 0, [a, b]);

    public Value Compare(Comparison comparison, Value a, Value b) => Simplified(Op.Compare, IRType.Pred, (byte)comparison, 0, [a, b]);

    public Value Select(Value condition, Value a, Value b) => Simplified(Op.Select, a.Type, 0, 0, [condition, a, b]);

    public Value Extend(MemoryType from, Value a) => Simplified(Op.Extend, IRType.I32, (byte)from, 0, [a]);

    public Value IndexExtend(Value a) => Simplified(Op.SignExtend, IRType.I64, 1, 0, [a]);

    /// <summary>A value equal to `op(operands)`: an existing one, a constant, or a new instruction at the end of the body.</summary>
    public Value Simplified(Op op, IRType type, byte kind, long bits, Value[] operands)
    {
        Value? folded = Folding.TryFold(this, op, type, kind, operands);
        if (folded is not null) return folded;
        Value value = Function.NewValue(op, type, operands);
        value.Kind = kind;
        value.Bits = bits;
        return Append(value);
    }

    public Value Append(Value value)
    {
        value.Block = Block;
        Body.Add(value);
        return value;
    }

    public Value Load(MemoryType memory, Value address, long offset = 0)
    {
        Value value = Function.NewValue(Op.Load, memory.Register(), address);
        value.Kind = (byte)memory;
        value.Bits = offset;
        return Append(value);
    }

    public Value Store(MemoryType memory, Value address, Value data, long offset = 0)
    {
        Value value = Function.NewValue(Op.Store, IRType.Void, address, data);
        value.Kind = (byte)memory;
        value.Bits = offset;
        return Append(value);
    }

    public Value Extract(Value source, int index, IRType type)
    {
        Value value = Function.NewValue(Op.Extract, type, source);
        value.Bits = index;
        return Append(value);
    }
}
