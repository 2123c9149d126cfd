using System.Reflection;

namespace Lia.Gpu.Compiler;

/// <summary>Compiles static C# methods to PTX. Results are cached by method (with its generic arguments) and target; safe to call from several threads.</summary>
public static class KernelCompiler
{
    /// <summary>Compiles a kernel.</summary>
    /// <param name="kernel">A static void method with blittable parameters; a generic one must be closed.</param>
    /// <param name="target">The machine to compile for.</param>
    /// <exception cref="KernelCompilationException">The kernel uses something that cannot be compiled.</exception>
    public static CompiledKernel Compile(MethodInfo kernel, CompileTarget target) => throw new KernelCompilationException(kernel, -1, null, 0, "not yet");
}
