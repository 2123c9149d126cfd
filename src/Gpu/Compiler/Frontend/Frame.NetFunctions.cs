using System.Reflection;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

internal sealed partial class Importer
{
    /// <content>Functions of the .NET base library that have a plain meaning on the device.</content>
    private sealed partial class Frame
    {
        private static string Alternative(MethodBase method) => method.Name switch
        {
            "FusedMultiplyAdd" => "call Intrinsics.Fma",
            "Exp" or "Log" or "Log2" or "Tanh" or "Sin" or "Cos" or "Exp2" => $"call XMath.{method.Name}, which states its error",
            "Pow" => "call XMath.Exp2(y * XMath.Log2(x)), or multiply",
            _ => "write it with IntrinsicMath, XMath or Intrinsics",
        };

        private StackValue? NetFunctions(MethodBase method, StackValue[] v)
        {
            Value? a = v.Length > 0 ? v[0].Leaves?[0] : null, b = v.Length > 1 ? v[1].Leaves?[0] : null;
            switch (method.DeclaringType?.Name)
            {
                case "Math" or "MathF" or "Single" or "Double" or "Int32" or "UInt32" or "Int64" or "UInt64" when method.IsStatic:
                    return Mathematics(method, v, a, b) is { } result ? new StackValue(result) : null;
                case "BitConverter":
                    return method.Name switch
                    {
                        "SingleToInt32Bits" or "SingleToUInt32Bits" => new(_builder.Emit(Op.Bitcast, IRType.I32, a!)),
                        "Int32BitsToSingle" or "UInt32BitsToSingle" => new(_builder.Emit(Op.Bitcast, IRType.F32, a!)),
                        "DoubleToInt64Bits" or "DoubleToUInt64Bits" => new(_builder.Emit(Op.Bitcast, IRType.I64, a!)),
                        "Int64BitsToDouble" or "UInt64BitsToDouble" => new StackValue(_builder.Emit(Op.Bitcast, IRType.F64, a!)),
                        _ => null,
                    };
                case "BitOperations":
                    return BitOperation(method.Name, a!, b) is { } bits ? new StackValue(bits) : null;
                case "Unsafe":
                    return Unsafe((MethodInfo)method, v, a, b);
                case "Type" when method.Name == "GetTypeFromHandle":
                    return v[0];
                case "Type" when method.Name is "op_Equality" or "op_Inequality" && v[0].Token is not null && v[1].Token is not null:
                    return new StackValue(_function.Int((v[0].Token == v[1].Token) == (method.Name == "op_Equality") ? 1 : 0));
                default:
                    return null;
            }
        }

        private Value? Mathematics(MethodBase method, StackValue[] v, Value? a, Value? b)
        {
            if (a is null || v.Any(static x => x.Type is not null)) return null;
            Type type = method.GetParameters()[0].ParameterType;
            bool unsigned = type == typeof(uint) || type == typeof(ulong) || type == typeof(byte) || type == typeof(ushort);
            bool isFloat = a.Type.IsFloat();
            switch (method.Name)
            {
                case "Min" or "Max":
                    bool min = method.Name == "Min";
                    Op op = (min, unsigned) switch
                        { (true, false) => Op.Min, (true, true) => Op.MinU, (false, false) => Op.Max, _ => Op.MaxU };
                    Value value = _builder.Emit(op, a, b!);
                    // The instruction prefers numbers; .NET's functions hand NaN on.
                    return isFloat ? _builder.Select(IsNaN(a), a, _builder.Select(IsNaN(b!), b!, value)) : value;
                case "Clamp" when !isFloat && v.Length == 3:
                    return _builder.Emit(unsigned ? Op.MinU : Op.Min, _builder.Emit(unsigned ? Op.MaxU : Op.Max, a, b!), v[2].Scalar);
                case "MinNumber" when isFloat:
                    return _builder.Emit(Op.Min, a, b!);
                case "MaxNumber" when isFloat:
                    return _builder.Emit(Op.Max, a, b!);
                case "Abs":
                    return _builder.Emit(Op.Abs, a.Type, a);
                case "Sqrt":
                    return _builder.Emit(Op.Sqrt, a.Type, a);
                case "Floor":
                    return _builder.Emit(Op.Floor, a.Type, a);
                case "Ceiling":
                    return _builder.Emit(Op.Ceiling, a.Type, a);
                case "Truncate":
                    return _builder.Emit(Op.Truncate, a.Type, a);
                case "Round" when v.Length == 1:
                    return _builder.Emit(Op.Round, a.Type, a);
                case "CopySign":
                    return _builder.Emit(Op.CopySign, a, b!);
                case "IsNaN" when isFloat:
                    return _builder.Emit(Op.BoolToInt, IRType.I32, IsNaN(a));
                case "IsPositiveInfinity" when a.Type == IRType.F32:
                    return _builder.Emit(Op.BoolToInt, IRType.I32,
                        _builder.Compare(Comparison.Eq, a, _function.Float(float.PositiveInfinity)));
                case "IsInfinity" when a.Type == IRType.F32:
                    Value magnitude = _builder.Emit(Op.Abs, a.Type, a);
                    return _builder.Emit(Op.BoolToInt, IRType.I32,
                        _builder.Compare(Comparison.Eq, magnitude, _function.Float(float.PositiveInfinity)));
                case "IsFinite" when a.Type == IRType.F32:
                    return _builder.Emit(Op.BoolToInt, IRType.I32,
                        _builder.Compare(Comparison.Lt, _builder.Emit(Op.Abs, a.Type, a), _function.Float(float.PositiveInfinity)));
                case "PopCount" or "LeadingZeroCount" or "TrailingZeroCount" when a.Type == IRType.I32:
                    return BitOperation(method.Name, a, b);
                case "FusedMultiplyAdd" or "Exp" or "Log" or "Log2" or "Exp2" or "Tanh" or "Sin" or "Cos" or "Pow":
                    throw Refuse($"{method.DeclaringType!.Name}.{method.Name} has no device version: {Alternative(method)}");
                default:
                    return null;
            }
        }

