using System.Reflection;
using System.Text.RegularExpressions;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>Looks at the text a kernel compiles to.</summary>
internal static partial class PtxText
{
    public static string Of(Delegate kernel, CompileTarget? target = null) => Compile(kernel, target).Ptx;

    public static CompiledKernel Compile(Delegate kernel, CompileTarget? target = null) =>
        KernelCompiler.Compile(kernel.Method, target ?? new CompileTarget(90));

    /// <summary>How many instructions start with an opcode, counted as `ld.local` counts `ld.local.f32`.</summary>
    public static int Count(string ptx, string opcode) =>
        Lines(ptx)
            .Count(line => line == opcode || line.StartsWith(opcode + ".", StringComparison.Ordinal)
            || line.StartsWith(opcode + " ", StringComparison.Ordinal));

    /// <summary>Instructions without indentation and predicates.</summary>
    public static IEnumerable<string> Lines(string ptx) =>
        ptx.Split('\n').Select(static l => Predicate().Replace(l.Trim(), "")).Where(static l => l.EndsWith(';'));

    /// <summary>The instructions between the first label that is branched back to and that branch.</summary>
    public static string Loop(string ptx)
    {
        string[] lines = ptx.Split('\n');
        for (int i = lines.Length - 1; i >= 0; i--)
        {
            if (!BackBranch().IsMatch(lines[i])) continue;
            string label = BackBranch().Match(lines[i]).Groups[1].Value + ":";
            int start = Array.IndexOf(lines, label);
            if (start >= 0 && start < i) return string.Join('\n', lines[start..i]);
        }
        throw new InvalidOperationException("there is no loop");
    }

    [GeneratedRegex(@"^@!?%p\d+ ")]
    private static partial Regex Predicate();

    [GeneratedRegex(@"bra(?:\.uni)? (\$L_\d+);")]
    private static partial Regex BackBranch();
}
