using System.Reflection;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

internal sealed partial class Importer
{
    /// <content>Calls: templates and built-ins, the few .NET functions we know, and everything else inlined.</content>
    private sealed partial class Frame
    {
        private void Call(MethodBase method, bool isVirtual)
        {
            Type? constrained = _constrained;
            _constrained = null;
            if (constrained is not null)
            {
                if (!constrained.IsValueType) throw Refuse($"a virtual call on {constrained.Name}: make the type argument a struct");
                method = Implementation(method, constrained);
            }
            else if (method.DeclaringType is { IsInterface: true } || (isVirtual && method.IsVirtual && !method.DeclaringType!.IsValueType))
            {
                throw Refuse(
                    $"a virtual call of {method.DeclaringType?.Name}.{method.Name}: use a generic method with a struct type parameter");
            }

            ParameterInfo[] parameters = method.GetParameters();
            int self = method.IsStatic ? 0 : 1;
            var values = new StackValue[parameters.Length + self];
            for (int i = values.Length - 1; i >= 0; i--) values[i] = PopAny();
            for (int i = self; i < values.Length; i++)
            {
                if (values[i].Type is not null || values[i].Token is not null) continue;
                Type type = parameters[i - self].ParameterType;
                if (TypeLayout.Of(type) is { IsScalar: true } layout)
                    values[i] = new StackValue(importer.Coerce(values[i].Scalar, layout.Leaves[0].Type.Register()));
            }

            Type result = (method as MethodInfo)?.ReturnType ?? typeof(void);
            StackValue value = Invoke(method, values);
            if (result != typeof(void)) Push(value);
        }

        private StackValue Invoke(MethodBase method, StackValue[] values)
        {
            method = IlgpuMeaning.Of(method)
                ?? throw Refuse(
                    $"{method.DeclaringType?.Name}.{method.Name} of ILGPU has no meaning to this compiler: " +
                    $"{IlgpuMeaning.Alternative(method)}");
            if (method.Module == typeof(Intrinsics).Module && DeviceMethod.Of(method) is { } device)
                return device.Template is { } template ? Template(device, template, values) : BuiltIn(device.Builtin, method, values);
            if (method.Module == typeof(object).Module)
            {
                if (NetFunctions(method, values) is { } known) return known;
                if (method.DeclaringType is not { IsValueType: true })
                    throw Refuse($"{method.DeclaringType?.Name}.{method.Name} has no device version: {Alternative(method)}");
            }
            return importer.Inline(method, values, Place);
        }

        private void NewObject(ConstructorInfo constructor)
        {
            Type type = constructor.DeclaringType!;
            if (!type.IsValueType)
            {
                throw Refuse(typeof(Delegate).IsAssignableFrom(type)
                    ? NoDelegates
                    : $"new {type.Name}: objects and exceptions do not exist on the device; use structs");
            }
            ParameterInfo[] parameters = constructor.GetParameters();
            var values = new StackValue[parameters.Length + 1];
            for (int i = values.Length - 1; i >= 1; i--) values[i] = PopAny();
            if (IlgpuMeaning.Of(constructor) is null)
                throw Refuse($"new {type.Name} of ILGPU: it is made on the host and passed to the kernel");
            TypeLayout layout = LayoutOf(type);
            Value address = importer.NewSlot(type.Name, layout.Size);
            importer.StoreZero(layout, address);
            values[0] = new StackValue(address);
            importer.Inline(constructor, values, Place);
            Push(importer.Load(layout, type, address));
        }

        /// <summary>The method of a struct that an interface member stands for.</summary>
        private MethodBase Implementation(MethodBase method, Type type)
        {
            if (method.DeclaringType == type) return method;
            if (method.DeclaringType is not { IsInterface: true } contract)
                throw Refuse($"{method.Name} of {type.Name} is inherited from {method.DeclaringType?.Name}: it needs an object");
            InterfaceMapping map = type.GetInterfaceMap(contract);
            MethodBase definition = method is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericMethodDefinition() : method;
            for (int i = 0; i < map.InterfaceMethods.Length; i++)
            {
                if (!map.InterfaceMethods[i].Equals(definition)) continue;
                MethodInfo target = map.TargetMethods[i];
                if (target is null || target.DeclaringType!.IsInterface) break;
                return method.IsGenericMethod ? target.MakeGenericMethod(method.GetGenericArguments()) : target;
            }
            throw Refuse(
                $"{type.Name} does not implement {contract.Name}.{method.Name} itself: default interface members are not supported");
        }

