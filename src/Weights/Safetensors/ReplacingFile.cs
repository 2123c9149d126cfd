using System.Text.RegularExpressions;

namespace Lia.Weights;

/// <summary>
/// A file written beside its final place, for its owner alone, and moved there when it is complete and on the disk, so that nobody ever
/// sees half a file. Of a symbolic link, what it leads to is replaced.
/// </summary>
internal sealed partial class ReplacingFile : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _path, _target, _temporary;
    private readonly FileStream _stream; // open all the time and for nobody else, which tells others that somebody is at work on it
    private readonly UnixFileMode _mode;
    private bool _committed;

    /// <exception cref="WeightsException">The file cannot be written.</exception>
    public ReplacingFile(string path)
    {
        (_path, _temporary) = (path, "");
        _target = Guard(() => Target(path));
        string folder = Path.GetDirectoryName(_target)!, name = Path.GetFileName(_target);
        Sweep(folder, name);
        _temporary = Path.Combine(folder, $".{name}.{Guid.NewGuid():N}.part");
        _stream = Guard(() => new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16));
        if (OperatingSystem.IsWindows()) return;
        // The mode of the file that is replaced, or what the system gives a new one; until then it is nobody else's.
        _mode = File.GetUnixFileMode(File.Exists(_target) ? _target : _temporary);
        File.SetUnixFileMode(_stream.SafeFileHandle, Private);
    }

    /// <exception cref="WeightsException">The disk is full, or the file cannot be written.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        try { _stream.Write(bytes); }
        catch (IOException e) { throw Failed(e); }
    }

    /// <summary>Moves the complete file to its place.</summary>
    /// <exception cref="WeightsException">The disk is full, or the target cannot be replaced.</exception>
    public void Commit() => _committed = Guard(() =>
    {
        _stream.Flush(flushToDisk: true);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_stream.SafeFileHandle, _mode);
        _stream.Dispose();
        File.Move(_temporary, _target, overwrite: true);
        return true;
    });

    /// <summary>Removes the file unless it was committed.</summary>
    public void Dispose()
    {
        if (_committed) return;
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // The disk is full; what could not be written is deleted anyway.
        }
        File.Delete(_temporary);
    }

    /// <summary>The file that a path means.</summary>
    private static string Target(string path)
    {
        string target = Path.GetFullPath(path);
        if (new FileInfo(target).LinkTarget is not null) target = File.ResolveLinkTarget(target, returnFinalTarget: true)!.FullName;
        if (Directory.Exists(target)) throw new IOException("it is a folder");
        string folder = Path.GetDirectoryName(target)!;
        if (!Directory.Exists(folder)) throw new IOException($"there is no folder {folder}");
        if (new FileInfo(target) is { Exists: true, Length: 0 })
        {
            // Whoever opens a pipe for both ends waits for nobody.
            using FileStream file = new(target, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            // /dev/shm is a folder of ordinary files.
            bool isDevice = target.StartsWith("/dev/", StringComparison.Ordinal)
                && !target.StartsWith("/dev/shm/", StringComparison.Ordinal);
            if (!file.CanSeek || isDevice)
                throw new IOException("it is a pipe or a device, not a file");
        }
        return target;
    }

    /// <summary>Deletes what runs that were killed have left: files in the making that nobody holds open.</summary>
    private static void Sweep(string folder, string name)
    {
        try
        {
            foreach (string part in Directory.GetFiles(folder, $".*.part", new EnumerationOptions { AttributesToSkip = 0 }))
            {
                if (Part().Match(Path.GetFileName(part)) is not { Success: true } match || match.Groups["name"].Value != name) continue;
                // Others find it held (IOException); a link is none of ours.
                if (new FileInfo(part).LinkTarget is not null) continue;
                using (new FileStream(part, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0)) File.Delete(part);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In use, somebody else's, or gone in the meantime.
        }
    }

    private T Guard<T>(Func<T> step)
    {
        try { return step(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            { throw Failed(e); }
    }

    private WeightsException Failed(Exception e)
    {
        // The user knows the file by its own name.
        string reason = _temporary.Length == 0 ? e.Message : e.Message.Replace($" : '{_temporary}'", "", StringComparison.Ordinal);
        return new($"{Text.Quote(_path, quotes: false)}: cannot be written: {reason}", e);
    }

    [GeneratedRegex(@"^\.(?<name>.*)\.[0-9a-f]{32}\.part$", RegexOptions.Singleline)]
    private static partial Regex Part();
}
