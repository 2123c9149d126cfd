using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace Lia.Media.IO;

/// <summary>
/// Records of one length to a file, many to a block, on a thread of their own, so that the next are made while some are written:
/// <code>
///   the caller's thread     block k+1 is filled                      block k+2 is filled
///   this one's              block k to the system's cache            block k+1 ...
///   a third, now and then   what was written before, through to the disk
/// </code>
/// The system by itself waits for seconds before it writes to the disk, and whoever has the file written through at its end waits for all
/// of it. Nobody waits for a stretch: while one is under way, the next grows.
/// </summary>
/// <remarks>
/// While a stretch is under way, a file that grows with every write waits, some hundredths of a second at a time, for the disk: how long it
/// is, is a part of what is just being written down. So there are few writes and large ones, the file gets its room ahead of them, and
/// there are blocks for those that are made meanwhile; they are made when they are needed.
/// </remarks>
internal sealed class WriteBehind : IDisposable
{
    private const int FewestBlocks = 2, BytesOfBlock = 2 << 20, BytesOfBlocks = 48 << 20, MostRecords = 256; // of a block
    private const long Stretch = 16 << 20; // bytes that are worth a way to the disk
    private const long Ahead = 64 << 20; // bytes that get their room at once

    private readonly FileStream _file;
    private readonly SafeFileHandle _handle;
    private readonly byte[] _record; // as it is before it is filled
    private readonly int _records, _blocks; // of a block, and most of them
    private readonly BlockingCollection<Block> _free = new(new ConcurrentStack<Block>()), _filled = [];
    private readonly CancellationTokenSource _stop;
    private readonly Thread _thread;
    private Block? _block; // that is being filled
    private int _made;
    private Exception? _failure;
    private Task _flushing = Task.CompletedTask;

    /// <param name="file">Written from where it stands to its new end, by nobody else until <see cref="Finish"/> returns; disposed by the
    /// caller.</param>
    /// <param name="record">A record as it is before it is filled.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public WriteBehind(FileStream file, byte[] record, CancellationToken cancellationToken)
    {
        (_file, _handle, _record) = (file, file.SafeFileHandle, record); // To ask for the handle empties the stream's buffer.
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _records = Math.Clamp(BytesOfBlock / Math.Max(1, record.Length), 1, MostRecords);
        _blocks = (int)Math.Max(FewestBlocks, BytesOfBlocks / Math.Max(1, (long)_records * record.Length));
        _thread = new Thread(WriteAll) { IsBackground = true, Name = "LIA output file" };
        _thread.Start();
    }

    /// <summary>A record to fill: as it was first, or as one was filled once. Where all blocks are taken, waits until one has been
    /// written.</summary>
    /// <exception cref="IOException">An earlier record could not be written.</exception>
    /// <exception cref="OperationCanceledException">Writing was stopped.</exception>
    public Memory<byte> Next()
    {
        try
        {
            _stop.Token.ThrowIfCancellationRequested();
            _block ??= Take();
            return _block.Bytes.AsMemory(_block.Length, _record.Length);
        }
        catch (OperationCanceledException)
        {
            ThrowIfFailed();
            throw;
        }
    }

    /// <summary>Has the record written that <see cref="Next"/> gave.</summary>
    public void Add()
    {
        _block!.Length += _record.Length;
        if (_block.Length == _block.Bytes.Length) Send();
    }

    /// <summary>Waits until every record is with the system, and most are on the disk.</summary>
    /// <exception cref="IOException">One could not be written.</exception>
    /// <exception cref="OperationCanceledException">Writing was stopped.</exception>
    public void Finish()
    {
        if (_block is { Length: > 0 }) Send();
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

    private void Send()
    {
        _filled.Add(_block!);
        _block = null;
    }

    private Block Take()
    {
        if (_free.TryTake(out Block? block)) return block;
        if (_made < _blocks)
        {
            _made++;
            return new(_record, _records);
        }
        using Activity? waiting = Activities.Begin("waited for the output file");
        return _free.Take(_stop.Token);
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    private void WriteAll()
    {
        try
        {
            long start = _file.CanSeek ? _file.Position : 0, at = start, flushed = start, reserved = start;
            bool hasRoom = true;
            while (_filled.TryTake(out Block? block, Timeout.Infinite, _stop.Token))
            {
                long end = at + block.Length;
                // Before the first stretch is under way, and not for what is over by then.
                if (hasRoom && end > reserved && end - start > Stretch / 2)
                {
                    reserved = end + Ahead;
                    hasRoom = Disk.TryReserve(_handle, _file.Name, at, reserved - at);
                }
                using (Activities.Begin("output written")) _file.Write(block.Bytes, 0, block.Length);
                at = end;
                block.Length = 0;
                _free.Add(block);
                if (at - flushed < Stretch || !_flushing.IsCompleted) continue;
                _flushing.GetAwaiter().GetResult();
                flushed = at;
                _flushing = Task.Run(Flush);
            }
            _file.Flush();
            // A disk may have had room for a part.
            if (reserved > at && _file.CanSeek && _file.Length > at) _file.SetLength(at);
        }
        catch (Exception failure)
        {
            _failure = failure;
            _stop.Cancel(); // wakes who waits for a block
        }
    }

    private void Flush()
    {
        using Activity? flushing = Activities.Begin("output through to the disk");
        RandomAccess.FlushToDisk(_handle);
    }

    /// <summary>Records that are written together.</summary>
    private sealed class Block
    {
        public Block(ReadOnlySpan<byte> record, int records)
        {
            Bytes = GC.AllocateUninitializedArray<byte>(checked(records * record.Length));
            for (int i = 0; i < records; i++) record.CopyTo(Bytes.AsSpan(i * record.Length));
        }

        public byte[] Bytes { get; }

        /// <summary>Bytes that are filled.</summary>
        public int Length { get; set; }
    }
}
