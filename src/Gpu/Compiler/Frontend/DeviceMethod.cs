using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

/// <summary>A method that is a PTX template or a built-in, with its parameters' roles read from signature and template.</summary>
internal sealed class DeviceMethod
{
    private static readonly ConcurrentDictionary<MethodBase, DeviceMethod?> s_methods = new();

    public enum Role { Value, Predicate, Address, In, InOut, Out, Accumulators }

    public required string Name { get; init; }

    public PtxAttribute? Template { get; private init; }

    public Builtin Builtin { get; private init; }

    public (Role Role, MemoryType Type)[] Parameters { get; private init; } = [];

    /// <summary>Null for void.</summary>
    public Type? ReturnType { get; private init; }

    /// <summary>The return value first, then ref and out parameters in order.</summary>
    public ImmutableArray<IRType> Results { get; private init; } = [];

    /// <summary>The device meaning of a method, or null when it is to be inlined.</summary>
    public static DeviceMethod? Of(MethodBase method) => s_methods.GetOrAdd(method, static m => Create(m));

    private static DeviceMethod? Create(MethodBase method)
    {
        string name = $"{method.DeclaringType!.Name}.{method.Name}";
        if (method.GetCustomAttribute<BuiltinAttribute>() is { } builtin) return new() { Name = name, Builtin = builtin.Operation };
        if (method.GetCustomAttribute<PtxAttribute>() is not { } template) return null;

        var results = ImmutableArray.CreateBuilder<IRType>();
        Type? returnType = method is MethodInfo { ReturnType: var type } && type != typeof(void) ? type : null;
        if (returnType is not null) results.Add(returnType == typeof(bool) ? IRType.Pred : Scalar(returnType).Register());
        ParameterInfo[] parameters = method.GetParameters();
        var roles = new (Role, MemoryType)[parameters.Length];
        for (int i = 0; i < roles.Length; i++)
        {
            ParameterInfo parameter = parameters[i];
            if (!parameter.ParameterType.IsByRef)
            {
                roles[i] = (parameter.ParameterType == typeof(bool) ? Role.Predicate : Role.Value, Scalar(parameter.ParameterType));
                continue;
            }
            if (i == 0 && template.Accumulators > 0)
            {
                roles[i] = (Role.Accumulators, MemoryType.F32);
                for (int k = 0; k < template.Accumulators; k++) results.Add(IRType.F32);
                continue;
            }
            if (Ptx.Template.Of(template.Template).Addresses.Contains(i))
            {
                roles[i] = (Role.Address, MemoryType.I64);
                continue;
            }
            MemoryType memory = Scalar(parameter.ParameterType.GetElementType()!);
            roles[i] = (parameter.IsOut ? Role.Out : parameter.IsIn ? Role.In : Role.InOut, memory);
            if (!parameter.IsIn) results.Add(memory.Register());
        }
        return new() { Name = name, Template = template, Parameters = roles, ReturnType = returnType, Results = results.ToImmutable() };
    }

    private static MemoryType Scalar(Type type)
    {
        TypeLayout? layout = TypeLayout.Of(type);
        return layout is { Leaves.Length: 1 } ? layout.Leaves[0].Type
            : throw new InvalidOperationException($"{type} does not fit one register");
    }
}
