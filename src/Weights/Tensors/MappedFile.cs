using System.IO.MemoryMappedFiles;

namespace Lia.Weights;

/// <summary>A file mapped read-only into memory. Pages are read when touched; nothing is copied.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private bool _disposed;

    /// <exception cref="WeightsException">The file is absent, empty, no regular file, or cannot be read.</exception>
    public MappedFile(string path)
    {
        Name = Text.Quote(Path.GetFileName(path), quotes: false);
        try
        {
            // Asked before opening, because opening a pipe waits for its other end. Pipes, devices and sockets have no length; what has
            // none cannot be mapped either.
            FileInfo named = new(path);
            if ((named.ResolveLinkTarget(returnFinalTarget: true) ?? named) is FileInfo { Exists: true, Length: 0 })
                throw new IOException("it is empty, or a pipe or a device, and a file is wanted");
            _stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            try
            {
                Length = _stream.Length;
                _map = MemoryMappedFile.CreateFromFile(_stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None,
                    leaveOpen: true);
                _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
                _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            }
            catch
            {
                _map?.Dispose();
                _stream.Dispose();
                throw;
            }
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
    /// <remarks>
    /// To touch a page that the file has no longer ends the process. That the file still has its length is asked here, which is cheap, and
    /// finds one that was replaced in place between two tensors; against one shortened while its bytes are read there is no guard but a
    /// copy of all of it.
    /// </remarks>
    /// <exception cref="WeightsException">The file has been shortened since it was opened.</exception>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        if (length == 0) return default;
        if (_stream.Length < Length) throw new WeightsException($"{Name}: the file was shortened while it was being read");
        return new(_start + offset, length);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
        _stream.Dispose();
    }
}
