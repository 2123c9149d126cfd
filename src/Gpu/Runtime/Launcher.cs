using System.Reflection;
using System.Reflection.Emit;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Runtime;

/// <summary>
/// Makes typed launchers. A launcher is a method generated once per kernel and delegate type: it lays its arguments into one block on its
/// stack, each at the offset the compiler gave it, and passes the block on. It boxes and allocates nothing.
/// <code>
/// void launch(LoadedKernel kernel, [AcceleratorStream stream,] KernelConfig config, T1 a, T2 b)   // or Index1D extent instead of config
/// {
///     byte* block = stackalloc byte[ParameterBytes];
///     *(T1*)(block + offset1) = a;               // views as an address and a length: see KernelArguments
///     *(T2*)(block + offset2) = b;
///     [*(long*)(block + offset3) = extent;]      // implicitly grouped kernels: threads past it do nothing
///     kernel.LaunchBlock(stream or null, config, block, false);
/// }
/// </code>
/// </summary>
internal static class Launcher
{
    public static TDelegate Create<TDelegate>(LoadedKernel kernel) where TDelegate : Delegate
    {
        Type[] signature = [.. typeof(TDelegate).GetMethod("Invoke")!.GetParameters().Select(p => p.ParameterType)];
        bool hasStream = signature[0] == typeof(AcceleratorStream);
        int shape = hasStream ? 1 : 0;
        bool implicitlyGrouped = signature[shape] == typeof(Index1D);
        Type[] arguments = signature[(shape + 1)..];
        CompiledKernel compiled = kernel.Compiled;
        Demand(compiled, arguments, implicitlyGrouped);

        var method = new DynamicMethod("Launch " + compiled.EntryPoint, typeof(void), [typeof(LoadedKernel), .. signature],
            typeof(Launcher).Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        LocalBuilder block = il.DeclareLocal(typeof(nint));
        il.Emit(OpCodes.Ldc_I4, Math.Max(8, compiled.ParameterBytes));
        il.Emit(OpCodes.Conv_U);
        il.Emit(OpCodes.Localloc);
        il.Emit(OpCodes.Stloc, block);
        for (int i = 0; i < arguments.Length; i++)
        {
            int argument = shape + 2 + i;
            KernelArguments.EmitWrite(il, arguments[i], () => il.Emit(OpCodes.Ldarga, argument), () => il.Emit(OpCodes.Ldloc, block),
                compiled.Parameters[i].Offset);
        }
        if (implicitlyGrouped)
        {
            EmitAddress(compiled.Parameters[^1].Offset);
            il.Emit(OpCodes.Ldarga, shape + 1);
            il.Emit(OpCodes.Ldobj, typeof(int)); // Index1D is one int
            il.Emit(OpCodes.Conv_I8);
            il.Emit(OpCodes.Stobj, typeof(long));
        }
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(hasStream ? OpCodes.Ldarg_1 : OpCodes.Ldnull);
        il.Emit(OpCodes.Ldarg, shape + 1);
        il.Emit(OpCodes.Ldloc, block);
        if (!implicitlyGrouped) il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Call, typeof(LoadedKernel)
            .GetMethod(implicitlyGrouped ? nameof(LoadedKernel.LaunchExtent) : nameof(LoadedKernel.LaunchBlock),
            BindingFlags.Instance | BindingFlags.NonPublic)!);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<TDelegate>(kernel);

        void EmitAddress(int offset)
        {
            il.Emit(OpCodes.Ldloc, block);
            il.Emit(OpCodes.Ldc_I4, offset);
            il.Emit(OpCodes.Add);
        }
    }

    private static void Demand(CompiledKernel compiled, Type[] arguments, bool implicitlyGrouped)
    {
        if (compiled.IsImplicitlyGrouped != implicitlyGrouped)
        {
            throw new ArgumentException(compiled.IsImplicitlyGrouped
                ? $"{compiled.EntryPoint} is implicitly grouped (its first parameter is an Index1D): its launcher takes an Index1D, the " +
                    "number of threads, in place of a KernelConfig"
                : $"{compiled.EntryPoint} is explicitly grouped (its first parameter is not an Index1D): its launcher takes a " +
                    "KernelConfig");
        }
        if (compiled.Parameters.Length != arguments.Length + (implicitlyGrouped ? 1 : 0))
            throw new ArgumentException(
                $"{compiled.EntryPoint} takes {compiled.Parameters.Length} parameters, the launcher passes {arguments.Length}");
        for (int i = 0; i < arguments.Length; i++)
        {
            KernelParameter parameter = compiled.Parameters[i];
            int size = KernelArguments.SizeOf(arguments[i]);
            if (size != parameter.Size)
                throw new ArgumentException(
                    $"{compiled.EntryPoint}: parameter {parameter.Name} has {parameter.Size} bytes in the kernel and {size} as " +
                    $"{arguments[i].Name} on the host");
        }
    }
}
