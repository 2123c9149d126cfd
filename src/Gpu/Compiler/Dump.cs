using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler;

/// <summary>Writes the stages of a compilation to a folder (LIA_GPU_DUMP), numbered in order.</summary>
internal sealed class Dump
{
    private readonly string _folder;
    private int _stage;

    private Dump(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
    }

    /// <summary>Whether dumps were asked for.</summary>
    public static bool IsWanted => Folder is { Length: > 0 };

    private static string? Folder => Environment.GetEnvironmentVariable("LIA_GPU_DUMP");

    /// <summary>Null when dumps were not asked for.</summary>
    public static Dump? For(string kernel, CompileTarget target) =>
        Folder is { Length: > 0 } folder ? new(Path.Combine(folder, $"{kernel}.{target.Name}")) : null;

    public void Write(string stage, Function function) =>
        File.WriteAllText(Path.Combine(_folder, $"{_stage++:00}-{stage}.ir"), Printer.Print(function));

    public void Write(string ptx) => File.WriteAllText(Path.Combine(_folder, $"{_stage++:00}.ptx"), ptx);
}
