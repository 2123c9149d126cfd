namespace Lia.Media.Ffmpeg;

/// <summary>
/// Finds programs where PATH names them, and nowhere else. Left to the operating system, a program that lies in the current folder or
/// beside this
/// one would come first: whoever can put a file among the pictures could have it run.
/// </summary>
internal static class Programs
{
    /// <summary>A program's file.</summary>
    /// <param name="name">Without a folder, and on Windows without an extension.</param>
    /// <returns>An absolute path, or null when no folder of PATH has it.</returns>
    public static string? Find(string name) => Find(
        name, Environment.GetEnvironmentVariable("PATH"),
        OperatingSystem.IsWindows() ? Environment.GetEnvironmentVariable("PATHEXT") ?? ".EXE" : null);

    /// <param name="name">Without a folder.</param>
    /// <param name="path">Folders; empty and relative ones, which mean the current folder, are passed over.</param>
    /// <param name="extensions">What PATHEXT says; null where programs have no extension.</param>
    internal static string? Find(string name, string? path, string? extensions)
    {
        // Batch files are not looked for: they are run by a shell, which gives arguments a meaning.
        string[] files = extensions is null ? [name]
            : [.. extensions.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(extension => extension.ToLowerInvariant())
                .Where(extension => extension is ".exe" or ".com")
                .Select(extension => name + extension)];
        return (path ?? "").Split(Path.PathSeparator)
            .Select(folder => OperatingSystem.IsWindows() ? folder.Trim().Trim('"') : folder)
            .Where(Path.IsPathFullyQualified)
            .SelectMany(folder => files.Select(file => Path.Combine(folder, file)))
            .FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string file)
    {
        if (!File.Exists(file)) return false;
        if (OperatingSystem.IsWindows()) return true;
        const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        try
        {
            return (File.GetUnixFileMode(file) & Execute) != 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false; // It has just gone, or leads nowhere.
        }
    }
}
