using System.Numerics;

namespace Lia.Gpu.Compiler.IR;

/// <content>Arithmetic on constants.</content>
internal static partial class Folding
{
    private static float AsFloat(long bits) => BitConverter.Int32BitsToSingle((int)bits);

    private static double AsDouble(long bits) => BitConverter.Int64BitsToDouble(bits);

    private static long Bits(float value) => BitConverter.SingleToInt32Bits(value);

    private static long Bits(double value) => BitConverter.DoubleToInt64Bits(value);

    private static long? Unary(Op op, IRType type, byte kind, Value a)
    {
        long x = a.Bits;
        switch (op)
        {
            case Op.Neg:
                return type switch { IRType.F32 => Bits(-AsFloat(x)), IRType.F64 => Bits(-AsDouble(x)), _ => -x };
            case Op.Not:
                return type == IRType.Pred ? 1 - x : ~x;
            case Op.Abs:
                return type switch
                    { IRType.F32 => Bits(MathF.Abs(AsFloat(x))), IRType.F64 => Bits(Math.Abs(AsDouble(x))), _ => x < 0 ? -x : x };
            case Op.Sqrt:
                return type == IRType.F32 ? Bits(MathF.Sqrt(AsFloat(x))) : Bits(Math.Sqrt(AsDouble(x)));
            case Op.Floor:
                return type == IRType.F32 ? Bits(MathF.Floor(AsFloat(x))) : Bits(Math.Floor(AsDouble(x)));
            case Op.Ceiling:
                return type == IRType.F32 ? Bits(MathF.Ceiling(AsFloat(x))) : Bits(Math.Ceiling(AsDouble(x)));
            case Op.Round:
                return type == IRType.F32 ? Bits(MathF.Round(AsFloat(x))) : Bits(Math.Round(AsDouble(x)));
            case Op.Truncate:
                return type == IRType.F32 ? Bits(MathF.Truncate(AsFloat(x))) : Bits(Math.Truncate(AsDouble(x)));
            case Op.PopCount:
                return type == IRType.I32 && a.Type == IRType.I32 ? BitOperations.PopCount((uint)x) : BitOperations.PopCount((ulong)x);
            case Op.LeadingZeros:
                return a.Type == IRType.I32 ? BitOperations.LeadingZeroCount((uint)x) : BitOperations.LeadingZeroCount((ulong)x);
            case Op.Extend:
                return (MemoryType)kind switch
                    { MemoryType.I8 => (sbyte)x, MemoryType.U8 => (byte)x, MemoryType.I16 => (short)x, _ => (ushort)x };
            case Op.SignExtend:
                return (int)x;
            case Op.ZeroExtend:
                return (uint)x;
            case Op.Narrow:
                return (int)x;
            case Op.BoolToInt:
                return x;
            case Op.ToFloat:
                return type == IRType.F32 ? Bits((float)x) : Bits((double)x);
            case Op.ToFloatU:
                ulong u = a.Type == IRType.I32 ? (uint)x : (ulong)x;
                return type == IRType.F32 ? Bits((float)u) : Bits((double)u);
            case Op.ToInt or Op.ToIntU:
                return ToInteger(op, type, a.Type == IRType.F32 ? AsFloat(x) : AsDouble(x));
            case Op.FloatToFloat:
                return type == a.Type ? x : type == IRType.F32 ? Bits((float)AsDouble(x)) : Bits((double)AsFloat(x));
            case Op.Bitcast:
                return x;
            case Op.BitsToHalf or Op.HalfToBits:
                return (ushort)x;
            default:
                return null;
        }
    }

    /// <summary>As `cvt.rzi` does it: cut to the type's range, NaN to zero.</summary>
    private static long ToInteger(Op op, IRType type, double x) => (op, type) switch
    {
        (Op.ToInt, IRType.I32) => int.CreateSaturating(x),
        (Op.ToInt, _) => long.CreateSaturating(x),
        (_, IRType.I32) => (int)uint.CreateSaturating(x),
        _ => (long)ulong.CreateSaturating(x),
    };

