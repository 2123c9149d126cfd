namespace Lia.Media;

/// <summary>What all outputs have in common: checks before the work, and errors that name the file.</summary>
internal static class Outputs
{
    private static readonly StringComparison PathComparison =
        OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;

    /// <summary>Refuses outputs that would replace an input or each other.</summary>
    /// <exception cref="MediaException">They would.</exception>
    public static void CheckDistinct(string source, string driving, string? output, string? dump) =>
        CheckDistinct([(source, "the source"), (driving, "the driving file")], output, dump);

    /// <inheritdoc cref="CheckDistinct(string, string, string?, string?)"/>
    public static void CheckDistinct(IReadOnlyList<(string Path, string What)> inputs, string? output, string? dump)
    {
        foreach (string? target in new[] { output, dump })
        {
            if (target is null) continue;
            foreach ((string path, string what) in inputs)
                if (Same(path, target) || Same(path, Path.GetDirectoryName(Full(target)) ?? "") && Png.PngSequenceWriter.IsPattern(target))
                    throw new MediaException($"{target}: the output would replace {what}; choose another name.");
        }
        if (output is not null && dump is not null && Same(output, dump))
            throw new MediaException($"{dump}: the dump would replace the output; choose another name.");
    }

    /// <summary>Runs a step on an output file.</summary>
    /// <exception cref="MediaException">The step failed; the message names the file and the reason.</exception>
    public static T Guard<T>(string path, Func<T> step)
    {
        try
        {
            return step();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Failed(path, failure);
        }
    }

    /// <inheritdoc cref="Guard{T}(string, Func{T})"/>
    public static void Guard(string path, Action step) => Guard(path, () => { step(); return 0; });

    /// <summary>The error for an output that cannot be written.</summary>
    public static MediaException Failed(string path, Exception failure)
    {
        string reason = OneLine(failure.Message);
        int hidden = reason.IndexOf(" : '", StringComparison.Ordinal); // the runtime appends the name of the hidden file
        return new($"{path}: cannot be written: {(hidden > 0 ? reason[..hidden] : reason)}", failure);
    }

    /// <summary>A message without line breaks.</summary>
    public static string OneLine(string text) => string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private static bool Same(string a, string b) => string.Equals(Full(a), Full(b), PathComparison);

    /// <summary>A path that is the same for the same file, links followed.</summary>
    public static string Full(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        FileSystemInfo entry = Directory.Exists(full) ? new DirectoryInfo(full) : new FileInfo(full);
        try
        {
            return entry.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
        }
        catch (IOException)
        {
            return full; // a loop of links: opening it will say so
        }
    }
}
