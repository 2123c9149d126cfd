using System.Numerics;
using System.Text;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Ptx;

/// <content>An instruction for each kind of value.</content>
internal sealed partial class PtxEmitter
{
    private void EmitValue(Value v)
    {
        switch (v.Op)
        {
            case Op.Extract:
                return;
            case Op.Ptx:
                EmitTemplate(v);
                return;
            case Op.Load:
                Line($"ld.{Space(v)}{(v.NonCoherent ? ".nc" : "")}.{MemoryName(v.Memory)} {_registers.Of(v)}, {Address(v)};");
                return;
            case Op.Store:
                Line($"st.{Space(v)}.{MemoryName(v.Memory)} {Address(v)}, {Stored(v.Operands[1])};");
                return;
            case Op.LoadVector:
                Line($"ld.{Space(v)}{(v.NonCoherent ? ".nc" : "")}.v{v.Width}.{MemoryName(v.Memory)} " +
                    $"{{{string.Join(", ", Results(v, v.Width, v.Memory.Register()))}}}, {Address(v)};");
                return;
            case Op.StoreVector:
                Line($"st.{Space(v)}.v{v.Width}.{MemoryName(v.Memory)} {Address(v)}, " +
                    $"{{{string.Join(", ", v.Operands.Skip(1).Select(Register))}}};");
                return;
            case Op.Param:
                var parameter = (KernelParameter)v.Data!;
                string place = ParameterName(_parameters.IndexOf(parameter));
                Line($"ld.param.{MemoryName(v.Memory)} {_registers.Of(v)}, [{place}{(v.Bits > 0 ? $"+{v.Bits}" : "")}];");
                return;
            default:
                string instruction = Instruction(v);
                Line($"{instruction};");
                return;
        }
    }