        private Value IsNaN(Value a) => _builder.Compare(Comparison.Ne, a, a);

        private Value? BitOperation(string name, Value a, Value? b)
        {
            Value Masked(Value amount) => _builder.Emit(Op.And, amount, _function.Int(31));
            return name switch
            {
                "PopCount" => _builder.Emit(Op.PopCount, IRType.I32, a),
                "LeadingZeroCount" => _builder.Emit(Op.LeadingZeros, IRType.I32, a),
                "TrailingZeroCount" => _builder.Emit(Op.LeadingZeros, IRType.I32, _builder.Emit(Op.ReverseBits, a.Type, a)),
                "Log2" when a.Type == IRType.I32 => _builder.Emit(
                    Op.Sub, _function.Int(31), _builder.Emit(Op.LeadingZeros, IRType.I32, _builder.Emit(Op.Or, a, _function.Int(1)))),
                "RotateLeft" when a.Type == IRType.I32 => _builder.Emit(Op.Or, _builder.Emit(Op.Shl, IRType.I32, a, Masked(b!)),
                    _builder.Emit(Op.ShrU, IRType.I32, a, Masked(_builder.Emit(Op.Neg, IRType.I32, b!)))),
                "RotateRight" when a.Type == IRType.I32 => _builder.Emit(Op.Or, _builder.Emit(Op.ShrU, IRType.I32, a, Masked(b!)),
                    _builder.Emit(Op.Shl, IRType.I32, a, Masked(_builder.Emit(Op.Neg, IRType.I32, b!)))),
                _ => null,
            };
        }

        private StackValue? Unsafe(MethodInfo method, StackValue[] v, Value? a, Value? b)
        {
            Type[] types = method.GetGenericArguments();
            switch (method.Name)
            {
                case "SizeOf":
                    return new StackValue(_function.Int(LayoutOf(types[0]).Size));
                case "As" when types.Length == 2:
                case "AsRef":
                    return v[0];
                case "SkipInit":
                    return default(StackValue);
                case "Add" when types.Length == 1:
                    Value index = b!.Type == IRType.I32 ? _builder.IndexExtend(b) : b;
                    return new StackValue(_builder.Emit(Op.Add, a!, _builder.Emit(Op.Mul, index, _function.Long(LayoutOf(types[0]).Size))));
                case "BitCast":
                    TypeLayout from = LayoutOf(types[0]), to = LayoutOf(types[1]);
                    Value slot = importer.NewSlot("cast", Math.Max(from.Size, to.Size));
                    importer.Store(from, slot, v[0]);
                    return importer.Load(to, types[1], slot);
                default:
                    return null;
            }
        }
    }
}
