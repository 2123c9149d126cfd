using System.Numerics;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// setp: comparisons into predicates. Ordered comparisons are false when an operand is NaN, unordered ones (equ, neu, ltu ...) true.
/// </summary>
internal static class ComparisonInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode == "setp" ? Compare(r) : null;

    private static Op Compare(InstructionReader r)
    {
        string comparison =
            r.Require("eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan");
        string? combine = r.TakeAny("and", "or", "xor");
        PtxType type = r.TakeType(B16, B32, B64, U16, U32, U64, S16, S32, S64, F16, F16x2, BF16, F32, F64);
        bool known = comparison switch
        {
            "eq" or "ne" => true,
            "lo" or "ls" or "hi" or "hs" => type.IsUnsigned(),
            "lt" or "le" or "gt" or "ge" => !type.IsBits(),
            _ => type.IsFloat(),
        };
        if (!known) throw r.Error($".{comparison} does not compare .{InstructionReader.Name(type)}");
        comparison = comparison switch { "lo" => "lt", "ls" => "le", "hi" => "gt", "hs" => "ge", _ => comparison };
        Operand destination = r[0];
        int p = r.PredicateDestination(destination with { Pair = null });
        int? q = destination.Pair is Operand pair ? r.PredicateDestination(pair) : null;
        int a = r.Source(1, type), b = r.Source(2, type);
        PredicateOperand? c = combine is null ? null : r.Predicate(3);
        return type switch
        {
            F16 => Half<HalfValue>(r, comparison, p, q, a, b, combine, c),
            BF16 => Half<BFloatValue>(r, comparison, p, q, a, b, combine, c),
            F16x2 => throw r.Error("setp.f16x2 is not supported"),
            F32 => Create<float>(comparison, p, q, a, b, combine, c),
            F64 => Create<double>(comparison, p, q, a, b, combine, c),
            S16 => Create<short>(comparison, p, q, a, b, combine, c),
            S32 => Create<int>(comparison, p, q, a, b, combine, c),
            S64 => Create<long>(comparison, p, q, a, b, combine, c),
            B16 or U16 => Create<ushort>(comparison, p, q, a, b, combine, c),
            B32 or U32 => Create<uint>(comparison, p, q, a, b, combine, c),
            _ => Create<ulong>(comparison, p, q, a, b, combine, c),
        };
    }

    private static Op Half<T>(InstructionReader r, string comparison, int p, int? q, int a, int b, string? combine, PredicateOperand? c)
        where T : struct, ISmallFloat
    {
        if (typeof(T) == typeof(BFloatValue)) r.RequireSm(90);
        return new SetPredicateSmall<T>(comparison, p, q, a, b, combine, c);
    }

    private static Op Create<T>(string comparison, int p, int? q, int a, int b, string? combine, PredicateOperand? c)
        where T : unmanaged => comparison switch
    {
        "eq" => new SetPredicate<T, Equal<T>>(p, q, a, b, combine, c),
        "ne" => new SetPredicate<T, OrderedNotEqual<T>>(p, q, a, b, combine, c),
        "lt" => new SetPredicate<T, Less<T>>(p, q, a, b, combine, c),
        "le" => new SetPredicate<T, LessOrEqual<T>>(p, q, a, b, combine, c),
        "gt" => new SetPredicate<T, Greater<T>>(p, q, a, b, combine, c),
        "ge" => new SetPredicate<T, GreaterOrEqual<T>>(p, q, a, b, combine, c),
        "equ" => new SetPredicate<T, Complement<T, OrderedNotEqual<T>>>(p, q, a, b, combine, c),
        "neu" => new SetPredicate<T, Complement<T, Equal<T>>>(p, q, a, b, combine, c),
        "ltu" => new SetPredicate<T, Complement<T, GreaterOrEqual<T>>>(p, q, a, b, combine, c),
        "leu" => new SetPredicate<T, Complement<T, Greater<T>>>(p, q, a, b, combine, c),
        "gtu" => new SetPredicate<T, Complement<T, LessOrEqual<T>>>(p, q, a, b, combine, c),
        "geu" => new SetPredicate<T, Complement<T, Less<T>>>(p, q, a, b, combine, c),
        "num" => new SetPredicate<T, Ordered<T>>(p, q, a, b, combine, c),
        _ => new SetPredicate<T, Complement<T, Ordered<T>>>(p, q, a, b, combine, c),
    };

    /// <summary>Whether a comparison of two numbers holds.</summary>
    public static bool Holds(string comparison, double a, double b) => comparison switch
    {
        "eq" => a == b,
        "ne" => a < b || a > b,
        "lt" => a < b,
        "le" => a <= b,
        "gt" => a > b,
        "ge" => a >= b,
        "equ" => !(a < b || a > b),
        "neu" => a != b,
        "ltu" => !(a >= b),
        "leu" => !(a > b),
        "gtu" => !(a <= b),
        "geu" => !(a < b),
        "num" => !double.IsNaN(a) && !double.IsNaN(b),
        _ => double.IsNaN(a) || double.IsNaN(b),
    };

    /// <summary>p = comparison combined with c; q = its complement combined with c.</summary>
    private static void Assign(Warp warp, int p, int? q, uint result, string? combine, PredicateOperand? c, uint mask)
    {
        uint complement = ~result;
        if (c is PredicateOperand operand)
        {
            uint other = warp.Predicate(operand);
            (result, complement) = combine switch
            {
                "and" => (result & other, complement & other),
                "or" => (result | other, complement | other),
                _ => (result ^ other, complement ^ other),
            };
        }
        warp.SetPredicate(p, result, mask);
        if (q is int slot) warp.SetPredicate(slot, complement, mask);
    }

    private sealed unsafe class SetPredicate<T, TOp>(int p, int? q, int a, int b, string? combine, PredicateOperand? c) : Op
        where T : unmanaged where TOp : struct, ISimdBinary<T>
    {
        public override void Execute(Warp warp, uint mask)
        {
            T* x = (T*)(warp.Registers + a), y = (T*)(warp.Registers + b);
            uint result = 0;
            for (int lane = 0; lane < 32; lane += Vector256<T>.Count)
                result |= TOp.Invoke(Vector256.Load(x + lane), Vector256.Load(y + lane)).ExtractMostSignificantBits() << lane;
            Assign(warp, p, q, result, combine, c, mask);
        }
    }

    private sealed unsafe class SetPredicateSmall<T>(string comparison, int p, int? q, int a, int b, string? combine, PredicateOperand? c)
        : Op where T : struct, ISmallFloat
    {
        public override void Execute(Warp warp, uint mask)
        {
            ushort* x = (ushort*)(warp.Registers + a), y = (ushort*)(warp.Registers + b);
            uint result = 0;
            for (int lane = 0; lane < 32; lane++)
            {
                if (Holds(comparison, T.ToDouble(x[lane]), T.ToDouble(y[lane]))) result |= 1u << lane;
            }
            Assign(warp, p, q, result, combine, c, mask);
        }
    }

    private readonly struct Equal<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.Equals(a, b);
    }

    // For floating point .ne is false when an operand is NaN, unlike != of C#.
    private readonly struct OrderedNotEqual<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.LessThan(a, b) | Vector256.GreaterThan(a, b);
    }

    private readonly struct Less<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.LessThan(a, b);
    }

    private readonly struct LessOrEqual<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.LessThanOrEqual(a, b);
    }

    private readonly struct Greater<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.GreaterThan(a, b);
    }

    private readonly struct GreaterOrEqual<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.GreaterThanOrEqual(a, b);
    }

    private readonly struct Ordered<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.Equals(a, a) & Vector256.Equals(b, b);
    }

    private readonly struct Complement<T, TOp> : ISimdBinary<T> where TOp : struct, ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => ~TOp.Invoke(a, b);
    }
}
