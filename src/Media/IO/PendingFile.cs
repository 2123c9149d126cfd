namespace Lia.Media.IO;

/// <summary>An output file in the making: a hidden file beside its target, which takes the target's name when it is complete and disappears otherwise.</summary>
internal sealed class PendingFile : IDisposable
{
    private readonly string _target;
    private FileStream? _stream;
    private bool _committed;

    /// <param name="target">The name the file will have.</param>
    /// <exception cref="MediaException">No file can be made there.</exception>
    public PendingFile(string target)
    {
        _target = Outputs.Guard(target, () => System.IO.Path.GetFullPath(target));
        string? folder = System.IO.Path.GetDirectoryName(_target);
        if (folder is null || Directory.Exists(_target) || System.IO.Path.EndsInDirectorySeparator(_target))
            throw new MediaException($"{target}: cannot be written: it is a folder.");
        if (!Directory.Exists(folder))
            throw new MediaException($"{target}: cannot be written: there is no folder {folder}.");
        if (!OperatingSystem.IsWindows() && _target.StartsWith("/dev/", StringComparison.Ordinal) && File.Exists(_target))
            throw new MediaException($"{target}: cannot be written: it is a device, not a file.");
        Path = System.IO.Path.Combine(folder, $".{System.IO.Path.GetFileName(_target)}.{Guid.NewGuid():N}.part");
        // Made right away: an output that cannot be written is known before the work, not after it.
        Outputs.Guard(target, () => File.Create(Path).Dispose());
    }

    /// <summary>Where to write.</summary>
    public string Path { get; }

    /// <summary>Opens the file for writing from its start. The stream is closed with this object.</summary>
    public FileStream Open() => _stream = new(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, 1 << 16);

    /// <summary>Closes the file and gives it its name, in place of a file that has it.</summary>
    /// <exception cref="MediaException">The disk is full, or the target cannot be replaced.</exception>
    public void Commit()
    {
        Outputs.Guard(_target, () =>
        {
            _stream?.Dispose();
            File.Move(Path, _target, overwrite: true);
        });
        _committed = true;
    }

    public void Dispose()
    {
        if (_committed) return;
        // On a full disk closing fails, on a folder that has gone deleting does; the reason that brought us here is the one to report.
        Quietly(() => _stream?.Dispose());
        Quietly(() => File.Delete(Path));

        static void Quietly(Action step)
        {
            try
            {
                step();
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
            }
        }
    }
}
