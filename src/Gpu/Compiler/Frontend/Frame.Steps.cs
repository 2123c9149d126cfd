using System.Reflection;
using System.Reflection.Metadata;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

internal sealed partial class Importer
{
    /// <content>What each IL instruction means.</content>
    private sealed partial class Frame
    {
        private const string NoDelegates =
            "delegates and lambdas: pass a struct that implements an interface as a type parameter, and call its method";

        private Type? _constrained;

        /// <summary>Imports one instruction; false when it ends the block.</summary>
        private bool Step(Instruction i, int index)
        {
            switch (i.Code)
            {
                case ILOpCode.Nop or ILOpCode.Break or ILOpCode.Tail or ILOpCode.Volatile or ILOpCode.Readonly:
                    return true;

                case ILOpCode.Ldarg_0 or ILOpCode.Ldarg_1 or ILOpCode.Ldarg_2 or ILOpCode.Ldarg_3:
                    LoadArgument((int)i.Code - (int)ILOpCode.Ldarg_0);
                    return true;
                case ILOpCode.Ldarg or ILOpCode.Ldarg_s:
                    LoadArgument((int)i.Operand);
                    return true;
                case ILOpCode.Ldarga or ILOpCode.Ldarga_s:
                    Push(_argumentSlots[i.Operand]!);
                    return true;
                case ILOpCode.Starg or ILOpCode.Starg_s:
                    importer.Store(LayoutOf(code.Parameters[i.Operand]), _argumentSlots[i.Operand]!, PopAny());
                    return true;
                case ILOpCode.Ldloc_0 or ILOpCode.Ldloc_1 or ILOpCode.Ldloc_2 or ILOpCode.Ldloc_3:
                    LoadLocal((int)i.Code - (int)ILOpCode.Ldloc_0);
                    return true;
                case ILOpCode.Ldloc or ILOpCode.Ldloc_s:
                    LoadLocal(i.Operand);
                    return true;
                case ILOpCode.Ldloca or ILOpCode.Ldloca_s:
                    Push(LocalAddress(i.Operand));
                    return true;
                case ILOpCode.Stloc_0 or ILOpCode.Stloc_1 or ILOpCode.Stloc_2 or ILOpCode.Stloc_3:
                    StoreLocal((int)i.Code - (int)ILOpCode.Stloc_0);
                    return true;
                case ILOpCode.Stloc or ILOpCode.Stloc_s:
                    StoreLocal(i.Operand);
                    return true;

                case >= ILOpCode.Ldc_i4_m1 and <= ILOpCode.Ldc_i4_8:
                    Push(_function.Int((int)i.Code - (int)ILOpCode.Ldc_i4_0));
                    return true;
                case ILOpCode.Ldc_i4 or ILOpCode.Ldc_i4_s:
                    Push(_function.Int((int)i.Operand));
                    return true;
                case ILOpCode.Ldc_i8:
                    Push(_function.Long(i.Operand));
                    return true;
                case ILOpCode.Ldc_r4:
                    Push(_function.Const(IRType.F32, i.Operand));
                    return true;
                case ILOpCode.Ldc_r8:
                    Push(_function.Const(IRType.F64, i.Operand));
                    return true;
                case ILOpCode.Ldnull:
                    throw Refuse("null: objects do not exist on the device");
                case ILOpCode.Ldstr:
                    throw Refuse("strings and exceptions do not exist on the device: check on the host, or write a status to a buffer");
                case ILOpCode.Dup:
                    Push(_stack[^1]);
                    return true;
                case ILOpCode.Pop:
                    PopAny();
                    return true;

                case ILOpCode.Add:
                    Arithmetic(Op.Add);
                    return true;
                case ILOpCode.Sub:
                    Arithmetic(Op.Sub);
                    return true;
                case ILOpCode.Mul:
                    Arithmetic(Op.Mul);
                    return true;
                case ILOpCode.Div:
                    Arithmetic(Op.Div);
                    return true;
                case ILOpCode.Div_un:
                    Arithmetic(Op.DivU);
                    return true;
                case ILOpCode.Rem:
                    if (_stack[^1].Scalar.Type.IsFloat())
                        throw Refuse("the remainder of floating point numbers: write x - XMath.Truncate(x / y) * y");
                    Arithmetic(Op.Rem);
                    return true;
                case ILOpCode.Rem_un:
                    Arithmetic(Op.RemU);
                    return true;
                case ILOpCode.And:
                    Arithmetic(Op.And);
                    return true;
                case ILOpCode.Or:
                    Arithmetic(Op.Or);
                    return true;
                case ILOpCode.Xor:
                    Arithmetic(Op.Xor);
                    return true;
                case ILOpCode.Shl:
                    Shift(Op.Shl);
                    return true;
                case ILOpCode.Shr:
                    Shift(Op.Shr);
                    return true;
                case ILOpCode.Shr_un:
                    Shift(Op.ShrU);
                    return true;
                case ILOpCode.Neg:
                    Unary(Op.Neg);
                    return true;
                case ILOpCode.Not:
                    Unary(Op.Not);
                    return true;

                case ILOpCode.Ceq:
                    PushComparison(Comparison.Eq);
                    return true;
                case ILOpCode.Cgt:
                    PushComparison(Comparison.Gt);
                    return true;
                case ILOpCode.Cgt_un:
                    PushComparison(Comparison.GtU);
                    return true;
                case ILOpCode.Clt:
                    PushComparison(Comparison.Lt);
                    return true;
                case ILOpCode.Clt_un:
                    PushComparison(Comparison.LtU);
                    return true;

                case ILOpCode.Br or ILOpCode.Br_s:
                    Jump((int)i.Operand);
                    return false;
                case ILOpCode.Brtrue or ILOpCode.Brtrue_s:
                    JumpIf(AsPredicate(Pop()), (int)i.Operand, code.Instructions[index + 1].Offset);
                    return false;
                case ILOpCode.Brfalse or ILOpCode.Brfalse_s:
                    JumpIf(AsPredicate(Pop()), code.Instructions[index + 1].Offset, (int)i.Operand);
                    return false;
                case >= ILOpCode.Beq_s and <= ILOpCode.Blt_un_s or >= ILOpCode.Beq and <= ILOpCode.Blt_un:
                    (Value left, Value right) = PopPair();
                    JumpIf(_builder.Compare(BranchComparison(i.Code), left, right), (int)i.Operand, code.Instructions[index + 1].Offset);
                    return false;
                case ILOpCode.Switch:
                    Switch(i, code.Instructions[index + 1].Offset);
                    return false;
                case ILOpCode.Ret:
                    Return();
                    return false;
                case ILOpCode.Throw or ILOpCode.Rethrow:
                    throw Refuse("exceptions do not exist on the device: check on the host, or write a status to a buffer");

                case ILOpCode.Ldind_i1:
                    LoadIndirect(MemoryType.I8);
                    return true;
                case ILOpCode.Ldind_u1:
                    LoadIndirect(MemoryType.U8);
                    return true;
                case ILOpCode.Ldind_i2:
                    LoadIndirect(MemoryType.I16);
                    return true;
                case ILOpCode.Ldind_u2:
                    LoadIndirect(MemoryType.U16);
                    return true;
                case ILOpCode.Ldind_i4 or ILOpCode.Ldind_u4:
                    LoadIndirect(MemoryType.I32);
                    return true;
                case ILOpCode.Ldind_i8 or ILOpCode.Ldind_i:
                    LoadIndirect(MemoryType.I64);
                    return true;
                case ILOpCode.Ldind_r4:
                    LoadIndirect(MemoryType.F32);
                    return true;
                case ILOpCode.Ldind_r8:
                    LoadIndirect(MemoryType.F64);
                    return true;
                case ILOpCode.Stind_i1:
                    StoreIndirect(MemoryType.U8);
                    return true;
                case ILOpCode.Stind_i2:
                    StoreIndirect(MemoryType.U16);
                    return true;
                case ILOpCode.Stind_i4:
                    StoreIndirect(MemoryType.I32);
                    return true;
                case ILOpCode.Stind_i8 or ILOpCode.Stind_i:
                    StoreIndirect(MemoryType.I64);
                    return true;
                case ILOpCode.Stind_r4:
                    StoreIndirect(MemoryType.F32);
                    return true;
                case ILOpCode.Stind_r8:
                    StoreIndirect(MemoryType.F64);
                    return true;
                case ILOpCode.Ldobj:
                    Type loaded = code.ResolveType(i);
                    Push(importer.Load(LayoutOf(loaded), loaded, Pop()));
                    return true;
                case ILOpCode.Stobj:
                    StackValue stored = PopAny();
                    importer.Store(LayoutOf(code.ResolveType(i)), Pop(), stored);
                    return true;
                case ILOpCode.Cpobj:
                    Type copied = code.ResolveType(i);
                    Value source = Pop();
                    importer.Store(LayoutOf(copied), Pop(), importer.Load(LayoutOf(copied), copied, source));
                    return true;
                case ILOpCode.Initobj:
                    importer.StoreZero(LayoutOf(code.ResolveType(i)), Pop());
                    return true;
                case ILOpCode.Sizeof:
                    Push(_function.Int(LayoutOf(code.ResolveType(i)).Size));
                    return true;
                case ILOpCode.Ldtoken when code.Resolve(i) is Type token:
                    Push(new StackValue([_function.Long(0)], null, token));
                    return true;

                case ILOpCode.Ldfld:
                    LoadField(code.ResolveField(i));
                    return true;
                case ILOpCode.Ldflda:
                    FieldInfo addressed = code.ResolveField(i);
                    Push(importer.AddressPlus(Pop(), LayoutOf(addressed.DeclaringType!).Field(addressed).Offset));
                    return true;
                case ILOpCode.Stfld:
                    FieldInfo assigned = code.ResolveField(i);
                    StackValue content = PopAny();
                    importer.Store(LayoutOf(assigned.FieldType),
                        importer.AddressPlus(Pop(), LayoutOf(assigned.DeclaringType!).Field(assigned).Offset), content);
                    return true;
                case ILOpCode.Ldsfld or ILOpCode.Ldsflda or ILOpCode.Stsfld:
                    FieldInfo field = code.ResolveField(i);
                    if (i.Code == ILOpCode.Ldsfld && IlgpuMeaning.Of(field.DeclaringType!)
                        .GetProperty(field.Name, BindingFlags.Public | BindingFlags.Static) is { } constant)
                    {
                        Push(importer.Inline(constant.GetMethod!, [], Place));
                        return true;
                    }
                    // The compiler keeps a lambda's delegate in a field of a class of its own.
                    if (field.DeclaringType!.Name.StartsWith("<>c", StringComparison.Ordinal)) throw Refuse(NoDelegates);
                    throw Refuse(
                        $"static field {field.DeclaringType?.Name}.{field.Name}: make it a const, pass it as a parameter, or put a " +
                        "table in a buffer");

                case ILOpCode.Constrained:
                    _constrained = code.ResolveType(i);
                    return true;
                case ILOpCode.Call or ILOpCode.Callvirt:
                    Call(code.ResolveMethod(i), i.Code == ILOpCode.Callvirt);
                    return true;
                case ILOpCode.Newobj:
                    NewObject((ConstructorInfo)code.ResolveMethod(i));
                    return true;

                case ILOpCode.Localloc:
                    throw Refuse("stackalloc: use LocalMemory.Allocate<T>(constant)");
                case ILOpCode.Newarr or ILOpCode.Ldelem or ILOpCode.Ldelema or ILOpCode.Stelem or ILOpCode.Ldlen
                    or (>= ILOpCode.Ldelem_i1 and <= ILOpCode.Ldelem_ref) or (>= ILOpCode.Stelem_i and <= ILOpCode.Stelem_ref):
                    throw Refuse("arrays are objects: use LocalMemory.Allocate<T>(constant), SharedMemory, or an ArrayView<T> parameter");
                case ILOpCode.Box or ILOpCode.Unbox or ILOpCode.Unbox_any or ILOpCode.Castclass or ILOpCode.Isinst:
                    throw Refuse("boxing and casts of objects: use a generic method with a struct type parameter");
                case ILOpCode.Ldftn or ILOpCode.Ldvirtftn or ILOpCode.Calli:
                    throw Refuse(NoDelegates);
                default:
                    return Convert(i.Code) ? true : throw Refuse($"the IL instruction {i.Code} is not supported{CheckedHint(i.Code)}");
            }
        }

