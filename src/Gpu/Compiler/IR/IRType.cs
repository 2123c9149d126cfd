namespace Lia.Gpu.Compiler.IR;

/// <summary>The type of a value in a register.</summary>
internal enum IRType : byte { Void, Pred, H16, I32, I64, F32, F64 }

/// <summary>The type of a value in memory; small integers are extended to 32 bits when loaded.</summary>
internal enum MemoryType : byte { Pred, I8, U8, I16, U16, H16, I32, I64, F32, F64 }

/// <summary>PTX state spaces. None: an integer that is no address, or not known yet.</summary>
internal enum AddressSpace : byte { None, Global, Shared, Local }

/// <summary>What a value computes. Comments give operands; `k` is <see cref="Value.Kind"/>, `n` is <see cref="Value.Bits"/>.</summary>
internal enum Op : byte
{
    // Leaves
    Const, // n: the bits
    Undef,
    Param, // n: byte offset in the parameter Data; k: MemoryType
    SlotAddress, // Data: Slot
    SharedAddress, // Data: SharedSymbol

    // Integer and floating point arithmetic; the type decides which
    Add, Sub, Mul, Div, DivU, Rem, RemU, MulHi, MulHiU,
    And, Or, Xor, Shl, Shr, ShrU,
    Min, MinU, Max, MaxU, CopySign,
    Neg, Not, Abs, Sqrt, Floor, Ceiling, Round, Truncate, PopCount, LeadingZeros, ReverseBits,

    Compare, // a, b; k: Comparison
    Select, // predicate, a, b

    // Conversions
    Extend, // to 32 bits from the low bits of a 32-bit value; k: MemoryType I8, U8, I16, U16
    SignExtend, // I32 to I64; k: 1 when it extends an index, whose arithmetic does not overflow
    ZeroExtend, // I32 to I64
    Narrow, // I64 to I32
    BoolToInt, // Pred to I32 0 or 1
    ToFloat, ToFloatU, // integer to floating point
    ToInt, ToIntU, // floating point to integer, towards zero, saturating
    FloatToFloat,
    Bitcast, // between I32 and F32, I64 and F64
    BitsToHalf, // low 16 bits of I32 to H16
    HalfToBits, // H16 to I32, zero-extended

    // Memory. k: MemoryType; Space; n: byte offset
    Load, // address
    Store, // address, value
    LoadVector, // address; Width results, read by Extract
    StoreVector, // address, values

    Ptx, // Data: PtxCall
    Shuffle, // value, lane; k: ShuffleKind
    Extract, // result n of a Ptx or LoadVector
    Phi, // one operand per predecessor, in order
}

internal enum ShuffleKind : byte { Idx, Up, Down, Bfly }

/// <summary>Ordered like pairs so that inversion is a table; on floats the U forms also hold when an operand is NaN.</summary>
internal enum Comparison : byte { Eq, Ne, Lt, Le, Gt, Ge, LtU, LeU, GtU, GeU }

internal static class Types
{
    public static IRType Register(this MemoryType type) => type switch
    {
        MemoryType.Pred => IRType.Pred,
        MemoryType.H16 => IRType.H16,
        MemoryType.I64 => IRType.I64,
        MemoryType.F32 => IRType.F32,
        MemoryType.F64 => IRType.F64,
        _ => IRType.I32,
    };

    public static int Size(this MemoryType type) => type switch
    {
        MemoryType.Pred or MemoryType.I8 or MemoryType.U8 => 1,
        MemoryType.I16 or MemoryType.U16 or MemoryType.H16 => 2,
        MemoryType.I64 or MemoryType.F64 => 8,
        _ => 4,
    };

    /// <summary>The memory type that holds a register of the given type whole.</summary>
    public static MemoryType Whole(this IRType type) => type switch
    {
        IRType.Pred => MemoryType.Pred,
        IRType.H16 => MemoryType.H16,
        IRType.I32 => MemoryType.I32,
        IRType.I64 => MemoryType.I64,
        IRType.F32 => MemoryType.F32,
        _ => MemoryType.F64,
    };

    public static bool IsFloat(this IRType type) => type is IRType.F32 or IRType.F64;

    public static bool IsInteger(this IRType type) => type is IRType.I32 or IRType.I64;

    /// <summary>The comparison that holds exactly when this one does not.</summary>
    public static Comparison Invert(this Comparison comparison, bool isFloat) => comparison switch
    {
        Comparison.Eq => Comparison.Ne,
        Comparison.Ne => Comparison.Eq,
        Comparison.Lt => isFloat ? Comparison.GeU : Comparison.Ge,
        Comparison.Le => isFloat ? Comparison.GtU : Comparison.Gt,
        Comparison.Gt => isFloat ? Comparison.LeU : Comparison.Le,
        Comparison.Ge => isFloat ? Comparison.LtU : Comparison.Lt,
        Comparison.LtU => isFloat ? Comparison.Ge : Comparison.GeU,
        Comparison.LeU => isFloat ? Comparison.Gt : Comparison.GtU,
        Comparison.GtU => isFloat ? Comparison.Le : Comparison.LeU,
        _ => isFloat ? Comparison.Lt : Comparison.LtU,
    };

    /// <summary>The comparison with its operands exchanged.</summary>
    public static Comparison Swap(this Comparison comparison) => comparison switch
    {
        Comparison.Lt => Comparison.Gt,
        Comparison.Le => Comparison.Ge,
        Comparison.Gt => Comparison.Lt,
        Comparison.Ge => Comparison.Le,
        Comparison.LtU => Comparison.GtU,
        Comparison.LeU => Comparison.GeU,
        Comparison.GtU => Comparison.LtU,
        Comparison.GeU => Comparison.LeU,
        _ => comparison,
    };
}