    private string Instruction(Value v)
    {
        string d = _registers.Of(v);
        string A(int i = 0) => Operand(v.Operands[i]);
        string t = Letter(v.Type);
        string bits = $"b{t[1..]}";
        string unsigned = $"u{t[1..]}";
        bool isFloat = v.Type.IsFloat();
        string rounded = isFloat ? $"rn.{t}" : t;
        switch (v.Op)
        {
            case Op.Add: return $"add.{rounded} {d}, {A()}, {A(1)}";
            case Op.Sub: return $"sub.{rounded} {d}, {A()}, {A(1)}";
            case Op.Mul when isFloat: return $"mul.{rounded} {d}, {A()}, {A(1)}";
            case Op.Mul: return Multiply(v, d);
            case Op.Div: return $"div.{rounded} {d}, {A()}, {A(1)}";
            case Op.DivU: return $"div.{unsigned} {d}, {Unsigned(v, 0)}, {Unsigned(v, 1)}";
            case Op.Rem: return $"rem.{t} {d}, {A()}, {A(1)}";
            case Op.RemU: return $"rem.{unsigned} {d}, {Unsigned(v, 0)}, {Unsigned(v, 1)}";
            case Op.MulHi: return $"mul.hi.{t} {d}, {A()}, {A(1)}";
            case Op.MulHiU: return $"mul.hi.{unsigned} {d}, {Unsigned(v, 0)}, {Unsigned(v, 1)}";
            case Op.And or Op.Or or Op.Xor:
                return $"{v.Op.ToString().ToLowerInvariant()}.{(v.Type == IRType.Pred ? "pred" : bits)} {d}, {A()}, {A(1)}";
            case Op.Not: return $"not.{(v.Type == IRType.Pred ? "pred" : bits)} {d}, {A()}";
            case Op.Shl: return $"shl.{bits} {d}, {A()}, {A(1)}";
            case Op.Shr: return $"shr.{t} {d}, {A()}, {A(1)}";
            case Op.ShrU: return $"shr.{unsigned} {d}, {A()}, {A(1)}";
            case Op.Min: return $"min.{t} {d}, {A()}, {A(1)}";
            case Op.Max: return $"max.{t} {d}, {A()}, {A(1)}";
            case Op.MinU: return $"min.{unsigned} {d}, {Unsigned(v, 0)}, {Unsigned(v, 1)}";
            case Op.MaxU: return $"max.{unsigned} {d}, {Unsigned(v, 0)}, {Unsigned(v, 1)}";
            // PTX names the sign first.
            case Op.CopySign: return $"copysign.{t} {d}, {A(1)}, {A()}";
            case Op.Neg: return $"neg.{t} {d}, {A()}";
            case Op.Abs: return $"abs.{t} {d}, {A()}";
            case Op.Sqrt: return $"sqrt.rn.{t} {d}, {A()}";
            case Op.Floor: return $"cvt.rmi.{t}.{t} {d}, {A()}";
            case Op.Ceiling: return $"cvt.rpi.{t}.{t} {d}, {A()}";
            case Op.Round: return $"cvt.rni.{t}.{t} {d}, {A()}";
            case Op.Truncate: return $"cvt.rzi.{t}.{t} {d}, {A()}";
            case Op.PopCount: return $"popc.b{Letter(v.Operands[0].Type)[1..]} {d}, {A()}";
            case Op.LeadingZeros: return $"clz.b{Letter(v.Operands[0].Type)[1..]} {d}, {A()}";
            case Op.ReverseBits: return $"brev.{bits} {d}, {A()}";
            case Op.Compare: return Compare(v, d);
            case Op.Select: return $"selp.{(isFloat ? t : bits)} {d}, {SelectOperand(v.Operands[1])}, " +
                $"{SelectOperand(v.Operands[2])}, {A()}";
            case Op.Extend: return v.Memory switch
            {
                MemoryType.U8 => $"and.b32 {d}, {A()}, 255",
                MemoryType.U16 => $"and.b32 {d}, {A()}, 65535",
                MemoryType.I8 => $"cvt.s32.s8 {d}, {A()}",
                _ => $"cvt.s32.s16 {d}, {A()}",
            };
            case Op.SignExtend: return $"cvt.s64.s32 {d}, {A()}";
            case Op.ZeroExtend: return $"cvt.u64.u32 {d}, {A()}";
            case Op.Narrow: return $"cvt.u32.u64 {d}, {A()}";
            case Op.BoolToInt: return $"selp.b32 {d}, 1, 0, {A()}";
            case Op.ToFloat: return $"cvt.rn.{t}.{Letter(v.Operands[0].Type)} {d}, {A()}";
            case Op.ToFloatU: return $"cvt.rn.{t}.u{Letter(v.Operands[0].Type)[1..]} {d}, {A()}";
            case Op.ToInt: return $"cvt.rzi.{t}.{Letter(v.Operands[0].Type)} {d}, {A()}";
            case Op.ToIntU: return $"cvt.rzi.{unsigned}.{Letter(v.Operands[0].Type)} {d}, {A()}";
            case Op.FloatToFloat: return v.Type == IRType.F32 ? $"cvt.rn.f32.f64 {d}, {A()}" : $"cvt.f64.f32 {d}, {A()}";
            case Op.Bitcast: return $"mov.b{t[1..]} {d}, {Register(v.Operands[0])}";
            case Op.BitsToHalf: return $"cvt.u16.u32 {d}, {A()}";
            case Op.HalfToBits: return $"cvt.u32.u16 {d}, {A()}";
            case Op.SlotAddress: return $"mov.b64 {d}, {Local(v)}";
            case Op.SharedAddress: return SharedAddress(v, d);
            case Op.Shuffle: return $"shfl.sync.{v.Kind switch { 0 => "idx", 1 => "up", 2 => "down", _ => "bfly" }}.b32 {d}, " +
                $"{Register(v.Operands[0])}, {A(1)}, {((ShuffleKind)v.Kind == ShuffleKind.Up ? 0 : 31)}, 0xffffffff";
            default: throw new InvalidOperationException($"no instruction for {v.Op}");
        }
    }

    private string Multiply(Value v, string d)
    {
        if (Selection.WideIndex(v) is { } index && !index.IsConst)
            return $"mul.wide.{(v.Operands[0].Op == Op.SignExtend ? "s" : "u")}32 {d}, {Operand(index)}, {v.Operands[1].Bits}";
        string width = v.Type == IRType.I32 ? "32" : "64";
        long factor = v.Operands[1].IsConst ? v.Operands[1].Bits : 0;
        return factor > 0 && BitOperations.IsPow2(factor)
            ? $"shl.b{width} {d}, {Operand(v.Operands[0])}, {BitOperations.TrailingZeroCount(factor)}"
            : $"mul.lo.s{width} {d}, {Operand(v.Operands[0])}, {Operand(v.Operands[1])}";
    }