        private static string CheckedHint(ILOpCode op) =>
            op.ToString().Contains("ovf", StringComparison.OrdinalIgnoreCase)
                ? ": arithmetic on the device is unchecked; write unchecked(...)" : "";

        private void LoadArgument(int index)
        {
            Type type = code.Parameters[index];
            Push(_argumentSlots[index] is { } slot ? importer.Load(LayoutOf(type), type, slot) : arguments[index]);
        }

        private void LoadLocal(long index)
        {
            Type type = code.Locals[index];
            Value address = LocalAddress(index);
            Push(importer.Load(LayoutOf(type), type, address));
        }

        private void StoreLocal(long index)
        {
            StackValue value = PopAny();
            if (value.Token is not null) throw Refuse("a Type in a variable: compare typeof(T) directly");
            importer.Store(LayoutOf(code.Locals[index]), LocalAddress(index), value);
        }

        private void LoadIndirect(MemoryType type) => Push(_builder.Load(type, Pop()));

        private void StoreIndirect(MemoryType type)
        {
            Value value = importer.Coerce(Pop(), type.Register());
            _builder.Store(type, Pop(), value);
        }

        private void LoadField(FieldInfo field)
        {
            if (field.IsStatic) throw Refuse($"static field {field.Name}: make it a const");
            TypeLayout owner = LayoutOf(field.DeclaringType!), layout = LayoutOf(field.FieldType);
            (int offset, int leaf) = owner.Field(field);
            StackValue container = PopAny();
            if (container.Type is null)
            {
                Push(importer.Load(layout, field.FieldType, importer.AddressPlus(container.Scalar, offset)));
                return;
            }
            Push(new StackValue(container.Leaves[leaf..(leaf + layout.Leaves.Length)], layout.IsScalar ? null : field.FieldType));
        }

        private void Switch(Instruction i, int otherwise)
        {
            // A chain of comparisons; the cases of kernels are few, and a constant selector leaves one.
            Value selector = Pop();
            for (int k = 0; k < i.Targets!.Length; k++)
            {
                Value hit = _builder.Compare(Comparison.Eq, selector, _function.Const(selector.Type, k));
                if (hit.IsConst)
                {
                    if (hit.Bits == 0) continue;
                    Jump(i.Targets[k]);
                    return;
                }
                Block next = _function.NewBlock();
                _builder.Block.BranchIf(hit, EntryAt(i.Targets[k]).Block, next);
                _builder.At(next);
            }
            Jump(otherwise);
        }
    }
}
