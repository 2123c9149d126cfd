using System.Reflection.Metadata;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

internal sealed partial class Importer
{
    /// <content>Operators, comparisons and conversions.</content>
    private sealed partial class Frame
    {
        private (Value Left, Value Right) PopPair()
        {
            Value right = Pop(), left = Pop();
            if (left.Type == right.Type) return (left, right);
            // Only native int with int32, or the two floating point types, mix.
            IRType type = left.Type is IRType.I64 or IRType.F64 ? left.Type : right.Type;
            return (importer.Coerce(left, type), importer.Coerce(right, type));
        }

        private void Arithmetic(Op op)
        {
            (Value left, Value right) = PopPair();
            Push(_builder.Emit(op, left, right));
        }

        private void Shift(Op op)
        {
            Value amount = importer.Coerce(Pop(), IRType.I32), value = Pop();
            Push(_builder.Emit(op, value.Type, value, amount));
        }

        private void Unary(Op op)
        {
            Value value = Pop();
            Push(_builder.Emit(op, value.Type, value));
        }

        private void PushComparison(Comparison comparison)
        {
            (Value left, Value right) = PopPair();
            Push(_builder.Emit(Op.BoolToInt, IRType.I32, _builder.Compare(comparison, left, right)));
        }

        private Value AsPredicate(Value value) =>
            value.Type == IRType.Pred ? value : _builder.Compare(Comparison.Ne, value, _function.Const(value.Type, 0));

        private static Comparison BranchComparison(ILOpCode op) => op switch
        {
            ILOpCode.Beq or ILOpCode.Beq_s => Comparison.Eq,
            ILOpCode.Bne_un or ILOpCode.Bne_un_s => Comparison.Ne,
            ILOpCode.Blt or ILOpCode.Blt_s => Comparison.Lt,
            ILOpCode.Ble or ILOpCode.Ble_s => Comparison.Le,
            ILOpCode.Bgt or ILOpCode.Bgt_s => Comparison.Gt,
            ILOpCode.Bge or ILOpCode.Bge_s => Comparison.Ge,
            ILOpCode.Blt_un or ILOpCode.Blt_un_s => Comparison.LtU,
            ILOpCode.Ble_un or ILOpCode.Ble_un_s => Comparison.LeU,
            ILOpCode.Bgt_un or ILOpCode.Bgt_un_s => Comparison.GtU,
            _ => Comparison.GeU,
        };

        private bool Convert(ILOpCode op)
        {
            switch (op)
            {
                case ILOpCode.Conv_i1:
                    Push(_builder.Extend(MemoryType.I8, ToInt32(Pop(), signed: true)));
                    return true;
                case ILOpCode.Conv_u1:
                    Push(_builder.Extend(MemoryType.U8, ToInt32(Pop(), signed: true)));
                    return true;
                case ILOpCode.Conv_i2:
                    Push(_builder.Extend(MemoryType.I16, ToInt32(Pop(), signed: true)));
                    return true;
                case ILOpCode.Conv_u2:
                    Push(_builder.Extend(MemoryType.U16, ToInt32(Pop(), signed: true)));
                    return true;
                case ILOpCode.Conv_i4:
                    Push(ToInt32(Pop(), signed: true));
                    return true;
                case ILOpCode.Conv_u4:
                    Push(ToInt32(Pop(), signed: false));
                    return true;
                case ILOpCode.Conv_i8 or ILOpCode.Conv_i:
                    Push(ToInt64(Pop(), signed: true));
                    return true;
                case ILOpCode.Conv_u8 or ILOpCode.Conv_u:
                    Push(ToInt64(Pop(), signed: false));
                    return true;
                case ILOpCode.Conv_r4:
                    Push(ToFloat(Pop(), IRType.F32, Op.ToFloat));
                    return true;
                case ILOpCode.Conv_r8:
                    Push(ToFloat(Pop(), IRType.F64, Op.ToFloat));
                    return true;
                case ILOpCode.Conv_r_un:
                    Push(ToFloat(Pop(), IRType.F64, Op.ToFloatU));
                    return true;
                default:
                    return false;
            }
        }

        private Value ToInt32(Value value, bool signed) => value.Type switch
        {
            IRType.I64 => _builder.Emit(Op.Narrow, IRType.I32, value),
            IRType.F32 or IRType.F64 => _builder.Emit(signed ? Op.ToInt : Op.ToIntU, IRType.I32, value),
            _ => value,
        };

        private Value ToInt64(Value value, bool signed) => value.Type switch
        {
            IRType.I32 => _builder.Emit(signed ? Op.SignExtend : Op.ZeroExtend, IRType.I64, value),
            IRType.F32 or IRType.F64 => _builder.Emit(signed ? Op.ToInt : Op.ToIntU, IRType.I64, value),
            _ => value,
        };

        private Value ToFloat(Value value, IRType type, Op fromInteger) =>
            _builder.Emit(value.Type.IsFloat() ? Op.FloatToFloat : fromInteger, type, value);
    }
}
