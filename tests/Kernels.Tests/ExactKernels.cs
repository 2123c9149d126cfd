using System.Collections.Immutable;
using System.Reflection;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using Lia.Gpu;
using Lia.Gpu.Stock;

namespace Lia.Kernels.Tests;

/// <summary>
/// The kernels that ILGPU's own compiler must take, found and not named, so that none is forgotten: public static methods of the kernels'
/// assembly whose only parameter is a struct of that assembly called <c>...Arguments</c> which holds no halves, with all type arguments
/// that the assembly has for them.
/// </summary>
internal static class ExactKernels
{
    private static readonly Assembly Kernels = typeof(KernelLaunch).Assembly;

    /// <summary>Every instance by the name that our compiler gives its entry point.</summary>
    public static ImmutableSortedDictionary<string, MethodInfo> All { get; } = (
        from type in Kernels.GetTypes()
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
        where method.ReturnType == typeof(void) && method.GetParameters() is [{ ParameterType: { IsValueType: true } arguments }]
            && arguments.Name.EndsWith("Arguments", StringComparison.Ordinal) && arguments.Assembly == Kernels && !HoldsHalves(arguments)
        from instance in Instances(method)
        select KeyValuePair.Create(string.Join('_',
            [type.Name, method.Name, .. instance.GetGenericArguments().Select(argument => argument.Name)]), instance))
        .ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>
    /// The PTX that ILGPU makes of a kernel for a device of some compute capability, as on <see cref="StockAccelerators"/>.
    /// </summary>
    public static string CompileByIlgpu(MethodInfo kernel, int major, int minor)
    {
        using Context context = Context.Create(StockAccelerators.Prepare);
        using PTXBackend backend = new(context, new CudaArchitecture(major, minor), CudaInstructionSet.ISA_88, nvvmAPI: null!);
        return ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel),
            KernelSpecialization.Empty)).PTXAssembly;
    }

    private static bool HoldsHalves(Type type) =>
        type == typeof(Half) || type == typeof(Half2) || type.GetGenericArguments().Any(HoldsHalves)
        || (type.Assembly == Kernels && type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Any(field => HoldsHalves(field.FieldType)));

    private static IEnumerable<MethodInfo> Instances(MethodInfo method)
    {
        if (!method.IsGenericMethodDefinition) return [method];
        IEnumerable<Type[]> choices = [[]];
        foreach (Type parameter in method.GetGenericArguments())
        {
            Type[] fitting = [.. Kernels.GetTypes().Where(type =>
                type is { IsValueType: true, IsGenericType: false } && parameter.GetGenericParameterConstraints()
                    .All(demanded => demanded.IsAssignableFrom(type)))];
            choices = choices.SelectMany(_ => fitting, Type[] (chosen, next) => [.. chosen, next]);
        }
        return choices.Select(method.MakeGenericMethod);
    }
}
