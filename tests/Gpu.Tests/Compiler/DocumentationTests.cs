using System.Reflection;
using Lia.Gpu.Compiler;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>docs/kernel-compiler.md shows what the compiler really writes.</summary>
public class DocumentationTests
{
    internal interface IFilter
    {
        int Taps { get; }
    }

    internal readonly struct Three : IFilter
    {
        public int Taps => 3;
    }

    private static void Mean<TFilter>(Index1D i, ArrayView<float> source, ArrayView<float> target) where TFilter : struct, IFilter
    {
        ArrayView<float> window = LocalMemory.Allocate<float>(default(TFilter).Taps);
        for (int k = 0; k < default(TFilter).Taps; k++) window[k] = source[i + k];
        float sum = 0f;
        for (int k = 0; k < default(TFilter).Taps; k++) sum += window[k];
        target[i] = sum / default(TFilter).Taps;
    }

    [Fact]
    public void The_worked_example_is_what_the_compiler_writes()
    {
        string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "kernel-compiler.md"));
        MethodInfo kernel = typeof(DocumentationTests)
            .GetMethod(nameof(Mean), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(typeof(Three));
        Assert.Contains(KernelCompiler.Compile(kernel, new CompileTarget(80)).Ptx.Trim(), document.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Every_pass_is_described()
    {
        string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "kernel-compiler.md"));
        string[] passes = [.. typeof(Function).Assembly.GetTypes()
            .Where(static t => t.Namespace == "Lia.Gpu.Compiler.Passes" && !t.IsNested
            && t.GetMethod("Run", BindingFlags.Static | BindingFlags.Public) is not null).Select(static t => t.Name)];
        Assert.NotEmpty(passes);
        Assert.All(passes, pass => Assert.Contains($"`{pass}`", document));
    }
}
