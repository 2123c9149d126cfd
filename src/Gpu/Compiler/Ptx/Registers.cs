using System.Text;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Ptx;

/// <summary>Virtual registers, numbered per class in the order of their first use; values that were coalesced share one.</summary>
internal sealed class Registers(Coalescing coalescing)
{
    private static readonly (IRType Type, string Declaration, string Prefix)[] s_classes =
    [
        (IRType.Pred, ".pred", "%p"), (IRType.H16, ".b16", "%h"), (IRType.I32, ".b32", "%r"),
        (IRType.I64, ".b64", "%rd"), (IRType.F32, ".f32", "%f"), (IRType.F64, ".f64", "%fd"),
    ];

    private readonly int[] _counts = new int[s_classes.Length];
    private readonly Dictionary<Value, string> _names = [];

    public string Of(Value value)
    {
        value = coalescing.Representative(value);
        if (!_names.TryGetValue(value, out string? name)) _names.Add(value, name = New(value.Type));
        return name;
    }

    public string New(IRType type)
    {
        int index = Array.FindIndex(s_classes, c => c.Type == type);
        return s_classes[index].Prefix + ++_counts[index];
    }

    public void Declare(StringBuilder text)
    {
        for (int i = 0; i < s_classes.Length; i++)
        {
            if (_counts[i] > 0) text.Append($"    .reg {s_classes[i].Declaration} {s_classes[i].Prefix}<{_counts[i] + 1}>;\n");
        }
    }
}
