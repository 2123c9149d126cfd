using System.Diagnostics;

namespace Lia.Media.IO;

/// <summary>
/// An output file in the making: a hidden file beside its target, readable by its owner only, which takes the target's name when it is
/// complete and on
/// the disk, and disappears otherwise. Of a target that is a symbolic link, what it leads to is replaced, and the link stays.
/// </summary>
internal sealed class PendingFile : IDisposable
{
    private readonly string _name, _target;
    private readonly UnixFileMode _mode;
    private readonly FileStream _stream; // open all the time: its lock tells others that somebody is at work on it
    private bool _committed;

    /// <param name="target">The name the file will have.</param>
    /// <exception cref="MediaException">No file can be made there.</exception>
    public PendingFile(string target)
    {
        _name = target;
        Outputs.RefuseName(target);
        _target = Outputs.Guard(target, () => Outputs.Full(target));
        string? folder = System.IO.Path.GetDirectoryName(_target);
        if (folder is null || Directory.Exists(_target) || System.IO.Path.EndsInDirectorySeparator(target))
            throw new MediaException($"{target}: cannot be written: it is a folder.");
        if (!Directory.Exists(folder))
            throw new MediaException($"{target}: cannot be written: there is no folder {folder}.");
        // /dev/shm is a folder of ordinary files.
        if (!OperatingSystem.IsWindows() && File.Exists(_target) && _target.StartsWith("/dev/", StringComparison.Ordinal)
            && !_target.StartsWith("/dev/shm/", StringComparison.Ordinal))
            throw new MediaException($"{target}: cannot be written: it is a device, not a file.");
        if (Outputs.IsPipe(_target))
            throw new MediaException($"{target}: cannot be written: it is a pipe, and only raw video (.y4m, .rgb) can be written to one.");
        if (new FileInfo(_target).LinkTarget is not null)
            throw new MediaException($"{target}: cannot be written: it is a link that leads to itself.");
        string name = System.IO.Path.GetFileName(_target);
        TemporaryFiles.SweepParts(folder, name);
        Path = System.IO.Path.Combine(folder, $".{name}.{Guid.NewGuid():N}.part");
        // Made right away: an output that cannot be written is known before the work, not after it.
        _stream = Outputs.Guard(target, () => new FileStream(Path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, 1 << 16));
        try
        {
            Disk.TryLock(_stream.SafeFileHandle);
            // The mode of the file that is replaced, or what the system gives a new one; until then it is nobody else's.
            _mode = Outputs.Guard(target, () => Disk.Mode(File.Exists(_target) ? _target : Path));
            Outputs.Guard(target, () => Disk.SetMode(Path, TemporaryFiles.Private));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where to write.</summary>
    public string Path { get; }

    /// <summary>The file, for writing from its start. The stream is closed with this object.</summary>
    public FileStream Open() => _stream;

    /// <summary>Writes the file through to the disk and gives it its name, in place of a file that has it.</summary>
    /// <exception cref="MediaException">The disk is full, or the target cannot be replaced.</exception>
    public void Commit()
    {
        using Activity? committing = Activities.Begin("output through to the disk");
        Outputs.Guard(_name, () =>
        {
            _stream.Flush(flushToDisk: true);
            Disk.SetMode(Path, _mode);
            _stream.Dispose();
            File.Move(Path, _target, overwrite: true);
            Disk.FlushFolder(System.IO.Path.GetDirectoryName(_target)!);
        });
        _committed = true;
    }

    public void Dispose()
    {
        if (_committed) return;
        // On a full disk closing fails, on a folder that has gone deleting does; the reason that brought us here is the one to report.
        Quietly(() => _stream.Dispose());
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