    private static long? Binary(Op op, IRType type, long x, long y) => type switch
    {
        IRType.I32 => Integer(op, (int)x, (int)y, 32) is { } i ? (int)i : null,
        IRType.I64 => Integer(op, x, y, 64),
        IRType.Pred => op switch { Op.And => x & y, Op.Or => x | y, Op.Xor => x ^ y, _ => null },
        IRType.F32 => op switch
        {
            Op.Add => Bits(AsFloat(x) + AsFloat(y)),
            Op.Sub => Bits(AsFloat(x) - AsFloat(y)),
            Op.Mul => Bits(AsFloat(x) * AsFloat(y)),
            Op.Div => Bits(AsFloat(x) / AsFloat(y)),
            Op.Min => Bits(float.MinNumber(AsFloat(x), AsFloat(y))),
            Op.Max => Bits(float.MaxNumber(AsFloat(x), AsFloat(y))),
            _ => null,
        },
        IRType.F64 => op switch
        {
            Op.Add => Bits(AsDouble(x) + AsDouble(y)),
            Op.Sub => Bits(AsDouble(x) - AsDouble(y)),
            Op.Mul => Bits(AsDouble(x) * AsDouble(y)),
            Op.Div => Bits(AsDouble(x) / AsDouble(y)),
            Op.Min => Bits(double.MinNumber(AsDouble(x), AsDouble(y))),
            Op.Max => Bits(double.MaxNumber(AsDouble(x), AsDouble(y))),
            _ => null,
        },
        _ => null,
    };

    private static long? Integer(Op op, long x, long y, int width)
    {
        ulong ux = width == 32 ? (uint)x : (ulong)x, uy = width == 32 ? (uint)y : (ulong)y;
        switch (op)
        {
            case Op.Add: return x + y;
            case Op.Sub: return x - y;
            case Op.Mul: return x * y;
            // Dividing by zero is left to the device; the smallest number by -1 wraps there.
            case Op.Div: return y == 0 ? null : y == -1 ? -x : x / y;
            case Op.Rem: return y == 0 ? null : y == -1 ? 0 : x % y;
            case Op.DivU: return uy == 0 ? null : (long)(ux / uy);
            case Op.RemU: return uy == 0 ? null : (long)(ux % uy);
            case Op.MulHi: return width == 32 ? (x * y) >> 32 : Math.BigMul(x, y, out _);
            case Op.MulHiU: return width == 32 ? (long)((ux * uy) >> 32) : (long)Math.BigMul(ux, uy, out _);
            case Op.And: return x & y;
            case Op.Or: return x | y;
            case Op.Xor: return x ^ y;
            case Op.Min: return Math.Min(x, y);
            case Op.Max: return Math.Max(x, y);
            case Op.MinU: return (long)Math.Min(ux, uy);
            case Op.MaxU: return (long)Math.Max(ux, uy);
            // As PTX shifts: amounts beyond the width shift everything out.
            case Op.Shl: return uy >= (ulong)width ? 0 : x << (int)uy;
            case Op.Shr: return x >> (int)Math.Min(uy, (ulong)width - 1);
            case Op.ShrU: return uy >= (ulong)width ? 0 : (long)(ux >> (int)uy);
            default: return null;
        }
    }

    private static bool Compare(Comparison comparison, Value a, Value b)
    {
        if (a.Type.IsFloat())
        {
            double x = a.Type == IRType.F32 ? AsFloat(a.Bits) : AsDouble(a.Bits), y = b.Type == IRType.F32 ? AsFloat(b.Bits)
                : AsDouble(b.Bits);
            return comparison switch
            {
                Comparison.Eq => x == y,
                Comparison.Ne => x != y,
                Comparison.Lt => x < y,
                Comparison.Le => x <= y,
                Comparison.Gt => x > y,
                Comparison.Ge => x >= y,
                Comparison.LtU => !(x >= y),
                Comparison.LeU => !(x > y),
                Comparison.GtU => !(x <= y),
                _ => !(x < y),
            };
        }
        bool narrow = a.Type == IRType.I32;
        ulong ux = narrow ? (uint)a.Bits : (ulong)a.Bits, uy = narrow ? (uint)b.Bits : (ulong)b.Bits;
        return comparison switch
        {
            Comparison.Eq => a.Bits == b.Bits,
            Comparison.Ne => a.Bits != b.Bits,
            Comparison.Lt => a.Bits < b.Bits,
            Comparison.Le => a.Bits <= b.Bits,
            Comparison.Gt => a.Bits > b.Bits,
            Comparison.Ge => a.Bits >= b.Bits,
            Comparison.LtU => ux < uy,
            Comparison.LeU => ux <= uy,
            Comparison.GtU => ux > uy,
            _ => ux >= uy,
        };
    }
}
