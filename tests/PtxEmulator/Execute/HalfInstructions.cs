using System.Numerics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// Arithmetic on f16, bf16 and their packed pairs: add sub mul fma min max abs neg, exact with one rounding to nearest even (NaN results
/// are 0x7FFF), and the approximations ex2 and tanh, computed in double precision and rounded once. Intermediate results are doubles, in
/// which sums and products of these formats are exact.
/// </summary>
internal static class HalfInstructions
{
    public static Op? Decode(InstructionReader r)
    {
        string opcode = r.Syntax.Opcode;
        bool approximates = opcode is "ex2" or "tanh";
        if (approximates) r.Require("approx");
        else if (opcode == "fma") r.Require("rn");
        else if (opcode is "add" or "sub" or "mul") r.Take("rn");
        bool saturates = opcode is "add" or "sub" or "mul" or "fma" && r.Take("sat");
        bool clampsBelow = opcode == "fma" && !saturates && r.Take("relu");
        bool propagates = opcode is "min" or "max" && r.Take("NaN");
        PtxType type = r.TakeType(F16, F16x2, BF16, BF16x2);
        bool alternate = type is BF16 or BF16x2;
        if (alternate && saturates) throw r.Error(".sat is for .f16");
        r.RequireSm((opcode, alternate) switch
        {
            ("add" or "sub" or "mul", true) => 90,
            ("ex2" or "tanh", true) => 90,
            ("min" or "max", _) or (_, true) => 80,
            _ => clampsBelow ? 80 : 75,
        });
        return alternate ? Create<BFloatValue>(r, opcode, type, saturates, clampsBelow, propagates)
            : Create<HalfValue>(r, opcode, type, saturates, clampsBelow, propagates);
    }

    private static Op? Create<T>(InstructionReader r, string opcode, PtxType type, bool saturates, bool clampsBelow, bool propagates)
        where T : struct, ISmallFloat
    {
        int d = r.Destination(0, type), a = r.Source(1, type), elements = type.Size() / 2;
        switch (opcode)
        {
            case "neg": return new SignBits(d, a, elements, flip: true);
            case "abs": return new SignBits(d, a, elements, flip: false);
            case "ex2": return new SmallUnary<T>(d, a, elements, x => Math.Pow(2, x));
            case "tanh": return new SmallUnary<T>(d, a, elements, Math.Tanh);
        }
        int b = r.Source(2, type);
        return (opcode, saturates) switch
        {
            ("add", false) => new SmallBinary<T, Add>(d, a, b, elements),
            ("sub", false) => new SmallBinary<T, Subtract>(d, a, b, elements),
            ("mul", false) => new SmallBinary<T, Multiply>(d, a, b, elements),
            ("add", true) => new SmallBinary<T, Saturate<Add>>(d, a, b, elements),
            ("sub", true) => new SmallBinary<T, Saturate<Subtract>>(d, a, b, elements),
            ("mul", true) => new SmallBinary<T, Saturate<Multiply>>(d, a, b, elements),
            ("min", _) => propagates ? new SmallBinary<T, Minimum>(d, a, b, elements)
                : new SmallBinary<T, MinimumNumber>(d, a, b, elements),
            ("max", _) => propagates ? new SmallBinary<T, Maximum>(d, a, b, elements)
                : new SmallBinary<T, MaximumNumber>(d, a, b, elements),
            ("fma", _) => new SmallFused<T>(d, a, b, r.Source(3, type), elements, saturates, clampsBelow),
            _ => null,
        };
    }

    /// <summary>a * b + c so that one more rounding, to a format of at most 24 bits, gives the correctly rounded result: where the sum of
    /// the exact product and c does not fit a double, its last bit is made odd ("rounding to odd").</summary>
    public static double FusedToOdd(double a, double b, double c)
    {
        double product = a * b;
        double sum = product + c;
        if (!double.IsFinite(sum)) return sum;
        double back = sum - product;
        double error = (product - (sum - back)) + (c - back);
        if (error == 0 || (BitConverter.DoubleToUInt64Bits(sum) & 1) != 0) return sum;
        return error > 0 ? Math.BitIncrement(sum) : Math.BitDecrement(sum);
    }

    private sealed unsafe class SmallUnary<T>(int d, int a, int elements, Func<double, double> function) : Op where T : struct, ISmallFloat
    {
        public override void Execute(Warp warp, uint mask)
        {
            ushort* x = (ushort*)(warp.Registers + a), z = (ushort*)(warp.Registers + d);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                for (int i = lane * elements; i < (lane + 1) * elements; i++)
                    z[i] = T.FromDouble(function(T.ToDouble(x[i])), Rounding.NearestEven);
            }
        }
    }

    private sealed unsafe class SmallBinary<T, TOp>(int d, int a, int b, int elements) : Op where T : struct, ISmallFloat
        where TOp : struct, IBinary<double, double, double>
    {
        public override void Execute(Warp warp, uint mask)
        {
            ushort* x = (ushort*)(warp.Registers + a), y = (ushort*)(warp.Registers + b), z = (ushort*)(warp.Registers + d);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                for (int i = lane * elements; i < (lane + 1) * elements; i++)
                    z[i] = T.FromDouble(TOp.Invoke(T.ToDouble(x[i]), T.ToDouble(y[i])), Rounding.NearestEven);
            }
        }
    }

    private sealed unsafe class SmallFused<T>(int d, int a, int b, int c, int elements, bool saturates, bool clampsBelow) : Op
        where T : struct, ISmallFloat
    {
        public override void Execute(Warp warp, uint mask)
        {
            ushort* x = (ushort*)(warp.Registers + a), y = (ushort*)(warp.Registers + b), v = (ushort*)(warp.Registers + c),
                z = (ushort*)(warp.Registers + d);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                for (int i = lane * elements; i < (lane + 1) * elements; i++)
                {
                    double value = FusedToOdd(T.ToDouble(x[i]), T.ToDouble(y[i]), T.ToDouble(v[i]));
                    if (saturates) value = Clamp(value);
                    if (clampsBelow && value <= 0) value = 0;
                    z[i] = T.FromDouble(value, Rounding.NearestEven);
                }
            }
        }
    }

    private sealed unsafe class SignBits(int d, int a, int elements, bool flip) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            ushort* x = (ushort*)(warp.Registers + a), z = (ushort*)(warp.Registers + d);
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                for (int i = lane * elements; i < (lane + 1) * elements; i++) z[i] = (ushort)(flip ? x[i] ^ 0x8000 : x[i] & 0x7FFF);
            }
        }
    }

    // NaN becomes +0.
    private static double Clamp(double x) => x > 0 ? Math.Min(x, 1) : 0;

    private readonly struct Saturate<TOp> : IBinary<double, double, double> where TOp : struct, IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => Clamp(TOp.Invoke(a, b));
    }

    private readonly struct Add : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => FusedToOdd(a, 1, b);
    }

    private readonly struct Subtract : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => FusedToOdd(a, 1, -b);
    }

    private readonly struct Multiply : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => a * b;
    }

    private readonly struct MinimumNumber : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => double.MinNumber(a, b);
    }

    private readonly struct MaximumNumber : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => double.MaxNumber(a, b);
    }

    private readonly struct Minimum : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => Math.Min(a, b);
    }

    private readonly struct Maximum : IBinary<double, double, double>
    {
        public static double Invoke(double a, double b) => Math.Max(a, b);
    }
}
