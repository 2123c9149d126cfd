using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// Single and double precision: add sub mul fma div rcp sqrt min max abs neg copysign are exact to the bit (round to nearest even; a
/// single-precision NaN result is 0x7FFFFFFF, as on devices). The approximate instructions (.approx, .full: div rcp sqrt rsqrt ex2 lg2 sin
/// cos tanh) are computed in double precision and rounded once: closer to the truth than a device, so results that depend on them agree
/// with a device only within the error that the PTX manual states.
/// </summary>
internal static class FloatInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "add" or "sub" or "mul" => Arithmetic(r),
        "fma" or "mad" => Fused(r),
        "min" or "max" => MinMax(r),
        "abs" or "neg" => Sign(r),
        "copysign" => CopySign(r),
        "div" => Divide(r),
        "rcp" or "sqrt" => Root(r),
        "rsqrt" or "ex2" or "lg2" or "sin" or "cos" or "tanh" => Approximate(r),
        "testp" => Test(r),
        _ => null,
    };

    private static Op Arithmetic(InstructionReader r)
    {
        r.Take("rn");
        bool saturate = r.Take("sat");
        PtxType type = r.TakeType(F32, F64);
        if (saturate && type == F64) throw r.Error(".sat is for .f32");
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type);
        return (r.Syntax.Opcode, type, saturate) switch
        {
            ("add", F32, false) => new SimdBinary<float, Canonical<Add<float>>>(d, a, b),
            ("sub", F32, false) => new SimdBinary<float, Canonical<Subtract<float>>>(d, a, b),
            ("mul", F32, false) => new SimdBinary<float, Canonical<Multiply<float>>>(d, a, b),
            ("add", F32, true) => new SimdBinary<float, Saturate<Add<float>>>(d, a, b),
            ("sub", F32, true) => new SimdBinary<float, Saturate<Subtract<float>>>(d, a, b),
            ("mul", F32, true) => new SimdBinary<float, Saturate<Multiply<float>>>(d, a, b),
            ("add", _, _) => new SimdBinary<double, Add<double>>(d, a, b),
            ("sub", _, _) => new SimdBinary<double, Subtract<double>>(d, a, b),
            _ => new SimdBinary<double, Multiply<double>>(d, a, b),
        };
    }

    private static Op Fused(InstructionReader r)
    {
        r.Require("rn");
        bool saturate = r.Take("sat");
        PtxType type = r.TakeType(F32, F64);
        if (saturate && type == F64) throw r.Error(".sat is for .f32");
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type), c = r.Source(3, type);
        return type == F64 ? new SimdTernary<double, FusedDouble>(d, a, b, c)
            : saturate ? new SimdTernary<float, FusedSaturated>(d, a, b, c)
            : new SimdTernary<float, FusedSingle>(d, a, b, c);
    }

    private static Op MinMax(InstructionReader r)
    {
        bool propagates = r.Take("NaN");
        PtxType type = r.TakeType(F32, F64);
        if (propagates)
        {
            r.RequireSm(80);
            if (type == F64) throw r.Error(".NaN is for .f32");
        }
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type);
        return (r.Syntax.Opcode, type, propagates) switch
        {
            ("min", F32, false) => new SimdBinary<float, Canonical<MinimumNumber<float>>>(d, a, b),
            ("max", F32, false) => new SimdBinary<float, Canonical<MaximumNumber<float>>>(d, a, b),
            ("min", F32, true) => new SimdBinary<float, Canonical<Minimum>>(d, a, b),
            ("max", F32, true) => new SimdBinary<float, Canonical<Maximum>>(d, a, b),
            ("min", _, _) => new SimdBinary<double, MinimumNumber<double>>(d, a, b),
            _ => new SimdBinary<double, MaximumNumber<double>>(d, a, b),
        };
    }

    private static Op Sign(InstructionReader r)
    {
        bool absolute = r.Syntax.Opcode == "abs";
        PtxType type = r.TakeType(F32, F64);
        int d = r.Destination(0, type), a = r.Source(1, type);
        return (absolute, type) switch
        {
            (true, F32) => new SimdUnary<float, Absolute<float>>(d, a),
            (false, F32) => new SimdUnary<float, Negate<float>>(d, a),
            (true, _) => new SimdUnary<double, Absolute<double>>(d, a),
            _ => new SimdUnary<double, Negate<double>>(d, a),
        };
    }

    private static Op CopySign(InstructionReader r)
    {
        PtxType type = r.TakeType(F32, F64);
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type);
        return type == F32 ? new SimdBinary<float, SignOfFirst<float>>(d, a, b) : new SimdBinary<double, SignOfFirst<double>>(d, a, b);
    }

    private static Op Divide(InstructionReader r)
    {
        string rounding = r.Require("rn", "full", "approx");
        PtxType type = r.TakeType(F32, F64);
        if (type == F64 && rounding != "rn") throw r.Error($".{rounding} is for .f32");
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type);
        // A quotient of singles computed in double and rounded is the correctly rounded quotient, so one division serves all three.
        return type == F32 ? new SimdBinary<float, Canonical<Quotient<float>>>(d, a, b) : new SimdBinary<double, Quotient<double>>(d, a, b);
    }

    private static Op Root(InstructionReader r)
    {
        string rounding = r.Require("rn", "approx");
        PtxType type = r.TakeType(F32, F64);
        if (type == F64 && rounding != "rn") throw r.Error(".approx is for .f32");
        int d = r.Destination(0, type), a = r.Source(1, type);
        return (r.Syntax.Opcode, type) switch
        {
            ("rcp", F32) => new SimdUnary<float, ReciprocalSingle>(d, a),
            ("rcp", _) => new SimdUnary<double, ReciprocalDouble>(d, a),
            ("sqrt", F32) => new SimdUnary<float, RootSingle>(d, a),
            _ => new SimdUnary<double, RootDouble>(d, a),
        };
    }

    private static Op Approximate(InstructionReader r)
    {
        r.Require("approx");
        r.TakeType(F32);
        int d = r.Destination(0, F32), a = r.Source(1, F32);
        return r.Syntax.Opcode switch
        {
            "rsqrt" => new Unary<float, float, ReciprocalRoot>(d, a),
            "ex2" => new Unary<float, float, Exp2>(d, a),
            "lg2" => new Unary<float, float, Log2>(d, a),
            "sin" => new Unary<float, float, Sine>(d, a),
            "cos" => new Unary<float, float, Cosine>(d, a),
            _ => new Unary<float, float, HyperbolicTangent>(d, a),
        };
    }

    private static TestProperty Test(InstructionReader r)
    {
        string property = r.Require("finite", "infinite", "number", "notanumber", "normal", "subnormal");
        PtxType type = r.TakeType(F32, F64);
        return new TestProperty(r.PredicateDestination(r[0]), r.Source(1, type), type == F32, property);
    }

    private sealed unsafe class TestProperty(int p, int a, bool single, string property) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            uint result = 0;
            for (uint rest = mask; rest != 0; rest &= rest - 1)
            {
                int lane = Warp.FirstLane(rest);
                bool holds = single ? Holds(((float*)(warp.Registers + a))[lane]) : Holds(((double*)(warp.Registers + a))[lane]);
                if (holds) result |= 1u << lane;
            }
            warp.SetPredicate(p, result, mask);
        }

        private bool Holds<T>(T x) where T : IFloatingPointIeee754<T> => property switch
        {
            "finite" => T.IsFinite(x),
            "infinite" => T.IsInfinity(x),
            "number" => !T.IsNaN(x),
            "notanumber" => T.IsNaN(x),
            "normal" => T.IsNormal(x) || T.IsZero(x),   // PTX counts zero as normal
            _ => T.IsSubnormal(x),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> CanonicalNaN(Vector256<float> x) =>
        Vector256.ConditionalSelect(Vector256.Equals(x, x), x, Vector256.Create(0x7FFF_FFFFu).AsSingle());

    private static float CanonicalNaN(float x) => float.IsNaN(x) ? BitConverter.UInt32BitsToSingle(0x7FFF_FFFF) : x;

    private readonly struct Canonical<TOp> : ISimdBinary<float> where TOp : struct, ISimdBinary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a, Vector256<float> b) => CanonicalNaN(TOp.Invoke(a, b));
    }

    // Clamps to [0, 1]; NaN becomes +0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Clamp(Vector256<float> x) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(x, Vector256<float>.Zero),
            Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256<float>.One), x, Vector256<float>.One), Vector256<float>.Zero);

    private readonly struct Saturate<TOp> : ISimdBinary<float> where TOp : struct, ISimdBinary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a, Vector256<float> b) => Clamp(TOp.Invoke(a, b));
    }

    private readonly struct Add<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a + b;
    }

    private readonly struct Subtract<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a - b;
    }

    private readonly struct Multiply<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a * b;
    }

    private readonly struct Quotient<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a / b;
    }

    private readonly struct FusedSingle : ISimdTernary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
            CanonicalNaN(Vector256.FusedMultiplyAdd(a, b, c));
    }

    private readonly struct FusedSaturated : ISimdTernary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
            Clamp(Vector256.FusedMultiplyAdd(a, b, c));
    }

    private readonly struct FusedDouble : ISimdTernary<double>
    {
        public static Vector256<double> Invoke(Vector256<double> a, Vector256<double> b, Vector256<double> c) =>
            Vector256.FusedMultiplyAdd(a, b, c);
    }

    // A NaN operand loses against a number; -0 is less than +0.
    private readonly struct MinimumNumber<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.MinNumber(a, b);
    }

    private readonly struct MaximumNumber<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => Vector256.MaxNumber(a, b);
    }

    private readonly struct Minimum : ISimdBinary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a, Vector256<float> b) => Vector256.Min(a, b);
    }

    private readonly struct Maximum : ISimdBinary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a, Vector256<float> b) => Vector256.Max(a, b);
    }

    private readonly struct Absolute<T> : ISimdUnary<T> where T : IFloatingPointIeee754<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a) => Vector256.AndNot(a, Vector256.Create(T.NegativeZero));
    }

    private readonly struct Negate<T> : ISimdUnary<T> where T : IFloatingPointIeee754<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a) => a ^ Vector256.Create(T.NegativeZero);
    }

    private readonly struct SignOfFirst<T> : ISimdBinary<T> where T : IFloatingPointIeee754<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) =>
            Vector256.ConditionalSelect(Vector256.Create(T.NegativeZero), a, b);
    }

    private readonly struct ReciprocalSingle : ISimdUnary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a) => CanonicalNaN(Vector256<float>.One / a);
    }

    private readonly struct ReciprocalDouble : ISimdUnary<double>
    {
        public static Vector256<double> Invoke(Vector256<double> a) => Vector256<double>.One / a;
    }

    private readonly struct RootSingle : ISimdUnary<float>
    {
        public static Vector256<float> Invoke(Vector256<float> a) => CanonicalNaN(Vector256.Sqrt(a));
    }

    private readonly struct RootDouble : ISimdUnary<double>
    {
        public static Vector256<double> Invoke(Vector256<double> a) => Vector256.Sqrt(a);
    }

    private readonly struct ReciprocalRoot : IUnary<float, float>
    {
        public static float Invoke(float a) => CanonicalNaN((float)(1 / Math.Sqrt(a)));
    }

    private readonly struct Exp2 : IUnary<float, float>
    {
        public static float Invoke(float a) => CanonicalNaN((float)Math.Pow(2, a));
    }

    private readonly struct Log2 : IUnary<float, float>
    {
        public static float Invoke(float a) => CanonicalNaN((float)Math.Log2(a));
    }

    private readonly struct Sine : IUnary<float, float>
    {
        public static float Invoke(float a) => CanonicalNaN((float)Math.Sin(a));
    }

    private readonly struct Cosine : IUnary<float, float>
    {
        public static float Invoke(float a) => CanonicalNaN((float)Math.Cos(a));
    }

    private readonly struct HyperbolicTangent : IUnary<float, float>
    {
        public static float Invoke(float a) => CanonicalNaN((float)Math.Tanh(a));
    }
}
