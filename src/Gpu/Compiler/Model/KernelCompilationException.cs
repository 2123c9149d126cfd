using System.Reflection;

namespace Lia.Gpu.Compiler;

/// <summary>A kernel uses something that cannot be compiled. The message says where, what, and what to write instead.</summary>
public sealed class KernelCompilationException : Exception
{
    internal KernelCompilationException(MethodBase? method, int ilOffset, string? file, int line, string problem)
        : base(Describe(method, ilOffset, file, line, problem))
    {
        Method = method;
        ILOffset = ilOffset;
        SourceFile = file;
        SourceLine = line;
        Problem = problem;
    }

    /// <summary>The method that holds the offending instruction (often one the kernel calls).</summary>
    public MethodBase? Method { get; }

    /// <summary>Offset of the instruction in the method's IL, or -1 when the method as a whole is refused.</summary>
    public int ILOffset { get; }

    /// <summary>The source file, when the method's symbols (pdb) are at hand.</summary>
    public string? SourceFile { get; }

    /// <summary>The source line, or 0 when unknown.</summary>
    public int SourceLine { get; }

    /// <summary>What is wrong and what to write instead, without the place.</summary>
    public string Problem { get; }

    private static string Describe(MethodBase? method, int ilOffset, string? file, int line, string problem)
    {
        string where = method is null ? "kernel" : $"{method.DeclaringType?.Name}.{method.Name}";
        if (ilOffset >= 0) where += $", IL_{ilOffset:x4}";
        if (file is not null) where += $", {Path.GetFileName(file)}:{line}";
        return $"{where}: {problem}";
    }
}
