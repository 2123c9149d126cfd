namespace Lia.Cli;

/// <summary>Programs on the search path.</summary>
internal static class Tools
{
    /// <summary>A program's file, or null when it is not installed.</summary>
    public static string? Find(string name)
    {
        if (OperatingSystem.IsWindows()) name += ".exe";
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }
}
