using System.Reflection;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

/// <summary>
/// A value on the evaluation stack, flattened to primitives. Type is set for struct values only; Token for what `ldtoken` pushed.
/// </summary>
internal readonly record struct StackValue(Value[] Leaves, Type? Type = null, Type? Token = null)
{
    public StackValue(Value scalar) : this([scalar]) { }

    public Value Scalar => Leaves[0];
}

/// <summary>
/// Turns a kernel's IL, with everything it calls inlined, into IR. Variables become <see cref="Slot"/>s in memory; the passes promote them.
/// What cannot be compiled ends its block with a refusal, which counts only if the block is still reachable once constants are folded: so a
/// generic kernel may hold `throw` in the arm of a switch that its type argument does not take.
/// </summary>
internal sealed partial class Importer
{
    private const int MostInlined = 200;

    private static readonly Type[] s_otherIndices =
        [typeof(ILGPU.Index2D), typeof(ILGPU.Index3D), typeof(ILGPU.LongIndex1D), typeof(ILGPU.LongIndex2D), typeof(ILGPU.LongIndex3D)];

    private readonly Function _function;
    private readonly Builder _builder;
    private readonly CompileTarget _target;
    private readonly List<MethodBase> _callStack = [];
    private readonly Block _entry;

    private Importer(CompileTarget target)
    {
        _target = target;
        _function = new Function();
        _builder = new Builder(_function);
        _entry = _function.NewBlock();
        Block start = _function.NewBlock();
        _entry.Branch(start);
        _builder.At(start);
    }

    /// <summary>
    /// Whether a kernel's first parameter is the index of its thread, so that the group's size is the launcher's choice and the extent a
    /// hidden parameter.
    /// </summary>
    public static bool IsImplicitlyGrouped(MethodInfo kernel) =>
        kernel.GetParameters() is [{ ParameterType: var first }, ..] && first == typeof(ILGPU.Index1D);

    /// <summary>Imports a kernel and lays out its parameters.</summary>
    public static (Function Function, List<KernelParameter> Parameters, bool ImplicitlyGrouped) Import(
        MethodInfo kernel, CompileTarget target)
    {
        var importer = new Importer(target);
        return importer.ImportKernel(kernel);
    }

    private (Function, List<KernelParameter>, bool) ImportKernel(MethodInfo kernel)
    {
        var place = new SourcePlace(kernel, -1);
        if (!kernel.IsStatic || kernel.ReturnType != typeof(void)) throw place.Refuse("a kernel is a static method that returns void");
        if (kernel.ContainsGenericParameters)
            throw place.Refuse("a generic kernel must be closed: pass the method with its type arguments");

        ParameterInfo[] formal = kernel.GetParameters();
        // ILGPU would make such a parameter the thread's index; as a value it would be something else in silence.
        if (formal is [{ ParameterType: var first }, ..] && s_otherIndices.Contains(first))
            throw place.Refuse(
                $"its index {formal[0].Name} is a {first.Name}: take an Index1D i and the width, x = i % width, y = i / width, or " +
                "launch groups with a KernelConfig and read Grid.GlobalIndex");
        bool grouped = IsImplicitlyGrouped(kernel);
        var parameters = new List<KernelParameter>();
        var arguments = new StackValue[formal.Length];
        _builder.Body = _entry.Body;
        _builder.Block = _entry;
        for (int i = grouped ? 1 : 0; i < formal.Length; i++)
        {
            Type type = formal[i].ParameterType;
            if (TypeLayout.IsReference(type) || TypeLayout.Of(type) is not { } layout)
                throw place.Refuse(
                    $"parameter {formal[i].Name} is a {type.Name}: kernels take primitives, ArrayView<T> and structs of " +
                    $"these{HintFor(type)}");
            arguments[i] = AddParameter(parameters, formal[i].Name ?? $"p{i}", type, layout);
        }
        Value? extent = grouped ? AddParameter(parameters, "extent", typeof(long), TypeLayout.Of(typeof(long))!).Scalar : null;
        _builder.At(_entry.Then!);
        if (extent is not null)
        {
            // The last group reaches beyond the extent: its spare threads leave. The comparison is unsigned since group * size may pass
            // 2^31 there.
            MethodInfo globalIndex = typeof(Device.Grid)
                .GetMethod(nameof(Device.Grid.LinearGlobalX), BindingFlags.NonPublic | BindingFlags.Static)!;
            Value index = Inline(globalIndex, [], place).Scalar;
            Block body = _function.NewBlock(), leave = _function.NewBlock();
            leave.Exit = Exit.Return;
            Value inside = _builder.Compare(Comparison.LtU, _builder.Emit(Op.ZeroExtend, IRType.I64, index), extent);
            _builder.Block.BranchIf(inside, body, leave);
            _builder.At(body);
            arguments[0] = new StackValue([index], typeof(ILGPU.Index1D));
        }
        Inline(kernel, arguments, place);
        if (_builder.Block.Exit == Exit.None) _builder.Block.Exit = Exit.Return;
        return (_function, parameters, grouped);
    }

    private static string HintFor(Type type) =>
        type.Namespace == "ILGPU.Runtime" && type.Name.StartsWith("ArrayView", StringComparison.Ordinal)
        ? "; of a view with strides pass BaseView and the stride as an int" : "";

