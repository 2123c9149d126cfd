using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// cvt between all types. Every source is exact as a double or a 64-bit integer, and the result is rounded once. Floating point to integer
/// saturates; NaN becomes 0, or the bit pattern 1 &lt;&lt; (width - 1) where the manual says so (64-bit source or destination).
/// </summary>
internal static class ConvertInstructions
{
    public static Op? Decode(InstructionReader r)
    {
        string? rounding = r.TakeAny("rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi");
        bool relu = r.Take("relu"), finite = r.Take("satfinite");
        bool saturate = r.Take("sat");
        PtxType to = r.TakeType(), from = r.TakeType();
        if (relu)
        {
            r.RequireSm(80);
            if (from != F32 || to is not (F16 or F16x2 or BF16 or BF16x2)) throw r.Error(".relu is for .f16 and .bf16 from .f32");
        }
        if (to is F16x2 or BF16x2) return Pack(r, rounding, relu, saturate, finite, to, from);
        if (finite) throw r.Error(".satfinite is known for .f16x2");
        if (to.Size() == 0 || from.Size() == 0 || to.IsBits() || from.IsBits() || from is F16x2 or BF16x2 or TF32)
            throw r.Error("there is no such conversion");
        CheckRounding(r, rounding, to, from);

        int d = r.Destination(r[0], to, wider: !to.IsFloat());
        int a = r.Source(r[1], from, wider: !from.IsFloat());
        int destinationSize = r.RegisterType(r[0])!.Value.Size();
        int sourceSize = r.RegisterType(r[1])?.Size() ?? Math.Max(from.Size(), 2);
        if (to == TF32 || to == BF16 || from == BF16) r.RequireSm(80);

        if (!saturate && !relu && (rounding is null or "rn") && Fast(d, a, to, from, destinationSize, sourceSize) is Op fast) return fast;
        Rounding mode = Mode(rounding);
        Func<ulong, ulong> function = (from.IsFloat(), to.IsFloat()) switch
        {
            (true, true) => bits =>
            {
                double value = RoundToIntegral(ToDouble(from, bits), rounding);
                if (saturate) value = value > 0 ? Math.Min(value, 1) : 0;
                return FromDouble(to, value, mode, relu);
            },
            (true, false) => bits => Extend(ToInteger(RoundToIntegral(ToDouble(from, bits), rounding), to, from), to, destinationSize),
            (false, true) => bits => FromDouble(to, Saturated(Exact(from, bits, to), saturate), mode, relu: false),
            _ => bits => Extend(saturate ? Clamp(Extend(bits, from, 8), from, to) : Extend(bits, from, 8), to, destinationSize),
        };
        return new BitsUnary(d, destinationSize, a, sourceSize, function);
    }

    private static void CheckRounding(InstructionReader r, string? rounding, PtxType to, PtxType from)
    {
        bool integral = rounding is "rni" or "rzi" or "rmi" or "rpi";
        bool floating = rounding is "rn" or "rz" or "rm" or "rp" or "rna";
        if (rounding == "rna" != (to == TF32)) throw r.Error(".rna is for .tf32, and .tf32 needs it");
        if (to.IsFloat() && from.IsFloat())
        {
            bool narrows = to == TF32 || from.Size() > to.Size() || (from != to && from.Size() == to.Size());
            if (narrows && !floating) throw r.Error("this conversion needs a floating-point rounding (.rn .rz .rm .rp)");
            if (!narrows && floating) throw r.Error($".{rounding}: this conversion is exact");
            if (integral && from != to) throw r.Error($".{rounding} rounds to integers within one type");
        }
        else if (to.IsFloat())
        {
            if (!floating) throw r.Error("integer to floating point needs a rounding (.rn .rz .rm .rp)");
            if (to == F64 && rounding != "rn" && from.Size() == 8) throw r.Error($".{rounding} to .f64 is not supported");
        }
        else if (from.IsFloat())
        {
            if (!integral) throw r.Error("floating point to integer needs an integer rounding (.rni .rzi .rmi .rpi)");
        }
        else if (rounding is not null) throw r.Error($".{rounding}: integers are not rounded");
    }

