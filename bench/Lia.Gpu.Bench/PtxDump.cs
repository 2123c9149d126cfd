using Lia.Gpu.Compiler;
using System.Reflection;
using Lia.Gpu.Bench.Kernels;

namespace Lia.Gpu.Bench;

/// <summary>Writes the PTX of the kernels of this folder, one file a kernel, compiled for sm_80 and sm_90.</summary>
internal static class PtxDump
{
    public static void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        foreach (int sm in (int[])[80, 90])
        {
            foreach ((string name, MethodInfo method) in Kernels())
                File.WriteAllText(Path.Combine(directory, $"{name}.sm_{sm}.ptx"),
                    KernelCompiler.Compile(method, new CompileTarget(sm)).Ptx);
        }
    }

    private static IEnumerable<(string Name, MethodInfo Method)> Kernels()
    {
        yield return ("copy", Of(typeof(VectorCopy), "Copy"));
        yield return ("fp32", Of(typeof(SingleProduct), "Multiply"));
        yield return ("fp16_wide", Of(typeof(HalfProduct), "MultiplyByEightWarps").MakeGenericMethod(typeof(WideTile)));
        yield return ("fp16_square", Of(typeof(HalfProduct), "MultiplyByFourWarps").MakeGenericMethod(typeof(SquareTile)));
    }

    private static MethodInfo Of(Type type, string name) => type.GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;
}
