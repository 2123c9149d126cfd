namespace Lia.PtxEmulator.Parser;

/// <summary>The fundamental types of PTX that the emulator knows.</summary>
internal enum PtxType : byte
{
    None,
    Pred,
    B8, B16, B32, B64,
    U8, U16, U32, U64,
    S8, S16, S32, S64,
    F16, F16x2, BF16, BF16x2, TF32, F32, F64,
}

internal static class PtxTypes
{
    private static readonly Dictionary<string, PtxType> s_byName = new(StringComparer.Ordinal)
    {
        ["pred"] = PtxType.Pred,
        ["b8"] = PtxType.B8, ["b16"] = PtxType.B16, ["b32"] = PtxType.B32, ["b64"] = PtxType.B64,
        ["u8"] = PtxType.U8, ["u16"] = PtxType.U16, ["u32"] = PtxType.U32, ["u64"] = PtxType.U64,
        ["s8"] = PtxType.S8, ["s16"] = PtxType.S16, ["s32"] = PtxType.S32, ["s64"] = PtxType.S64,
        ["f16"] = PtxType.F16, ["f16x2"] = PtxType.F16x2, ["bf16"] = PtxType.BF16, ["bf16x2"] = PtxType.BF16x2,
        ["tf32"] = PtxType.TF32, ["f32"] = PtxType.F32, ["f64"] = PtxType.F64,
    };

    public static bool TryParse(string name, out PtxType type) => s_byName.TryGetValue(name, out type);

    /// <summary>Size in bytes; 0 for predicates.</summary>
    public static int Size(this PtxType type) => type switch
    {
        PtxType.B8 or PtxType.U8 or PtxType.S8 => 1,
        PtxType.B16 or PtxType.U16 or PtxType.S16 or PtxType.F16 or PtxType.BF16 => 2,
        PtxType.B32 or PtxType.U32 or PtxType.S32 or PtxType.F32 or PtxType.F16x2 or PtxType.BF16x2 or PtxType.TF32 => 4,
        PtxType.B64 or PtxType.U64 or PtxType.S64 or PtxType.F64 => 8,
        _ => 0,
    };

    public static bool IsSigned(this PtxType type) => type is PtxType.S8 or PtxType.S16 or PtxType.S32 or PtxType.S64;

    public static bool IsUnsigned(this PtxType type) => type is PtxType.U8 or PtxType.U16 or PtxType.U32 or PtxType.U64;

    public static bool IsInteger(this PtxType type) => type.IsSigned() || type.IsUnsigned();

    public static bool IsBits(this PtxType type) => type is PtxType.B8 or PtxType.B16 or PtxType.B32 or PtxType.B64;

    public static bool IsFloat(this PtxType type) => type >= PtxType.F16;

    /// <summary>
    /// PTX ISA, "Operand Type Checking": an operand must have the instruction's size and a compatible type. Untyped bits agree with
    /// everything, signed and unsigned integers with each other, floating point only with itself. Packed and alternate floating-point
    /// formats (f16x2, bf16, bf16x2, tf32) live in untyped registers.
    /// </summary>
    public static bool Accepts(this PtxType instruction, PtxType register)
    {
        if (instruction == PtxType.Pred || register == PtxType.Pred) return instruction == register;
        if (instruction.Size() != register.Size()) return false;
        return SameKind(instruction, register);
    }

    /// <summary>The relaxed rule for ld, st and cvt: the register may be wider than the instruction's type.</summary>
    public static bool AcceptsWider(this PtxType instruction, PtxType register)
    {
        if (instruction == PtxType.Pred || register == PtxType.Pred) return false;
        if (instruction.Size() == register.Size()) return SameKind(instruction, register);
        if (instruction.Size() > register.Size()) return false;
        // A wider register holds an extended integer or bit pattern, never a wider floating-point number.
        return !register.IsFloat() && !(instruction.IsFloat() && !register.IsBits());
    }

    private static bool SameKind(PtxType instruction, PtxType register)
    {
        if (instruction.IsBits() || register.IsBits()) return true;
        if (instruction.IsFloat() != register.IsFloat()) return false;
        return !instruction.IsFloat() || instruction == register || instruction == PtxType.TF32;
    }
}
