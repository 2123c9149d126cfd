using System.Numerics;

namespace Lia.Gpu.Compiler.IR;

/// <summary>
/// Local simplification: constant operands are computed, identities removed, and integer constants moved outwards so that they end as the
/// immediate offset of an address. Floating point results are bitwise those of the unsimplified code.
/// </summary>
internal static partial class Folding
{
    public static bool IsCommutative(Op op) =>
        op is Op.Add or Op.Mul or Op.And or Op.Or or Op.Xor or Op.Min or Op.Max or Op.MinU or Op.MaxU or Op.MulHi or Op.MulHiU;

    /// <summary>Something equal to `op(operands)` that is simpler, or null. May exchange the operands.</summary>
    public static Value? TryFold(Builder b, Op op, IRType type, byte kind, Value[] operands)
    {
        Function f = b.Function;
        switch (operands.Length)
        {
            case 1:
                if (operands[0].IsConst && Unary(op, type, kind, operands[0]) is { } bits) return f.Const(type, bits);
                return operands[0].Op == Op.Undef && op != Op.Extend
                    && op is not (Op.Load or Op.LoadVector or Op.SlotAddress or Op.SharedAddress or Op.Ptx)
                    ? f.Const(type, 0)
                    : UnaryIdentity(b, op, type, kind, operands[0]);
            case 2 when op == Op.Compare:
                return Compare(b, (Comparison)kind, operands);
            case 2:
                if (operands[0].IsConst && !operands[1].IsConst && IsCommutative(op))
                    (operands[0], operands[1]) = (operands[1], operands[0]);
                if (operands[0].IsConst && operands[1].IsConst && Binary(op, type, operands[0].Bits, operands[1].Bits) is { } result)
                    return f.Const(type, result);
                return type.IsInteger() || type == IRType.Pred ? IntegerIdentity(b, op, type, operands)
                    : FloatIdentity(b, op, type, operands);
            case 3 when op == Op.Select:
                return Select(b, operands);
            default:
                return null;
        }
    }

    /// <summary>The value of a pure operation on constants, or null.</summary>
    public static long? Evaluate(Op op, IRType type, byte kind, ReadOnlySpan<Value> operands) => operands.Length switch
    {
        1 => Unary(op, type, kind, operands[0]),
        2 when op == Op.Compare => Compare((Comparison)kind, operands[0], operands[1]) ? 1 : 0,
        2 => Binary(op, type, operands[0].Bits, operands[1].Bits),
        3 when op == Op.Select => operands[operands[0].Bits != 0 ? 1 : 2].Bits,
        _ => null,
    };

    private static Value? UnaryIdentity(Builder b, Op op, IRType type, byte kind, Value a)
    {
        switch (op)
        {
            case Op.Bitcast or Op.FloatToFloat when a.Type == type:
                return a;
            case Op.Bitcast when a.Op == Op.Bitcast && a.Operands[0].Type == type:
                return a.Operands[0];
            case Op.BitsToHalf when a.Op == Op.HalfToBits:
                return a.Operands[0];
            case Op.HalfToBits when a.Op == Op.BitsToHalf:
                return b.Extend(MemoryType.U16, a.Operands[0]);
            case Op.BitsToHalf when a.Op == Op.Extend && a.Memory is MemoryType.U16 or MemoryType.I16:
                return b.Emit(Op.BitsToHalf, type, a.Operands[0]);
            case Op.Neg or Op.Not when a.Op == op:
                return a.Operands[0];
            case Op.Not when a.Op == Op.Compare:
                return b.Compare(a.Comparison.Invert(a.Operands[0].Type.IsFloat()), a.Operands[0], a.Operands[1]);
            case Op.Extend when FitsIn(a, (MemoryType)kind):
                return a;
            case Op.Narrow when a.Op is Op.SignExtend or Op.ZeroExtend:
                return a.Operands[0];
            case Op.SignExtend or Op.ZeroExtend when a.Op is Op.Add && kind == 1 && a.Operands[1].IsConst:
                return b.Emit(Op.Add, b.IndexExtend(a.Operands[0]), b.Function.Long(a.Operands[1].Bits));
            // The product by a constant is then an address's scale: 32-bit products of indices do not overflow either.
            case Op.SignExtend when a.Op is Op.Mul && kind == 1 && a.Operands[1].IsConst:
                return b.Emit(Op.Mul, b.IndexExtend(a.Operands[0]), b.Function.Long(a.Operands[1].Bits));
            case Op.FloatToFloat when type == IRType.F32 && a.Op is Op.ToFloat or Op.ToFloatU && a.Operands[0].Type == IRType.I32:
                // A 32-bit integer is exact as a double, so one rounding remains.
                return b.Emit(a.Op, type, a.Operands[0]);
            default:
                return null;
        }
    }