    private static Op? Fast(int d, int a, PtxType to, PtxType from, int destinationSize, int sourceSize) => (to, from) switch
    {
        (F32, F16) => new Unary<ushort, float, HalfToSingle>(d, a),
        (F16, F32) => new Unary<float, ushort, SingleToHalf>(d, a),
        (F32, BF16) => new Unary<ushort, float, BFloatToSingle>(d, a),
        (BF16, F32) => new Unary<float, ushort, SingleToBFloat>(d, a),
        (F32, S32) when sourceSize == 4 => new Unary<int, float, IntToSingle>(d, a),
        (F32, U32) when sourceSize == 4 => new Unary<uint, float, UIntToSingle>(d, a),
        (U64 or S64, U32) when sourceSize == 4 => new Unary<uint, ulong, ZeroExtend>(d, a),
        (S64 or U64, S32) when sourceSize == 4 => new Unary<int, long, SignExtend>(d, a),
        (U32 or S32, U64 or S64) when destinationSize == 4 => new Unary<ulong, uint, Truncate>(d, a),
        _ => null,
    };

    // cvt.rn.f16x2.f32 d, a, b: a becomes the upper half.
    private static Op Pack(InstructionReader r, string? rounding, bool relu, bool saturate, bool finite, PtxType to, PtxType from)
    {
        if (from != F32 || rounding is not ("rn" or "rz") || saturate) throw r.Error("packs two .f32 with .rn or .rz");
        r.RequireSm(80);
        int d = r.Destination(0, to), a = r.Source(1, F32), b = r.Source(2, F32);
        if (finite)
        {
            r.RequireVersion(81);
            if (relu || rounding != "rn" || to != F16x2) throw r.Error(".satfinite is known for .rn.f16x2");
            return new Binary<float, float, uint, PackFiniteHalves>(d, a, b);
        }
        if (!relu && rounding == "rn")
            return to == F16x2 ? new Binary<float, float, uint, PackHalves>(d, a, b) : new Binary<float, float, uint, PackBFloats>(d, a, b);
        PtxType part = to == F16x2 ? F16 : BF16;
        return new PackOp(d, a, b, x => (uint)FromDouble(part, x, Mode(rounding), relu));
    }

    public static Rounding Mode(string? rounding) => rounding switch
    {
        "rz" => Rounding.Zero,
        "rm" => Rounding.Down,
        "rp" => Rounding.Up,
        "rna" => Rounding.NearestAway,
        _ => Rounding.NearestEven,
    };

    private static double RoundToIntegral(double value, string? rounding) => rounding switch
    {
        "rni" => Math.Round(value, MidpointRounding.ToEven),
        "rzi" => Math.Truncate(value),
        "rmi" => Math.Floor(value),
        "rpi" => Math.Ceiling(value),
        _ => value,
    };

    public static double ToDouble(PtxType type, ulong bits) => type switch
    {
        F16 => HalfValue.ToDouble((ushort)bits),
        BF16 => BFloatValue.ToDouble((ushort)bits),
        F32 => BitConverter.UInt32BitsToSingle((uint)bits),
        _ => BitConverter.UInt64BitsToDouble(bits),
    };

    private static ulong FromDouble(PtxType type, double value, Rounding rounding, bool relu)
    {
        if (relu && value <= 0) value = 0;
        return type switch
        {
            F16 => HalfValue.FromDouble(value, rounding),
            BF16 => BFloatValue.FromDouble(value, rounding),
            F64 => BitConverter.DoubleToUInt64Bits(value),
            _ when double.IsNaN(value) => 0x7FFF_FFFF,
            TF32 => (ulong)FloatFormat.TensorFloat.Encode(value, rounding) << 13,
            _ => FloatFormat.Single.Encode(value, rounding),
        };
    }

    // An integer as a double that rounds to any smaller format as the integer itself would: where 53 bits do not hold it, the lost bits
    // stick to the last one. For .f64 the conversion itself rounds to nearest even.
    private static double Exact(PtxType from, ulong bits, PtxType to)
    {
        ulong value = Extend(bits, from, 8);
        bool negative = from.IsSigned() && (long)value < 0;
        if (to == F64) return from.IsSigned() ? (long)value : value;
        ulong magnitude = negative ? 0 - value : value;
        double result = magnitude < 1UL << 53 ? magnitude : ((magnitude >> 11) | ((magnitude & 0x7FF) != 0 ? 1UL : 0)) * 2048.0;
        return negative ? -result : result;
    }

    private static double Saturated(double value, bool saturate) => saturate ? Math.Clamp(value, 0, 1) : value;

