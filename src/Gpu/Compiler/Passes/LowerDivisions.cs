using System.Numerics;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Division and remainder by constants as shifts, masks and multiplications; there is no division instruction in the hardware.
/// </summary>
internal static class LowerDivisions
{
    public static void Run(Function function)
    {
        Ranges? ranges = null;
        var builder = new Builder(function);
        var flow = new Flow(function);
        foreach (Block block in flow.Order)
        {
            if (!block.Body.Exists(IsCandidate)) continue;
            ranges ??= new Ranges(flow);
            List<Value> body = block.Body;
            builder.Block = block;
            block.Body = builder.Body = new List<Value>(body.Count + 8);
            foreach (Value value in body)
            {
                Function.ResolveOperands(value);
                if (IsCandidate(value)) value.Forward = Lower(builder, ranges, value);
                if (value.Forward is null) block.Body.Add(value);
            }
        }
        if (ranges is not null) function.ApplyForwards();
    }

    private static bool IsCandidate(Value value) =>
        value.Op is Op.Div or Op.DivU or Op.Rem or Op.RemU && value.Type.IsInteger() && value.Operands[1].IsConst
            && value.Operands[1].Bits > 0;

    private static Value? Lower(Builder b, Ranges ranges, Value value)
    {
        Function f = b.Function;
        IRType type = value.Type;
        Value x = value.Operands[0];
        long d = value.Operands[1].Bits;
        bool remainder = value.Op is Op.Rem or Op.RemU;
        bool nonNegative = value.Op is Op.DivU or Op.RemU || ranges.IsNonNegative(x);
        int width = type == IRType.I32 ? 32 : 64;

        if (BitOperations.IsPow2(d))
        {
            int shift = BitOperations.TrailingZeroCount(d);
            if (nonNegative) return remainder ? b.Emit(Op.And, x, f.Const(type, d - 1)) : b.Emit(Op.ShrU, type, x, f.Int(shift));
            // Division rounds towards zero: negative numbers get d - 1 more before the shift.
            Value sign = b.Emit(Op.Shr, type, x, f.Int(width - 1));
            Value biased = b.Emit(Op.Add, x, b.Emit(Op.ShrU, type, sign, f.Int(width - shift)));
            return remainder
                ? b.Emit(Op.Sub, x, b.Emit(Op.And, biased, f.Const(type, -d)))
                : b.Emit(Op.Shr, type, biased, f.Int(shift));
        }
        if (type != IRType.I32) return null;
        Value? quotient = nonNegative && value.Op is Op.Div or Op.Rem ? UnsignedBelow31(b, x, d)
            : value.Op is Op.DivU or Op.RemU ? Unsigned(b, x, d)
            : Signed(b, x, d);
        if (quotient is null) return null;
        return remainder ? b.Emit(Op.Sub, x, b.Emit(Op.Mul, quotient, f.Int((int)d))) : quotient;
    }

    /// <summary>
    /// x / d for 0 &lt;= x &lt; 2^31: floor(x * m / 2^(32+s)) with m = ceil(2^(32+s) / d), exact as m * d - 2^(32+s) &lt;= 2^(s+1).
    /// </summary>
    private static Value? UnsignedBelow31(Builder b, Value x, long d)
    {
        for (int s = 0; s < 32; s++)
        {
            UInt128 power = UInt128.One << (32 + s);
            UInt128 m = (power + (ulong)d - 1) / (ulong)d;
            if (m * (ulong)d - power > (UInt128.One << (s + 1)) || m > uint.MaxValue) continue;
            Value high = b.Emit(Op.MulHiU, x, b.Function.Int((int)(uint)m));
            return b.Emit(Op.ShrU, IRType.I32, high, b.Function.Int(s));
        }
        return null;
    }

    /// <summary>x / d for any unsigned x, where a 32-bit multiplier is exact; others are left to the assembler.</summary>
    private static Value? Unsigned(Builder b, Value x, long d)
    {
        for (int s = 0; s < 32; s++)
        {
            UInt128 power = UInt128.One << (32 + s);
            UInt128 m = (power + (ulong)d - 1) / (ulong)d;
            if (m * (ulong)d - power > (UInt128.One << s) || m > uint.MaxValue) continue;
            Value high = b.Emit(Op.MulHiU, x, b.Function.Int((int)(uint)m));
            return b.Emit(Op.ShrU, IRType.I32, high, b.Function.Int(s));
        }
        return null;
    }

    /// <summary>
    /// Hacker's Delight, signed division by a constant of at least 2: a high product, a correction, and one more for negative x.
    /// </summary>
    private static Value Signed(Builder b, Value x, long d)
    {
        Function f = b.Function;
        int s = 0;
        long m;
        for (; ; s++)
        {
            Int128 power = Int128.One << (32 + s);
            Int128 candidate = power / d + 1;
            // Exact when the excess of m * d over 2^(32+s) is at most 2^(s+1).
            if (candidate * d - power <= (Int128.One << (s + 1)))
            {
                m = (long)candidate;
                break;
            }
        }
        Value high = b.Emit(Op.MulHi, x, f.Int((int)m));
        if (m > int.MaxValue) high = b.Emit(Op.Add, high, x);
        Value shifted = b.Emit(Op.Shr, IRType.I32, high, f.Int(s));
        return b.Emit(Op.Sub, shifted, b.Emit(Op.Shr, IRType.I32, x, f.Int(31)));
    }
}