    /// <summary>Whether extending the value from its low bits would leave it as it is.</summary>
    private static bool FitsIn(Value a, MemoryType narrow)
    {
        switch (a.Op)
        {
            case Op.BoolToInt:
                return true;
            case Op.HalfToBits:
                return narrow == MemoryType.U16;
            case Op.Load or Op.Extend or Op.Param:
                return a.Memory == narrow || (a.Memory is MemoryType.U8 && narrow is MemoryType.U16 or MemoryType.I16)
                    || (a.Memory is MemoryType.I8 && narrow is MemoryType.I16);
            case Op.And when a.Operands[1].IsConst:
                long mask = a.Operands[1].Bits;
                return mask >= 0 && mask <= narrow switch
                    { MemoryType.U8 => 255, MemoryType.I8 => 127, MemoryType.U16 => 65535, _ => 32767 };
            default:
                return false;
        }
    }

    private static Value? Select(Builder b, Value[] o)
    {
        if (o[0].IsConst) return o[0].Bits != 0 ? o[1] : o[2];
        if (o[1] == o[2]) return o[1];
        if (o[0].Op == Op.Not) return b.Select(o[0].Operands[0], o[2], o[1]);
        if (o[1].Type == IRType.Pred)
        {
            if (o[1].IsConst) return o[1].Bits != 0 ? b.Emit(Op.Or, o[0], o[2]) : b.Emit(Op.And, b.Emit(Op.Not, IRType.Pred, o[0]), o[2]);
            if (o[2].IsConst) return o[2].Bits == 0 ? b.Emit(Op.And, o[0], o[1]) : b.Emit(Op.Or, b.Emit(Op.Not, IRType.Pred, o[0]), o[1]);
            return b.Emit(Op.Or, b.Emit(Op.And, o[0], o[1]), b.Emit(Op.And, b.Emit(Op.Not, IRType.Pred, o[0]), o[2]));
        }
        if (o[1].Type == IRType.I32)
        {
            if (o[1].IsConstant(1) && o[2].IsConstant(0)) return b.Emit(Op.BoolToInt, IRType.I32, o[0]);
            if (o[1].IsConstant(0) && o[2].IsConstant(1)) return b.Emit(Op.BoolToInt, IRType.I32, b.Emit(Op.Not, IRType.Pred, o[0]));
            if (IsBool(o[1]) && IsBool(o[2]))
                return b.Emit(Op.BoolToInt, IRType.I32, b.Select(o[0], AsPredicate(b, o[1]), AsPredicate(b, o[2])));
        }
        return null;
    }

    private static bool IsBool(Value a) => a.Op == Op.BoolToInt || a.IsConstant(0) || a.IsConstant(1);

    private static Value AsPredicate(Builder b, Value a) => a.IsConst ? b.Function.Const(IRType.Pred, a.Bits) : a.Operands[0];

    private static Value? Compare(Builder b, Comparison comparison, Value[] o)
    {
        Function f = b.Function;
        if (o[0].IsConst && o[1].IsConst) return f.Const(IRType.Pred, Compare(comparison, o[0], o[1]) ? 1 : 0);
        if (o[0].IsConst) return b.Compare(comparison.Swap(), o[1], o[0]);
        bool isFloat = o[0].Type.IsFloat();
        if (o[0] == o[1] && !isFloat)
            return f.Const(IRType.Pred, comparison is Comparison.Eq or Comparison.Le or Comparison.Ge or Comparison.LeU or Comparison.GeU
                ? 1 : 0);
        if (isFloat || !o[1].IsConst) return null;

        long c = o[1].Bits;
        Value a = o[0];
        if (a.Op == Op.BoolToInt)
        {
            // 0 and 1 decide every comparison with a constant.
            bool whenFalse = Compare(comparison, f.Int(0), o[1]), whenTrue = Compare(comparison, f.Int(1), o[1]);
            return whenFalse == whenTrue ? f.Const(IRType.Pred, whenTrue ? 1 : 0)
                : whenTrue ? a.Operands[0] : b.Emit(Op.Not, IRType.Pred, a.Operands[0]);
        }
        if (a.Op == Op.Select && a.Operands[1].IsConst && a.Operands[2].IsConst)
        {
            bool whenTrue = Compare(comparison, a.Operands[1], o[1]), whenFalse = Compare(comparison, a.Operands[2], o[1]);
            return whenFalse == whenTrue ? f.Const(IRType.Pred, whenTrue ? 1 : 0)
                : whenTrue ? a.Operands[0] : b.Emit(Op.Not, IRType.Pred, a.Operands[0]);
        }
        return (comparison, c) switch
        {
            (Comparison.GtU, 0) => b.Compare(Comparison.Ne, a, o[1]),
            (Comparison.LeU, 0) => b.Compare(Comparison.Eq, a, o[1]),
            (Comparison.GeU, 0) => f.True,
            (Comparison.LtU, 0) => f.False,
            (Comparison.Eq or Comparison.Ne, _) when a.Op == Op.Add && a.Operands[1].IsConst =>
                b.Compare(comparison, a.Operands[0], f.Const(a.Type, c - a.Operands[1].Bits)),
            _ => null,
        };
    }

