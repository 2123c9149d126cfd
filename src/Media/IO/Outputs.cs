namespace Lia.Media.IO;

/// <summary>What all outputs have in common: checks before the work, and errors that name the file.</summary>
internal static class Outputs
{
    private static readonly StringComparison PathComparison =
        OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;

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
    public static string OneLine(string text) =>
        string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>Whether a path is that of a named pipe, which is written to and not replaced.</summary>
    public static bool IsPipe(string path) => new FileInfo(Full(path)) is { Exists: true, Length: 0 } && Disk.IsPipe(path);

    /// <summary>Opens a named pipe for writing, which waits for somebody who reads.</summary>
    /// <exception cref="MediaException">It may not be written.</exception>
    /// <exception cref="OperationCanceledException">Nobody came in time.</exception>
    public static FileStream OpenPipe(string path, CancellationToken cancellationToken)
    {
        FileStreamOptions options = new() { Mode = FileMode.Open, Access = FileAccess.Write, Share = FileShare.ReadWrite, BufferSize = 0 };
        return Inputs.OpenPipe(path, () => Guard(path, () => new FileStream(path, options)), cancellationToken);
    }

    /// <summary>Refuses what this system cannot call a file, before the work and not after it.</summary>
    /// <exception cref="MediaException">Windows cannot have a name like this, and this is Windows.</exception>
    public static void RefuseName(string path) => RefuseName(path, OperatingSystem.IsWindows());

    /// <inheritdoc cref="RefuseName(string)"/>
    internal static void RefuseName(string path, bool isWindows)
    {
        if (isWindows && WindowsNames.Complaint(path) is { } complaint)
            throw new MediaException($"{path}: cannot be written: {complaint}.");
    }

    /// <summary>Whether two paths are of one file.</summary>
    public static bool Same(string a, string b) => string.Equals(Full(a), Full(b), PathComparison);

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