    private StackValue AddParameter(List<KernelParameter> parameters, string name, Type type, TypeLayout layout)
    {
        int end = parameters.Count == 0 ? 0 : parameters[^1].Offset + parameters[^1].Size;
        int offset = (end + layout.Alignment - 1) / layout.Alignment * layout.Alignment;
        var parameter = new KernelParameter(name, type, offset, layout.Size, layout.Alignment);
        parameters.Add(parameter);
        var leaves = new Value[layout.Leaves.Length];
        for (int i = 0; i < leaves.Length; i++)
        {
            Leaf leaf = layout.Leaves[i];
            Value value = _function.NewValue(Op.Param, leaf.Type.Register());
            value.Kind = (byte)leaf.Type;
            value.Bits = leaf.Offset;
            value.Data = parameter;
            value.Space = leaf.IsPointer ? AddressSpace.Global : AddressSpace.None;
            leaves[i] = _builder.Append(value);
        }
        return new StackValue(leaves, layout.IsScalar ? null : type);
    }

    /// <summary>Imports a method's body in place of a call; afterwards the builder stands where the call returns to.</summary>
    private StackValue Inline(MethodBase method, StackValue[] arguments, SourcePlace place)
    {
        if (_callStack.Contains(method)) throw place.Refuse($"{method.Name} calls itself: write a loop");
        if (_callStack.Count >= MostInlined) throw place.Refuse("calls are nested too deeply");
        if (MethodCode.Of(method) is not { } code) throw place.Refuse($"{method.DeclaringType?.Name}.{method.Name} has no body to compile");
        if (code.Body.ExceptionHandlingClauses.Count > 0)
            throw new SourcePlace(method, code.Body.ExceptionHandlingClauses[0].TryOffset)
                .Refuse("try blocks (also of foreach, using and lock) do not exist on the device: write a plain loop");
        _callStack.Add(method);
        try
        {
            return new Frame(this, code, arguments).Import();
        }
        finally
        {
            _callStack.RemoveAt(_callStack.Count - 1);
        }
    }

    private Value NewSlot(string name, long size)
    {
        Value address = _function.NewValue(Op.SlotAddress, IRType.I64);
        address.Data = new Slot(name) { Size = size };
        address.Space = AddressSpace.Local;
        address.Block = _entry;
        _entry.Body.Add(address);
        return address;
    }

    private static bool IsSlot(Value address)
    {
        while (address.Op == Op.Add && address.Operands[1].IsConst) address = address.Operands[0];
        return address.Op == Op.SlotAddress;
    }

    private Value AddressPlus(Value address, long offset) => _builder.Emit(Op.Add, address, _function.Long(offset));

    private StackValue Load(TypeLayout layout, Type type, Value address, bool nonCoherent = false)
    {
        var leaves = new Value[layout.Leaves.Length];
        if (layout.IsVector && !IsSlot(address))
        {
            Value vector = _function.NewValue(Op.LoadVector, IRType.Void, address);
            vector.Kind = (byte)layout.Leaves[0].Type;
            vector.Width = (byte)leaves.Length;
            vector.NonCoherent = nonCoherent;
            vector.NeedsProof = !layout.IsVectorAligned;
            _builder.Append(vector);
            for (int i = 0; i < leaves.Length; i++) leaves[i] = _builder.Extract(vector, i, layout.Leaves[i].Type.Register());
        }
        else
        {
            for (int i = 0; i < leaves.Length; i++)
            {
                Leaf leaf = layout.Leaves[i];
                leaves[i] = _builder.Load(leaf.Type, AddressPlus(address, leaf.Offset));
                leaves[i].NonCoherent = nonCoherent;
            }
        }
        return new StackValue(leaves, layout.IsScalar ? null : type);
    }

    private void Store(TypeLayout layout, Value address, StackValue value)
    {
        if (layout.IsVector && !IsSlot(address))
        {
            Value vector = _function.NewValue(Op.StoreVector, IRType.Void, [address, .. value.Leaves]);
            vector.Kind = (byte)layout.Leaves[0].Type;
            vector.Width = (byte)layout.Leaves.Length;
            vector.NeedsProof = !layout.IsVectorAligned;
            _builder.Append(vector);
            return;
        }
        for (int i = 0; i < layout.Leaves.Length; i++)
        {
            Leaf leaf = layout.Leaves[i];
            _builder.Store(leaf.Type, AddressPlus(address, leaf.Offset), Coerce(value.Leaves[i], leaf.Type.Register()));
        }
    }

    private void StoreZero(TypeLayout layout, Value address)
    {
        foreach (Leaf leaf in layout.Leaves)
            _builder.Store(leaf.Type, AddressPlus(address, leaf.Offset), _function.Const(leaf.Type.Register(), 0));
    }

    /// <summary>The implicit conversions of IL's evaluation stack: int32 to native int, between the floating point types.</summary>
    private Value Coerce(Value value, IRType type)
    {
        if (value.Type == type) return value;
        return (value.Type, type) switch
        {
            (IRType.I32, IRType.I64) => _builder.Emit(Op.SignExtend, type, value),
            (IRType.I64, IRType.I32) => _builder.Emit(Op.Narrow, type, value),
            (IRType.F32, IRType.F64) or (IRType.F64, IRType.F32) => _builder.Emit(Op.FloatToFloat, type, value),
            _ => throw new InvalidOperationException($"IL mixes {value.Type} and {type}"),
        };
    }
}
