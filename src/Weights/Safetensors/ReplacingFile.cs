namespace Lia.Weights;

/// <summary>A file written beside its final place and moved there when complete, so that nobody ever sees half a file.</summary>
internal sealed class ReplacingFile : IDisposable
{
    private readonly string _path, _target;
    private readonly string? _temporary;
    private readonly FileStream _stream;
    private bool _committed;

    /// <exception cref="WeightsException">The file cannot be written.</exception>
    public ReplacingFile(string path)
    {
        _path = path;
        (_target, _temporary, _stream) = Guard(() =>
        {
            string target = Path.GetFullPath(path);
            if (Directory.Exists(target)) throw new IOException("it is a folder");
            string folder = Path.GetDirectoryName(target)!;
            if (!Directory.Exists(folder)) throw new IOException($"there is no folder {folder}");
            string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.part");
            return (target, temporary, new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None,
                bufferSize: 1 << 16));
        });
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
        _stream.Dispose();
        File.Move(_temporary!, _target, overwrite: true);
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
        File.Delete(_temporary!);
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
        string reason = _temporary is null ? e.Message : e.Message.Replace($" : '{_temporary}'", "", StringComparison.Ordinal);
        return new($"{Text.Quote(_path, quotes: false)}: cannot be written: {reason}", e);
    }
}