    private string Compare(Value v, string d)
    {
        IRType type = v.Operands[0].Type;
        string letter = Letter(type);
        bool isUnsigned = v.Comparison >= Comparison.LtU;
        if (type.IsFloat())
        {
            string ordered = v.Comparison == Comparison.Ne ? "neu" : v.Comparison.ToString().ToLowerInvariant();
            return $"setp.{ordered}.{letter} {d}, {Operand(v.Operands[0])}, {Operand(v.Operands[1])}";
        }
        string name = v.Comparison.ToString().ToLowerInvariant()[..2];
        return isUnsigned
            ? $"setp.{name}.u{letter[1..]} {d}, {Unsigned(v, 0)}, {Unsigned(v, 1)}"
            : $"setp.{name}.{letter} {d}, {Operand(v.Operands[0])}, {Operand(v.Operands[1])}";
    }

    private static string Letter(IRType type) => type switch
    {
        IRType.H16 => "b16",
        IRType.I32 => "s32",
        IRType.I64 => "s64",
        IRType.F32 => "f32",
        IRType.F64 => "f64",
        _ => "pred",
    };

    private static string MemoryName(MemoryType type) => type switch
    {
        MemoryType.I8 => "s8",
        MemoryType.U8 => "u8",
        MemoryType.I16 => "s16",
        MemoryType.U16 => "u16",
        MemoryType.H16 => "b16",
        MemoryType.I32 => "b32",
        MemoryType.I64 => "b64",
        MemoryType.F32 => "f32",
        MemoryType.F64 => "f64",
        _ => throw new InvalidOperationException("a predicate in memory"),
    };

    private static string Space(Value access) => access.Space switch
    {
        AddressSpace.Shared => "shared",
        AddressSpace.Local => "local",
        _ => "global",
    };

    private string Address(Value access)
    {
        (Value origin, long offset) = Selection.Split(access.Operands[0]);
        return Bracket(origin, offset + access.Bits);
    }

    private string Bracket(Value origin, long offset) => $"[{BaseAndOffset(origin, offset)}]";

    // The assembler wants the plus of a negative offset as well.
    private string BaseAndOffset(Value origin, long offset) => offset == 0 ? Register(origin) : $"{Register(origin)}+{offset}";

    private string Local(Value v)
    {
        var slot = (Slot)v.Data!;
        if (slot.Size < 0) throw slot.Place!.Refuse("the length of a local array must be a compile-time constant");
        if (!_locals.TryGetValue(slot, out string? name)) _locals.Add(slot, name = $"local{_locals.Count}");
        return name;
    }

    // Aligned by arithmetic: the driver's linker lays shared memory out anew, and keeps no alignment of the dynamic part above 16 bytes
    // (seen on an H100 and an H200, driver 580).
    private string SharedAddress(Value v, string d)
    {
        string name = Shared(v), width = v.Type == IRType.I32 ? "32" : "64";
        int alignment = ((SharedSymbol)v.Data!).Alignment;
        string address = $"mov.b{width} {d}, {name}";
        return alignment == 16 ? address
            : $"{address};\n    add.s{width} {d}, {d}, {alignment - 1};\n    and.b{width} {d}, {d}, {-alignment}";
    }

    private string Shared(Value v)
    {
        var symbol = (SharedSymbol)v.Data!;
        if (symbol.Size < 0 && !symbol.IsDynamic)
            throw symbol.Place!.Refuse(
                "the length of a shared array must be a compile-time constant: use SharedMemory.GetDynamic<T>() for a length chosen at " +
                "launch");
        _shared[symbol] = symbol.Size;
        return symbol.Name;
    }

    /// <summary>A register or an immediate.</summary>
    private string Operand(Value v) => v.Op switch
    {
        Op.Const or Op.Undef when v.Type == IRType.H16 => $"0x{(ushort)v.Bits:X4}",
        Op.Const or Op.Undef when v.Type == IRType.F32 => $"0f{(uint)v.Bits:X8}",
        Op.Const or Op.Undef when v.Type == IRType.F64 => $"0d{(ulong)v.Bits:X16}",
        Op.Const or Op.Undef when v.Type == IRType.Pred => v.Bits != 0 ? "-1" : "0",
        Op.Const or Op.Undef => v.Bits.ToString(),
        _ => _registers.Of(v),
    };

