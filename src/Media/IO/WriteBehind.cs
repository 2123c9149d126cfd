using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace Lia.Media.IO;

/// <summary>
/// Blocks of one length to a file, on a thread of their own, so that the next is made while one is written:
/// <code>
///   the caller's thread     block k+1 is filled                      block k+2 is filled
///   this one's              block k to the system's cache            block k+1 ...
///   a third, now and then   what was written before, through to the disk
/// </code>
/// The system by itself waits for seconds before it writes to the disk, and whoever has the file written through at its end waits for all
/// of it. Nobody waits for a stretch: while one is under way, the next grows.
/// </summary>
internal sealed class WriteBehind : IDisposable
{
    private const int FewestBlocks = 2, MostBlocks = 8, BytesOfBlocks = 4 << 20;
    private const long Stretch = 32 << 20; // bytes that are worth a way to the disk

    private readonly FileStream _file;
    private readonly SafeFileHandle _handle;
    private readonly BlockingCollection<byte[]> _free = [], _filled = [];
    private readonly CancellationTokenSource _stop;
    private readonly Thread _thread;
    private Exception? _failure;
    private Task _flushing = Task.CompletedTask;

    /// <param name="file">Written from where it stands, by nobody else until <see cref="Finish"/> returns; disposed by the caller.</param>
    /// <param name="first">A block as it is before it is filled.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public WriteBehind(FileStream file, byte[] first, CancellationToken cancellationToken)
    {
        (_file, _handle) = (file, file.SafeFileHandle); // To ask for it empties the stream's buffer.
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        int blocks = Math.Clamp(BytesOfBlocks / Math.Max(1, first.Length), FewestBlocks, MostBlocks);
        for (int i = 0; i < blocks; i++) _free.Add((byte[])first.Clone(), CancellationToken.None);
        _thread = new Thread(WriteAll) { IsBackground = true, Name = "LIA output file" };
        _thread.Start();
    }

    /// <summary>A block to fill: as it was first, or as it was filled once. Waits until one has been written.</summary>
    /// <exception cref="IOException">An earlier block could not be written.</exception>
    /// <exception cref="OperationCanceledException">Writing was stopped.</exception>
    public byte[] Next()
    {
        try
        {
            return _free.Take(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            ThrowIfFailed();
            throw;
        }
    }

    /// <summary>Has a block written that <see cref="Next"/> gave.</summary>
    public void Add(byte[] block) => _filled.Add(block);

    /// <summary>Waits until every block is with the system, and most are on the disk.</summary>
    /// <exception cref="IOException">One could not be written.</exception>
    /// <exception cref="OperationCanceledException">Writing was stopped.</exception>
    public void Finish()
    {
        _filled.CompleteAdding();
        _thread.Join();
        ThrowIfFailed();
        _flushing.GetAwaiter().GetResult(); // Its failure is told once, and not again to who flushes next.
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _flushing.ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
        _free.Dispose();
        _filled.Dispose();
        _stop.Dispose();
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    private void WriteAll()
    {
        try
        {
            long flushed = _file.Position;
            while (_filled.TryTake(out byte[]? block, Timeout.Infinite, _stop.Token))
            {
                _file.Write(block);
                _free.Add(block);
                if (_file.Position - flushed < Stretch || !_flushing.IsCompleted) continue;
                _flushing.GetAwaiter().GetResult();
                flushed = _file.Position;
                _flushing = Task.Run(() => RandomAccess.FlushToDisk(_handle));
            }
        }
        catch (Exception failure)
        {
            _failure = failure;
            _stop.Cancel(); // wakes who waits for a block
        }
    }
}
