namespace Lia.Gpu.Compiler.IR;

/// <summary>A kernel: its blocks, the first being the entry, and what it allocates.</summary>
internal sealed class Function
{
    private readonly Dictionary<(IRType Type, long Bits), Value> _constants = [];
    private readonly Dictionary<IRType, Value> _undefined = [];
    private int _nextValue;
    private int _nextBlock;

    public List<Block> Blocks = [];
    public readonly List<SharedSymbol> Shared = [];

    public Block Entry => Blocks[0];

    public Value NewValue(Op op, IRType type, params Value[] operands) => new(_nextValue++, op, type, operands);

    public Block NewBlock()
    {
        var block = new Block(_nextBlock++);
        Blocks.Add(block);
        return block;
    }

    public Value Const(IRType type, long bits)
    {
        if (type == IRType.I32) bits = (int)bits;
        if (!_constants.TryGetValue((type, bits), out Value? value))
        {
            value = NewValue(Op.Const, type);
            value.Bits = bits;
            _constants.Add((type, bits), value);
        }
        return value;
    }

    public Value Int(int value) => Const(IRType.I32, value);

    public Value Long(long value) => Const(IRType.I64, value);

    public Value Float(float value) => Const(IRType.F32, BitConverter.SingleToInt32Bits(value));

    public Value Double(double value) => Const(IRType.F64, BitConverter.DoubleToInt64Bits(value));

    public Value True => Const(IRType.Pred, 1);

    public Value False => Const(IRType.Pred, 0);

    public Value Undef(IRType type)
    {
        if (!_undefined.TryGetValue(type, out Value? value)) _undefined.Add(type, value = NewValue(Op.Undef, type));
        return value;
    }

    /// <summary>A copy of an instruction with other operands.</summary>
    public Value Clone(Value source, Value[] operands)
    {
        Value copy = NewValue(source.Op, source.Type, operands);
        copy.Bits = source.Bits;
        copy.Kind = source.Kind;
        copy.Data = source.Data;
        copy.Space = source.Space;
        copy.Width = source.Width;
        copy.NonCoherent = source.NonCoherent;
        copy.NeedsProof = source.NeedsProof;
        return copy;
    }

    public Value NewPhi(Block block, IRType type)
    {
        Value phi = NewValue(Op.Phi, type);
        phi.Block = block;
        block.Phis.Add(phi);
        return phi;
    }

    /// <summary>Puts replacements in the place of replaced values everywhere and drops the replaced.</summary>
    public void ApplyForwards()
    {
        foreach (Block block in Blocks)
        {
            block.Phis.RemoveAll(static v => v.Forward is not null);
            block.Body.RemoveAll(static v => v.Forward is not null);
            foreach (Value value in block.Phis) ResolveOperands(value);
            foreach (Value value in block.Body) ResolveOperands(value);
            if (block.Condition is { Forward: not null } condition) block.Condition = condition.Resolve();
        }
    }

    public static void ResolveOperands(Value value)
    {
        Value[] operands = value.Operands;
        for (int i = 0; i < operands.Length; i++)
        {
            if (operands[i].Forward is not null) operands[i] = operands[i].Resolve();
        }
    }

    public int InstructionCount
    {
        get
        {
            int count = 0;
            foreach (Block block in Blocks) count += block.Phis.Count + block.Body.Count;
            return count;
        }
    }
}
