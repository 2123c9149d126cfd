using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Lia.Gpu.Compiler.Frontend;
using Lia.Gpu.Compiler.IR;
using Lia.Gpu.Compiler.Passes;
using Lia.Gpu.Compiler.Ptx;

namespace Lia.Gpu.Compiler;

/// <summary>
/// Compiles static C# methods to PTX. Results are cached by method (with its generic arguments) and target; safe to call from several
/// threads. When the environment variable LIA_GPU_DUMP names a folder, the IR after each pass and the PTX of every compiled kernel are
/// written there.
/// </summary>
public static class KernelCompiler
{
    private const int MostRounds = 32;

    private static readonly ConcurrentDictionary<(MethodInfo, CompileTarget), Lazy<CompiledKernel>> s_kernels = new();

    /// <summary>Compiles a kernel.</summary>
    /// <param name="kernel">A static void method with blittable parameters; a generic one must be closed.</param>
    /// <param name="target">The machine to compile for.</param>
    /// <exception cref="KernelCompilationException">The kernel uses something that cannot be compiled.</exception>
    public static CompiledKernel Compile(MethodInfo kernel, CompileTarget target) =>
        s_kernels.GetOrAdd((kernel, target), static key => new(() => Translate(key.Item1, key.Item2))).Value;

    /// <summary>Compiles without the cache.</summary>
    internal static CompiledKernel Translate(MethodInfo kernel, CompileTarget target)
    {
        CheckTarget(kernel, target);
        string name = EntryName(kernel);
        var dump = Dump.For(name, target);
        (Function function, List<KernelParameter> parameters, bool grouped) = Importer.Import(kernel, target);
        dump?.Write("import", function);
        try
        {
            Optimize(function, dump);
            (string ptx, int staticShared, bool isDynamic, int padding) =
                PtxEmitter.Emit(function, name, parameters, target, kernel.GetCustomAttribute<LaunchBoundsAttribute>());
            dump?.Write(ptx);
            return new CompiledKernel
            {
                EntryPoint = name,
                Ptx = ptx,
                Parameters = [.. parameters],
                ParameterBytes = parameters.Count == 0 ? 0 : parameters[^1].Offset + parameters[^1].Size,
                StaticSharedBytes = staticShared,
                UsesDynamicShared = isDynamic,
                DynamicSharedPadding = padding,
                IsImplicitlyGrouped = grouped,
                Target = target,
            };
        }
        catch (KernelCompilationException problem) when (problem.Method is null)
        {
            throw new SourcePlace(kernel, -1).Refuse(problem.Problem);
        }
    }

    private static void Optimize(Function function, Dump? dump)
    {
        Simplify.Run(function);
        // Promotion uncovers constants, constants decide loops, unrolled loops uncover constant indices of arrays.
        for (int round = 0; round < MostRounds; round++)
        {
            bool promoted = PromoteSlots.Run(function);
            if (promoted) Simplify.Run(function);
            Edges.NormalizeLoops(function);
            bool unrolled = UnrollLoops.Run(function);
            if (unrolled) Simplify.Run(function);
            dump?.Write("registers", function);
            if (!promoted && !unrolled) break;
        }
        foreach (Block block in new Flow(function).Order)
        {
            if (block.Refusal is { } refusal) throw refusal;
        }
        Pass("selects", ConvertBranches.Run(function) ? Simplify.Run : static _ => { });
        Pass("spaces", InferSpaces.Run);
        Pass("vectors", SplitVectors.Run);
        Pass("divisions", LowerDivisions.Run);
        Pass("simplified", Simplify.Run);
        Pass("numbered", NumberValues.Run);
        Pass("hoisted", HoistInvariants.Run);
        Pass("renumbered", NumberValues.Run);
        Pass("final", SplitEdges.Run);

        void Pass(string name, Action<Function> run)
        {
            run(function);
            dump?.Write(name, function);
        }
    }

    private static void CheckTarget(MethodInfo kernel, CompileTarget target)
    {
        var place = new SourcePlace(kernel, -1);
        if (target.Sm < 75) throw place.Refuse($"the target {target.Name} is older than sm_75");
        int version = target.PtxMajor * 10 + target.PtxMinor;
        int needed = target.Sm >= 120 ? 87 : target.Sm >= 100 ? 86 : target.ArchitectureSpecific ? 80 : target.Sm >= 89 ? 78
            : target.Sm >= 87 ? 74 : 70;
        if (version < needed)
            throw place.Refuse($"the target {target.Name} needs PTX {needed / 10}.{needed % 10}, not {target.PtxVersion}");
    }

    /// <summary>A C identifier: class, method and type arguments.</summary>
    private static string EntryName(MethodInfo kernel)
    {
        var name = new StringBuilder();
        AppendName(name, kernel.DeclaringType!);
        name.Append('_').Append(kernel.Name);
        foreach (Type argument in kernel.IsGenericMethod ? kernel.GetGenericArguments() : []) AppendName(name.Append('_'), argument);
        for (int i = 0; i < name.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(name[i])) name[i] = '_';
        }
        if (char.IsAsciiDigit(name[0])) name.Insert(0, 'k');
        return name.ToString();
    }

    private static void AppendName(StringBuilder name, Type type)
    {
        name.Append(type.Name);
        foreach (Type argument in type.GetGenericArguments()) AppendName(name.Append('_'), argument);
    }
}