    private string Unsigned(Value v, int index)
    {
        Value operand = v.Operands[index];
        return !operand.IsConst ? Operand(operand) : operand.Type == IRType.I32 ? ((uint)operand.Bits).ToString()
            : ((ulong)operand.Bits).ToString();
    }

    /// <summary>A register, where PTX takes no immediate.</summary>
    private string Register(Value v)
    {
        if (v.Op is not (Op.Const or Op.Undef)) return _registers.Of(v);
        string register = _registers.New(v.Type);
        Move(v.Type, register, Operand(v));
        return register;
    }

    private string SelectOperand(Value v) => v.Type == IRType.H16 ? Register(v) : Operand(v);

    private string Stored(Value v) => v.Type == IRType.H16 ? Register(v) : Operand(v);

    /// <summary>The registers of a multi-result instruction; results that nothing uses get one of their own.</summary>
    private string[] Results(Value v, int count, params ReadOnlySpan<IRType> types)
    {
        var names = new string[count];
        foreach (Value result in _selection.Results(v).OrderBy(static r => r.Bits)) names[result.Bits] = _registers.Of(result);
        for (int i = 0; i < count; i++) names[i] ??= _registers.New(types[types.Length == 1 ? 0 : i]);
        return names;
    }

    private void EmitTemplate(Value v)
    {
        PtxCall call = v.Call;
        bool unused = call.Intrinsic.WhenUnused is not null && !_selection.IsUsed(v);
        Template template = Template.Of(unused ? call.Intrinsic.WhenUnused! : call.Intrinsic.Template);
        string[] results = call.HasAccumulators ? Accumulators(v)
            : call.Results.Length == 1 ? [_registers.Of(v)]
            : Results(v, call.Results.Length, call.Results.AsSpan());
        var line = new StringBuilder();
        foreach ((Piece piece, int index, string text) in template.Pieces)
        {
            line.Append(piece switch
            {
                Piece.Text => text,
                Piece.Result => call.HasAccumulators ? string.Join(", ", results) : results[index],
                Piece.Register => Register(v.Operands[index]),
                Piece.Immediate => v.Operands[index].IsConst
                    ? v.Operands[index].Bits.ToString()
                    : throw call.Place.Refuse($"argument {index + 1} of {call.Name} must be a compile-time constant"),
                Piece.Predicate => v.Operands[index].IsConst ? (v.Operands[index].Bits != 0 ? "1" : "0") : Register(v.Operands[index]),
                Piece.Space => SpaceOf(v.Operands[index]) == AddressSpace.Shared ? ".shared" : ".global",
                _ => TemplateAddress(v, index, piece),
            });
        }
        foreach (string instruction in line.ToString().Split('\n')) Line(instruction);
    }

    /// <summary>One register each for old and new content; what could not be coalesced is moved there first.</summary>
    private string[] Accumulators(Value v)
    {
        Value[] results = _coalescing.Results(v);
        var names = new string[results.Length];
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = _registers.Of(results[i]);
            string before = Operand(v.Call.Accumulator(v, i));
            if (before != names[i]) Move(IRType.F32, names[i], before);
        }
        return names;
    }

    private string TemplateAddress(Value v, int index, Piece piece)
    {
        AddressSpace space = SpaceOf(v.Operands[index]);
        AddressSpace wanted = piece switch
        {
            Piece.Shared or Piece.WholeShared => AddressSpace.Shared,
            Piece.Global or Piece.WholeGlobal => AddressSpace.Global,
            _ => AddressSpace.None,
        };
        if (space == AddressSpace.Local) throw v.Call.Place.Refuse($"{v.Call.Name} needs an element of a view, not a local variable");
        if (wanted != AddressSpace.None && space != wanted)
            throw v.Call.Place.Refuse($"argument {index + 1} of {v.Call.Name} must be in {wanted.ToString().ToLowerInvariant()} memory");
        if (piece is Piece.WholeShared or Piece.WholeGlobal) return Register(v.Operands[index]);
        (Value origin, long offset) = Selection.Split(v.Operands[index]);
        return BaseAndOffset(origin, offset);
    }

    /// <summary>Of an address in a template: shared ones have been narrowed.</summary>
    private static AddressSpace SpaceOf(Value address)
    {
        if (address.Type == IRType.I32) return AddressSpace.Shared;
        while (address.Op == Op.Add) address = address.Operands[0];
        return address.Op == Op.SlotAddress ? AddressSpace.Local : AddressSpace.Global;
    }
}
