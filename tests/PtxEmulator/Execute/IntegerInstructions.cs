using System.Numerics;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// Integer arithmetic: add sub mul mad div rem abs neg min max, and the carry-less rest. Results wrap around. Division by zero gives all
/// ones and a remainder by zero the dividend (PTX leaves both unspecified; this is what devices do).
/// </summary>
internal static class IntegerInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "mul" => Multiply(r),
        "mad" => MultiplyAdd(r),
        _ => Plain(r),
    };

    private static Op? Plain(InstructionReader r)
    {
        string opcode = r.Syntax.Opcode;
        PtxType type = r.TakeType(U16, S16, U32, S32, U64, S64);
        switch (opcode)
        {
            case "abs" or "neg":
                if (!type.IsSigned()) throw r.Error($"{opcode} is for signed types");
                int d = r.Destination(0, type), a = r.Source(1, type);
                return (opcode, type) switch
                {
                    ("abs", S16) => new Unary<short, short, Absolute<short>>(d, a),
                    ("abs", S32) => new Unary<int, int, Absolute<int>>(d, a),
                    ("abs", _) => new Unary<long, long, Absolute<long>>(d, a),
                    ("neg", S16) => new SimdUnary<short, Negate<short>>(d, a),
                    ("neg", S32) => new SimdUnary<int, Negate<int>>(d, a),
                    _ => new SimdUnary<long, Negate<long>>(d, a),
                };
            case "add" or "sub" or "div" or "rem" or "min" or "max":
                return type switch
                {
                    U16 => Binary<ushort>(r, opcode, type),
                    S16 => Binary<short>(r, opcode, type),
                    U32 => Binary<uint>(r, opcode, type),
                    S32 => Binary<int>(r, opcode, type),
                    U64 => Binary<ulong>(r, opcode, type),
                    _ => Binary<long>(r, opcode, type),
                };
            default: return null;
        }
    }

    private static Op Binary<T>(InstructionReader r, string opcode, PtxType type) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type);
        return opcode switch
        {
            "add" => new SimdBinary<T, Add<T>>(d, a, b),
            "sub" => new SimdBinary<T, Subtract<T>>(d, a, b),
            "min" => new SimdBinary<T, Minimum<T>>(d, a, b),
            "max" => new SimdBinary<T, Maximum<T>>(d, a, b),
            "div" => new Binary<T, T, T, Divide<T>>(d, a, b),
            _ => new Binary<T, T, T, Remainder<T>>(d, a, b),
        };
    }

    private static Op Multiply(InstructionReader r)
    {
        string part = r.Require("lo", "hi", "wide");
        PtxType type = r.TakeType(U16, S16, U32, S32, U64, S64);
        int d = r.Destination(0, part == "wide" ? Widened(r, type) : type), a = r.Source(1, type), b = r.Source(2, type);
        return (part, type) switch
        {
            ("lo", U16 or S16) => new SimdBinary<ushort, MultiplyLow<ushort>>(d, a, b),
            ("lo", U32 or S32) => new SimdBinary<uint, MultiplyLow<uint>>(d, a, b),
            ("lo", _) => new Binary<ulong, ulong, ulong, MultiplyLow<ulong>>(d, a, b),
            ("wide", U16) => new Binary<ushort, ushort, uint, WideU16>(d, a, b),
            ("wide", S16) => new Binary<short, short, int, WideS16>(d, a, b),
            ("wide", U32) => new Binary<uint, uint, ulong, WideU32>(d, a, b),
            ("wide", _) => new Binary<int, int, long, WideS32>(d, a, b),
            (_, U16) => new Binary<ushort, ushort, ushort, HighU16>(d, a, b),
            (_, S16) => new Binary<short, short, short, HighS16>(d, a, b),
            (_, U32) => new Binary<uint, uint, uint, HighU32>(d, a, b),
            (_, S32) => new Binary<int, int, int, HighS32>(d, a, b),
            (_, U64) => new Binary<ulong, ulong, ulong, HighU64>(d, a, b),
            _ => new Binary<long, long, long, HighS64>(d, a, b),
        };
    }

    private static Op MultiplyAdd(InstructionReader r)
    {
        string part = r.Require("lo", "hi", "wide");
        PtxType type = r.TakeType(U16, S16, U32, S32, U64, S64);
        PtxType result = part == "wide" ? Widened(r, type) : type;
        int d = r.Destination(0, result), a = r.Source(1, type), b = r.Source(2, type), c = r.Source(3, result);
        return (part, type) switch
        {
            ("lo", U16 or S16) => new SimdTernary<ushort, MultiplyAddLow<ushort>>(d, a, b, c),
            ("lo", U32 or S32) => new SimdTernary<uint, MultiplyAddLow<uint>>(d, a, b, c),
            ("lo", _) => new Ternary<ulong, ulong, ulong, ulong, MultiplyAddLow<ulong>>(d, a, b, c),
            ("wide", U16) => new Ternary<ushort, ushort, uint, uint, MultiplyThenAdd<ushort, uint, WideU16>>(d, a, b, c),
            ("wide", S16) => new Ternary<short, short, int, int, MultiplyThenAdd<short, int, WideS16>>(d, a, b, c),
            ("wide", U32) => new Ternary<uint, uint, ulong, ulong, MultiplyThenAdd<uint, ulong, WideU32>>(d, a, b, c),
            ("wide", _) => new Ternary<int, int, long, long, MultiplyThenAdd<int, long, WideS32>>(d, a, b, c),
            (_, U16) => new Ternary<ushort, ushort, ushort, ushort, MultiplyThenAdd<ushort, ushort, HighU16>>(d, a, b, c),
            (_, S16) => new Ternary<short, short, short, short, MultiplyThenAdd<short, short, HighS16>>(d, a, b, c),
            (_, U32) => new Ternary<uint, uint, uint, uint, MultiplyThenAdd<uint, uint, HighU32>>(d, a, b, c),
            (_, S32) => new Ternary<int, int, int, int, MultiplyThenAdd<int, int, HighS32>>(d, a, b, c),
            (_, U64) => new Ternary<ulong, ulong, ulong, ulong, MultiplyThenAdd<ulong, ulong, HighU64>>(d, a, b, c),
            _ => new Ternary<long, long, long, long, MultiplyThenAdd<long, long, HighS64>>(d, a, b, c),
        };
    }

    private static PtxType Widened(InstructionReader r, PtxType type) => type switch
    {
        U16 => U32, S16 => S32, U32 => U64, S32 => S64,
        _ => throw r.Error(".wide is for 16-bit and 32-bit types"),
    };

    private readonly struct Add<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a + b;
    }

    private readonly struct Subtract<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a - b;
    }

    private readonly struct Minimum<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.Min(a, b);
    }

    private readonly struct Maximum<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.Max(a, b);
    }

    private readonly struct MultiplyLow<T> : ISimdBinary<T>, IBinary<T, T, T> where T : unmanaged, IBinaryInteger<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a * b;

        public static T Invoke(T a, T b) => unchecked(a * b);
    }

    private readonly struct MultiplyAddLow<T> : ISimdTernary<T>, ITernary<T, T, T, T> where T : unmanaged, IBinaryInteger<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b, Vector256<T> c) => (a * b) + c;

        public static T Invoke(T a, T b, T c) => unchecked((a * b) + c);
    }

    private readonly struct MultiplyThenAdd<T, TD, TMultiply> : ITernary<T, T, TD, TD>
        where TD : unmanaged, IBinaryInteger<TD> where TMultiply : struct, IBinary<T, T, TD>
    {
        public static TD Invoke(T a, T b, TD c) => unchecked(TMultiply.Invoke(a, b) + c);
    }

    private readonly struct Divide<T> : IBinary<T, T, T> where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        // The most negative number divided by -1 overflows on x86; in PTX it wraps around.
        public static T Invoke(T a, T b) => b == T.Zero ? T.AllBitsSet : b == T.AllBitsSet && T.IsNegative(b) ? unchecked(-a) : a / b;
    }

    private readonly struct Remainder<T> : IBinary<T, T, T> where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        public static T Invoke(T a, T b) => b == T.Zero ? a : b == T.AllBitsSet && T.IsNegative(b) ? T.Zero : a % b;
    }

    private readonly struct Absolute<T> : IUnary<T, T> where T : unmanaged, IBinaryInteger<T>
    {
        public static T Invoke(T a) => T.IsNegative(a) ? unchecked(-a) : a;
    }

    private readonly struct Negate<T> : ISimdUnary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a) => -a;
    }

    private readonly struct WideU16 : IBinary<ushort, ushort, uint>
    {
        public static uint Invoke(ushort a, ushort b) => (uint)a * b;
    }

    private readonly struct WideS16 : IBinary<short, short, int>
    {
        public static int Invoke(short a, short b) => a * b;
    }

    private readonly struct WideU32 : IBinary<uint, uint, ulong>
    {
        public static ulong Invoke(uint a, uint b) => (ulong)a * b;
    }

    private readonly struct WideS32 : IBinary<int, int, long>
    {
        public static long Invoke(int a, int b) => (long)a * b;
    }

    private readonly struct HighU16 : IBinary<ushort, ushort, ushort>
    {
        public static ushort Invoke(ushort a, ushort b) => (ushort)(((uint)a * b) >> 16);
    }

    private readonly struct HighS16 : IBinary<short, short, short>
    {
        public static short Invoke(short a, short b) => (short)((a * b) >> 16);
    }

    private readonly struct HighU32 : IBinary<uint, uint, uint>
    {
        public static uint Invoke(uint a, uint b) => (uint)(((ulong)a * b) >> 32);
    }

    private readonly struct HighS32 : IBinary<int, int, int>
    {
        public static int Invoke(int a, int b) => (int)(((long)a * b) >> 32);
    }

    private readonly struct HighU64 : IBinary<ulong, ulong, ulong>
    {
        public static ulong Invoke(ulong a, ulong b) => Math.BigMul(a, b, out _);
    }

    private readonly struct HighS64 : IBinary<long, long, long>
    {
        public static long Invoke(long a, long b) => Math.BigMul(a, b, out _);
    }
}