    private static ulong ToInteger(double value, PtxType to, PtxType from)
    {
        int width = to.Size() * 8;
        if (double.IsNaN(value)) return from == F64 || width == 64 ? 1UL << (width - 1) : 0;
        if (to.IsSigned())
        {
            double limit = Math.ScaleB(1, width - 1);
            if (value >= limit) return (1UL << (width - 1)) - 1;
            return value <= -limit ? 1UL << (width - 1) : (ulong)(long)value;
        }
        if (value >= Math.ScaleB(1, width)) return ulong.MaxValue >> (64 - width);
        return value <= 0 ? 0 : (ulong)value;
    }

    // Sign- or zero-extends the low bits that belong to the type to a register of the given size.
    private static ulong Extend(ulong bits, PtxType type, int size)
    {
        int shift = 64 - (8 * type.Size());
        bits <<= shift;
        bits = type.IsSigned() ? (ulong)((long)bits >> shift) : bits >> shift;
        return size == 8 ? bits : bits & ((1UL << (size * 8)) - 1);
    }

    private static ulong Clamp(ulong value, PtxType from, PtxType to)
    {
        Int128 x = from.IsSigned() ? (long)value : value;
        int width = to.Size() * 8;
        Int128 least = to.IsSigned() ? -(Int128.One << (width - 1)) : 0;
        Int128 most = (Int128.One << (to.IsSigned() ? width - 1 : width)) - 1;
        return (ulong)(Int128.Clamp(x, least, most) & ulong.MaxValue);
    }

    private sealed unsafe class PackOp(int d, int a, int b, Func<double, uint> round) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = Warp.FirstLane(mask);
                ((uint*)(warp.Registers + d))[lane] =
                    (round(((float*)(warp.Registers + a))[lane]) << 16) | round(((float*)(warp.Registers + b))[lane]);
            }
        }
    }

    private readonly struct HalfToSingle : IUnary<ushort, float>
    {
        public static float Invoke(ushort a) =>
            (a & 0x7FFF) > 0x7C00 ? BitConverter.UInt32BitsToSingle(0x7FFF_FFFF) : (float)BitConverter.UInt16BitsToHalf(a);
    }

    private readonly struct SingleToHalf : IUnary<float, ushort>
    {
        public static ushort Invoke(float a) => float.IsNaN(a) ? (ushort)0x7FFF : BitConverter.HalfToUInt16Bits((Half)a);
    }

    private readonly struct BFloatToSingle : IUnary<ushort, float>
    {
        public static float Invoke(ushort a) => BitConverter.UInt32BitsToSingle((a & 0x7FFF) > 0x7F80 ? 0x7FFF_FFFF : (uint)a << 16);
    }

    private readonly struct SingleToBFloat : IUnary<float, ushort>
    {
        public static ushort Invoke(float a)
        {
            uint bits = BitConverter.SingleToUInt32Bits(a);
            return float.IsNaN(a) ? (ushort)0x7FFF : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }

    private readonly struct PackHalves : IBinary<float, float, uint>
    {
        public static uint Invoke(float a, float b) => ((uint)SingleToHalf.Invoke(a) << 16) | SingleToHalf.Invoke(b);
    }

    private readonly struct PackFiniteHalves : IBinary<float, float, uint>
    {
        public static uint Invoke(float a, float b) => ((uint)Finite(a) << 16) | Finite(b);

        // 0x7BFF is 65504, the largest.
        private static ushort Finite(float x)
        {
            ushort half = SingleToHalf.Invoke(x);
            return (half & 0x7FFF) == 0x7C00 ? (ushort)(half - 1) : half;
        }
    }

    private readonly struct PackBFloats : IBinary<float, float, uint>
    {
        public static uint Invoke(float a, float b) => ((uint)SingleToBFloat.Invoke(a) << 16) | SingleToBFloat.Invoke(b);
    }

    private readonly struct IntToSingle : IUnary<int, float>
    {
        public static float Invoke(int a) => a;
    }

    private readonly struct UIntToSingle : IUnary<uint, float>
    {
        // By way of double, which holds every uint exactly.
        public static float Invoke(uint a) => (float)(double)a;
    }

    private readonly struct ZeroExtend : IUnary<uint, ulong>
    {
        public static ulong Invoke(uint a) => a;
    }

    private readonly struct SignExtend : IUnary<int, long>
    {
        public static long Invoke(int a) => a;
    }

    private readonly struct Truncate : IUnary<ulong, uint>
    {
        public static uint Invoke(ulong a) => (uint)a;
    }
}