        private StackValue Template(DeviceMethod device, PtxAttribute template, StackValue[] values)
        {
            if (importer._target.Sm < template.MinSm)
                throw Refuse(
                    $"{device.Name} needs sm_{template.MinSm}, the target is {importer._target.Name}: branch on Intrinsics.TargetSm or " +
                    "compile for a newer target");
            if (template.ArchitectureSpecific && (importer._target.Sm != template.MinSm || !importer._target.ArchitectureSpecific))
            {
                throw Refuse(
                    $"{device.Name} needs sm_{template.MinSm}a, which only that architecture has, the target is {importer._target.Name}: "
                    + "branch on Intrinsics.TargetIsHopper or compile for a CompileTarget that is ArchitectureSpecific");
            }
            if (importer._target.PtxMajor * 10 + importer._target.PtxMinor < template.MinPtx)
                throw Refuse(
                    $"{device.Name} needs PTX {template.MinPtx / 10}.{template.MinPtx % 10}, the target has {importer._target.PtxVersion}");
            var operands = new List<Value>();
            for (int i = 0; i < device.Parameters.Length; i++)
            {
                (DeviceMethod.Role role, MemoryType type) = device.Parameters[i];
                switch (role)
                {
                    case DeviceMethod.Role.Value:
                        operands.Add(values[i].Scalar);
                        break;
                    case DeviceMethod.Role.Predicate:
                        operands.Add(AsPredicate(values[i].Scalar));
                        break;
                    case DeviceMethod.Role.Address:
                        operands.Add(values[i].Scalar);
                        break;
                    case DeviceMethod.Role.InOut or DeviceMethod.Role.In or DeviceMethod.Role.Accumulators:
                        operands.Add(_builder.Load(type, values[i].Scalar));
                        break;
                }
            }
            // The first accumulator stands where the parameter does, the others follow all parameters: see PtxCall.Accumulator.
            for (int k = 1; k < template.Accumulators; k++)
                operands.Add(_builder.Load(MemoryType.F32, importer.AddressPlus(values[0].Scalar, k * sizeof(float))));
            Value call = _function.NewValue(Op.Ptx, device.Results.Length == 1 ? device.Results[0] : IRType.Void, [.. operands]);
            call.Data = new PtxCall(template, device.Name, device.Results, Place);
            _builder.Append(call);

            int next = 0;
            Value Result() => device.Results.Length == 1 ? call : _builder.Extract(call, next, device.Results[next++]);
            StackValue returned = default;
            if (device.ReturnType is { } returnType)
            {
                Value value = Result();
                if (value.Type == IRType.Pred) value = _builder.Emit(Op.BoolToInt, IRType.I32, value);
                TypeLayout layout = LayoutOf(returnType);
                returned = new StackValue([value], layout.IsScalar ? null : returnType);
            }
            for (int i = 0; i < device.Parameters.Length; i++)
            {
                (DeviceMethod.Role role, MemoryType type) = device.Parameters[i];
                if (role is DeviceMethod.Role.InOut or DeviceMethod.Role.Out) _builder.Store(type, values[i].Scalar, Result());
            }
            for (int k = 0; k < template.Accumulators; k++)
                _builder.Store(MemoryType.F32, importer.AddressPlus(values[0].Scalar, k * sizeof(float)), Result());
            return returned;
        }