    private static Value? FloatIdentity(Builder b, Op op, IRType type, Value[] o)
    {
        if (!o[1].IsConst || !type.IsFloat()) return null;
        bool single = type == IRType.F32;
        double c = single ? BitConverter.Int32BitsToSingle((int)o[1].Bits) : BitConverter.Int64BitsToDouble(o[1].Bits);
        if (op is Op.Mul or Op.Div && c == 1) return o[0];
        // The reciprocal of a power of two is exact, and so is every product with it that a quotient would give.
        if (op == Op.Div && single && MathF.Abs((float)c) is >= 1e-30f and <= 1e30f
            && BitOperations.IsPow2((uint)o[1].Bits & 0x7fffff | 0x800000))
            return b.Emit(Op.Mul, o[0], b.Function.Float((float)(1 / c)));
        return null;
    }

    private static Value? IntegerIdentity(Builder b, Op op, IRType type, Value[] o)
    {
        Function f = b.Function;
        Value x = o[0], y = o[1];
        if (y.IsConst)
        {
            long c = y.Bits;
            long ones = type == IRType.Pred ? 1 : -1;
            int width = type == IRType.I32 ? 32 : 64;
            switch (op)
            {
                case Op.Add or Op.Sub or Op.Or or Op.Xor or Op.Shl or Op.Shr or Op.ShrU when c == 0:
                case Op.And when c == ones:
                case Op.Mul or Op.Div or Op.DivU when c == 1:
                    return x;
                case Op.And or Op.Mul when c == 0:
                    return y;
                case Op.Or when c == ones:
                    return y;
                case Op.Xor when c == ones:
                    return b.Emit(Op.Not, type, x);
                case Op.Sub:
                    return b.Emit(Op.Add, x, f.Const(type, -c));
                case Op.Shl when c > 0 && c < width:
                    return b.Emit(Op.Mul, x, f.Const(type, 1L << (int)c));
                case Op.DivU when c > 0 && BitOperations.IsPow2(c):
                    return b.Emit(Op.ShrU, type, x, f.Int(BitOperations.TrailingZeroCount(c)));
                case Op.RemU when c > 0 && BitOperations.IsPow2(c):
                    return b.Emit(Op.And, x, f.Const(type, c - 1));
                case Op.Rem or Op.RemU when c == 1:
                    return f.Const(type, 0);
                case Op.Add or Op.And or Op.Or or Op.Xor when x.Op == op && x.Operands[1].IsConst:
                    return b.Emit(op, x.Operands[0], f.Const(type, Binary(op, type, x.Operands[1].Bits, c)!.Value));
                case Op.Mul when x.Op == Op.Mul && x.Operands[1].IsConst:
                    return b.Emit(op, x.Operands[0], f.Const(type, x.Operands[1].Bits * c));
                case Op.Mul when x.Op == Op.Add && x.Operands[1].IsConst:
                    return b.Emit(Op.Add, b.Emit(Op.Mul, x.Operands[0], y), f.Const(type, x.Operands[1].Bits * c));
                case Op.And when x.Op == Op.BoolToInt && (c & 1) == 1:
                    return x;
                case Op.ShrU when x.Op == Op.ShrU && x.Operands[1].IsConst && x.Operands[1].Bits + c < width:
                    return b.Emit(op, type, x.Operands[0], f.Int((int)(x.Operands[1].Bits + c)));
            }
        }
        switch (op)
        {
            case Op.Sub or Op.Xor when x == y:
                return f.Const(type, 0);
            case Op.And or Op.Or or Op.Min or Op.Max or Op.MinU or Op.MaxU when x == y:
                return x;
            // Constants move outwards.
            case Op.Add when x.Op == Op.Add && x.Operands[1].IsConst:
                return b.Emit(Op.Add, b.Emit(Op.Add, x.Operands[0], y), x.Operands[1]);
            case Op.Add when y.Op == Op.Add && y.Operands[1].IsConst:
                return b.Emit(Op.Add, b.Emit(Op.Add, x, y.Operands[0]), y.Operands[1]);
            case Op.Sub when x.Op == Op.Add && x.Operands[1].IsConst:
                return b.Emit(Op.Add, b.Emit(Op.Sub, x.Operands[0], y), x.Operands[1]);
            case Op.Sub when y.Op == Op.Add && y.Operands[1].IsConst:
                return b.Emit(Op.Add, b.Emit(Op.Sub, x, y.Operands[0]), f.Const(type, -y.Operands[1].Bits));
            case Op.And or Op.Or or Op.Xor when type == IRType.I32 && x.Op == Op.BoolToInt && y.Op == Op.BoolToInt:
                return b.Emit(Op.BoolToInt, IRType.I32, b.Emit(op, x.Operands[0], y.Operands[0]));
            default:
                return null;
        }
    }
}
