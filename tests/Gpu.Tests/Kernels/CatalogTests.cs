using System.Diagnostics;
using System.Reflection;
using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>All kernels of the suite together: each compiles for every target it supports, and compiling is repeatable.</summary>
/// <remarks>With LIA_GPU_TEST_PTX set to a directory, every kernel's PTX is written there for each target, for `ptxas`.</remarks>
public class CatalogTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(75), InlineData(80), InlineData(86), InlineData(89), InlineData(90)]
    public void Every_kernel_compiles_for_every_target_it_supports(int sm)
    {
        string? directory = Environment.GetEnvironmentVariable("LIA_GPU_TEST_PTX");
        foreach ((MethodInfo kernel, int minSm) in Kernels().Where(k => k.MinSm <= sm && k.MinSm < 90))
        {
            CompiledKernel compiled = KernelCompiler.Compile(kernel, new CompileTarget(sm));
            Assert.Contains($".target sm_{sm}", compiled.Ptx);
            Assert.Contains($".entry {compiled.EntryPoint}", compiled.Ptx);
            if (directory is not null)
            {
                Directory.CreateDirectory(directory);
                File.WriteAllText(Path.Combine(directory, $"{compiled.EntryPoint}.sm_{sm}.ptx"), compiled.Ptx);
            }
        }
    }

    [Fact]
    public void Every_kernel_for_Hopper_compiles_for_sm_90a()
    {
        string? directory = Environment.GetEnvironmentVariable("LIA_GPU_TEST_PTX");
        foreach ((MethodInfo kernel, _) in Kernels().Where(k => k.MinSm == 90))
        {
            CompiledKernel compiled = KernelCompiler.Compile(kernel, new CompileTarget(90, true, 8, 3));
            Assert.Contains(".target sm_90a", compiled.Ptx);
            if (directory is not null)
                File.WriteAllText(Path.Combine(Directory.CreateDirectory(directory).FullName, $"{compiled.EntryPoint}.sm_90a.ptx"),
                    compiled.Ptx);
        }
    }

    [Fact]
    public void The_time_to_compile_all_kernels_is_printed()
    {
        // A target that no other test uses, so that nothing is in the compiler's cache.
        var target = new CompileTarget(87);
        MethodInfo[] kernels = [.. Kernels().Where(k => k.MinSm < 90).Select(k => k.Kernel)];
        long start = Stopwatch.GetTimestamp();
        string[] texts = [.. kernels.Select(k => KernelCompiler.Compile(k, target).Ptx)];
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        output.WriteLine($"{kernels.Length} kernels compile in {milliseconds:0} ms, {texts.Sum(t => t.Length)} characters of PTX");
        Assert.All(texts, text => Assert.StartsWith(".version", text.TrimStart()));
    }

    /// <summary>Every kernel marked with <see cref="TestKernelAttribute"/>, and the benchmark's.</summary>
    internal static IEnumerable<(MethodInfo Kernel, int MinSm)> Kernels()
    {
        const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        foreach (MethodInfo method in typeof(CatalogTests).Assembly.GetTypes().SelectMany(type => type.GetMethods(Any)))
        {
            foreach (TestKernelAttribute kernel in method.GetCustomAttributes<TestKernelAttribute>())
                yield return (method.IsGenericMethodDefinition ? method.MakeGenericMethod(kernel.TypeArguments) : method, kernel.MinSm);
        }
        yield return (typeof(VectorCopy).GetMethod("Copy", Any)!, 75);
        yield return (typeof(SingleProduct).GetMethod("Multiply", Any)!, 80);
        yield return (typeof(HalfProduct).GetMethod("MultiplyByEightWarps", Any)!.MakeGenericMethod(typeof(WideTile)), 80);
        yield return (typeof(HalfProduct).GetMethod("MultiplyByFourWarps", Any)!.MakeGenericMethod(typeof(SquareTile)), 80);
    }
}