        private StackValue BuiltIn(Builtin builtin, MethodBase method, StackValue[] values)
        {
            Type[] types = method.IsGenericMethod ? method.GetGenericArguments() : [];
            switch (builtin)
            {
                case Builtin.ViewElement:
                    Value scaled = _builder.Emit(Op.Mul, _builder.IndexExtend(values[1].Scalar), _function.Long(LayoutOf(types[0]).Size));
                    return new StackValue(_builder.Emit(Op.Add, values[0].Scalar, scaled));
                case Builtin.ViewElementLong:
                    return new StackValue(_builder.Emit(Op.Add, values[0].Scalar,
                        _builder.Emit(Op.Mul, values[1].Scalar, _function.Long(LayoutOf(types[0]).Size))));
                case Builtin.Offset:
                    return new StackValue(_builder.Emit(Op.Add, values[0].Scalar, _builder.Emit(
                        Op.Mul, _builder.IndexExtend(values[1].Scalar), _builder.IndexExtend(values[2].Scalar))));
                case Builtin.OffsetLong:
                    Value distance = values[1].Scalar is { Op: Op.SignExtend } widened && widened.Operands[0].Type == IRType.I32
                        ? _builder.IndexExtend(widened.Operands[0]) : values[1].Scalar;
                    return new StackValue(_builder.Emit(Op.Add, values[0].Scalar,
                        _builder.Emit(Op.Mul, distance, _builder.IndexExtend(values[2].Scalar))));
                case Builtin.LocalAllocate:
                    Value array = _function.NewValue(Op.SlotAddress, IRType.I64, values[0].Scalar);
                    array.Data = new Slot("array") { ElementSize = LayoutOf(types[0]).Size, Place = Place };
                    array.Space = AddressSpace.Local;
                    return View(_builder.Append(array), values[0].Scalar, types[0]);
                case Builtin.SharedAllocate:
                    Value shared = _function.NewValue(Op.SharedAddress, IRType.I64, values[0].Scalar);
                    var symbol = new SharedSymbol($"shared{_function.Shared.Count}", isDynamic: false)
                        { ElementSize = LayoutOf(types[0]).Size, Place = Place };
                    _function.Shared.Add(symbol);
                    shared.Data = symbol;
                    shared.Space = AddressSpace.Shared;
                    return View(_builder.Append(shared), values[0].Scalar, types[0]);
                case Builtin.SharedDynamic or Builtin.SharedDynamicSwizzled:
                    if (!_function.Shared.Exists(static s => s.IsDynamic))
                        _function.Shared.Add(new SharedSymbol("dynamic_shared", isDynamic: true));
                    Value all = _function.NewValue(Op.SharedAddress, IRType.I64);
                    SharedSymbol dynamic = _function.Shared.Find(static s => s.IsDynamic)!;
                    if (builtin == Builtin.SharedDynamicSwizzled) dynamic.Alignment = SwizzledSharedMemory.Alignment;
                    all.Data = dynamic;
                    all.Space = AddressSpace.Shared;
                    return new StackValue(_builder.Append(all));
                case Builtin.Shuffle:
                    return Shuffle(values, ShuffleKind.Idx);
                case Builtin.ShuffleUp:
                    return Shuffle(values, ShuffleKind.Up);
                case Builtin.ShuffleDown:
                    return Shuffle(values, ShuffleKind.Down);
                case Builtin.ShuffleXor:
                    return Shuffle(values, ShuffleKind.Bfly);
                case Builtin.HalfFromBits:
                    return new StackValue(_builder.Emit(Op.BitsToHalf, IRType.H16, values[0].Scalar));
                case Builtin.HalfToBits:
                    return new StackValue(_builder.Emit(Op.HalfToBits, IRType.I32, values[0].Scalar));
                case Builtin.LoadNonCoherent:
                    return importer.Load(LayoutOf(types[0]), types[0], values[0].Scalar, nonCoherent: true);
                case Builtin.CopySign:
                    return new StackValue(_builder.Emit(Op.CopySign, values[0].Scalar, values[1].Scalar));
                case Builtin.TargetIsArchitectureSpecific:
                    return new StackValue(_function.Int(importer._target.ArchitectureSpecific ? 1 : 0));
                default:
                    return new StackValue(_function.Int(importer._target.Sm));
            }
        }

        private StackValue View(Value address, Value length, Type element) =>
            new([address, _builder.Emit(Op.SignExtend, IRType.I64, length)], typeof(Device.ArrayView<>).MakeGenericType(element));

        private StackValue Shuffle(StackValue[] values, ShuffleKind kind)
        {
            Value lane = values[1].Scalar;
            return values[0] with { Leaves = [.. values[0].Leaves.Select(leaf => Shuffle(leaf, lane, kind))] };
        }

        /// <summary>Registers are shuffled 32 bits at a time.</summary>
        private Value Shuffle(Value value, Value lane, ShuffleKind kind)
        {
            switch (value.Type)
            {
                case IRType.H16:
                    return _builder.Emit(Op.BitsToHalf, IRType.H16, Shuffle(_builder.Emit(Op.HalfToBits, IRType.I32, value), lane, kind));
                case IRType.F64:
                    return _builder.Emit(Op.Bitcast, IRType.F64, Shuffle(_builder.Emit(Op.Bitcast, IRType.I64, value), lane, kind));
                case IRType.I64:
                    Value low = Shuffle(_builder.Emit(Op.Narrow, IRType.I32, value), lane, kind);
                    Value high = Shuffle(_builder.Emit(Op.Narrow, IRType.I32, _builder.Emit(Op.ShrU, IRType.I64, value, _function.Int(32))),
                        lane, kind);
                    Value raised = _builder.Emit(Op.Shl, IRType.I64, _builder.Emit(Op.ZeroExtend, IRType.I64, high), _function.Int(32));
                    return _builder.Emit(Op.Or, raised, _builder.Emit(Op.ZeroExtend, IRType.I64, low));
                default:
                    Value shuffle = _function.NewValue(Op.Shuffle, value.Type, value, lane);
                    shuffle.Kind = (byte)kind;
                    return _builder.Append(shuffle);
            }
        }
    }
}
