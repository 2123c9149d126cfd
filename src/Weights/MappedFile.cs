using System.IO.MemoryMappedFiles;

namespace Lia.Weights;

/// <summary>A file mapped read-only into memory. Pages are read when touched; nothing is copied.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _start;
    private bool _disposed;

    /// <exception cref="WeightsException">The file is absent or cannot be read.</exception>
    public MappedFile(string path)
    {
        Name = Text.Quote(Path.GetFileName(path), quotes: false);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            Length = stream.Length;
            if (Length == 0) return; // An empty file cannot be mapped.
            _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new WeightsException($"{Text.Quote(path, quotes: false)}: there is no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            string reason = Directory.Exists(path) ? "it is a folder, a checkpoint file is wanted" : e.Message;
            throw new WeightsException($"{Text.Quote(path, quotes: false)}: cannot be read: {reason}", e);
        }
    }

    /// <summary>The file's name without its folder, safe to print.</summary>
    public string Name { get; }

    /// <summary>Length in bytes when the file was opened.</summary>
    public long Length { get; }

    /// <summary>The bytes from <paramref name="offset"/>, valid until this is disposed.</summary>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return length == 0 ? default : new(_start + offset, length);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_start != null) _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _map?.Dispose();
    }
}
