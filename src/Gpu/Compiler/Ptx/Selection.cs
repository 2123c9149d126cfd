using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Ptx;

/// <summary>
/// Decides which values get a register. An address `base + constant` is written `[base+constant]`, and a scaled index is one widening
/// multiplication, so the additions and extensions in between vanish unless something else needs them.
/// </summary>
internal sealed class Selection
{
    private readonly HashSet<Value> _needed = [];
    private readonly HashSet<Value> _used = [];
    private readonly Dictionary<Value, List<Value>> _results = [];
    private readonly Stack<Value> _pending = new();

    public Selection(Function function)
    {
        foreach (Block block in function.Blocks)
        {
            if (block.Condition is not null) Need(block.Condition);
            foreach (Value value in block.Body)
            {
                if (value.HasSideEffect && _needed.Add(value)) _pending.Push(value);
            }
        }
        while (_pending.TryPop(out Value? value)) NeedOperands(value);
    }

    /// <summary>The results of a multi-result instruction that something uses.</summary>
    public IReadOnlyList<Value> Results(Value value) => _results.TryGetValue(value, out List<Value>? results) ? results : [];

    /// <summary>Whether anything reads the value.</summary>
    public bool IsUsed(Value value) => _used.Contains(value);

    public bool IsNeeded(Value value) => _needed.Contains(value);

    /// <summary>Base and immediate offset of an address.</summary>
    public static (Value Base, long Offset) Split(Value address) =>
        address is { Op: Op.Add } && address.Operands[1].IsConst && address.Operands[1].Bits is >= int.MinValue and <= int.MaxValue
            ? (address.Operands[0], address.Operands[1].Bits)
            : (address, 0);

    /// <summary>For `extend(index) * scale`: the 32-bit index.</summary>
    public static Value? WideIndex(Value product) =>
        product is { Op: Op.Mul, Type: IRType.I64 } && product.Operands[0].Op is Op.SignExtend or Op.ZeroExtend
            && product.Operands[1].IsConst && product.Operands[1].Bits is >= 0 and <= int.MaxValue
            ? product.Operands[0].Operands[0]
            : null;

    private void Need(Value value)
    {
        if (value.Op is Op.Const or Op.Undef) return;
        _used.Add(value);
        if (_needed.Add(value)) _pending.Push(value);
    }

    private void NeedOperands(Value value)
    {
        if (value.Op == Op.Extract)
        {
            if (!_results.TryGetValue(value.Operands[0], out List<Value>? results)) _results.Add(value.Operands[0], results = []);
            results.Add(value);
        }
        if (value.IsMemory)
        {
            Need(Split(value.Operands[0]).Base);
            for (int i = 1; i < value.Operands.Length; i++) Need(value.Operands[i]);
        }
        else if (value.Op == Op.Ptx)
        {
            List<int> addresses = Template.Of(value.Call).Offsettable;
            for (int i = 0; i < value.Operands.Length; i++) Need(addresses.Contains(i) ? Split(value.Operands[i]).Base : value.Operands[i]);
        }
        else if (WideIndex(value) is { } index)
        {
            Need(index);
        }
        else
        {
            foreach (Value operand in value.Operands) Need(operand);
        }
    }
}
