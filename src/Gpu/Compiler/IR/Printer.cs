using System.Text;

namespace Lia.Gpu.Compiler.IR;

/// <summary>The IR as text, for dumps and tests.</summary>
internal static class Printer
{
    public static string Print(Function function)
    {
        var text = new StringBuilder();
        foreach (Block block in function.Blocks)
        {
            text.Append('B').Append(block.Id).Append(':');
            if (block.Predecessors.Count > 0)
                text.Append("    ; from ").AppendJoin(", ", block.Predecessors.Select(static p => $"B{p.Id}"));
            text.Append('\n');
            foreach (Value phi in block.Phis) Line(text, phi);
            foreach (Value value in block.Body) Line(text, value);
            text.Append("    ").Append(block.Exit switch
            {
                Exit.Branch => $"branch B{block.Then!.Id}",
                Exit.Conditional => $"if {Name(block.Condition!)} branch B{block.Then!.Id} else B{block.Else!.Id}",
                Exit.Refuse => $"refuse {block.Refusal!.Message}",
                Exit.Return => "return",
                _ => "?",
            }).Append('\n');
        }
        return text.ToString();
    }

    private static void Line(StringBuilder text, Value v)
    {
        text.Append("    ");
        if (v.Type != IRType.Void) text.Append(Name(v)).Append(": ").Append(v.Type).Append(" = ");
        text.Append(v.Op);
        if (v.Op == Op.Compare) text.Append('.').Append(v.Comparison);
        if (v.IsMemory || v.Op is Op.Extend or Op.Param) text.Append('.').Append(v.Memory);
        if (v.Op == Op.Ptx) text.Append(' ').Append(v.Call.Name);
        if (v.Space != AddressSpace.None) text.Append('.').Append(v.Space);
        if (v.Data is Slot slot) text.Append(' ').Append(slot.Name);
        if (v.Data is SharedSymbol symbol) text.Append(' ').Append(symbol.Name);
        text.Append(v.Operands.Length > 0 ? " " : "").AppendJoin(", ", v.Operands.Select(Name));
        if (v.Bits != 0) text.Append(" #").Append(v.Bits);
        text.Append('\n');
    }

    private static string Name(Value v) => v.Op switch
    {
        Op.Const when v.Type == IRType.F32 => $"{BitConverter.Int32BitsToSingle((int)v.Bits):R}f",
        Op.Const when v.Type == IRType.F64 => $"{BitConverter.Int64BitsToDouble(v.Bits):R}",
        Op.Const => v.Bits.ToString(),
        Op.Undef => "undef",
        _ => $"v{v.Id}",
    };
}
