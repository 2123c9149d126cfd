using Lia.Media.IO;

namespace Lia.Media.Raw;

/// <summary>
/// A stream read from front to back and counted, so that an error can say where. It never asks for more than it needs: a frame is there as
/// soon
/// as its last byte is. Cancelling gives up a read that waits.
/// </summary>
/// <param name="stream">Disposed by the caller.</param>
/// <param name="name">For error messages.</param>
/// <param name="cancellationToken">Ends reading.</param>
internal sealed class CountedStream(Stream stream, string name, CancellationToken cancellationToken)
{
    private readonly byte[] _buffer = new byte[1 << 12];
    private int _at, _end;
    private long _before; // bytes of the stream before the buffer

    public string Name => name;

    /// <summary>How many bytes have been taken.</summary>
    public long Offset => _before + _at;

    /// <summary>How many frames are left, as far as the length of a file says; null where nothing does.</summary>
    /// <param name="bytes">Of a frame.</param>
    public int? CountOf(long bytes) => stream is FileStream { CanSeek: true, Length: > 0 } file
        ? (int)Math.Clamp((file.Length - file.Position + _end - _at) / bytes, 0, int.MaxValue) : null;

    /// <summary>Whether there are no more bytes. Waits for one.</summary>
    /// <exception cref="MediaException">The stream cannot be read.</exception>
    public bool IsAtEnd => Peek(0) < 0;

    /// <summary>The next byte, or -1 at the end.</summary>
    /// <exception cref="MediaException">The stream cannot be read.</exception>
    public int ReadByte() => Peek(0) is int value and >= 0 ? Take(value) : -1;

    /// <summary>Whether the stream goes on with some bytes, which are not taken. Waits for the next byte only as long as all before it
    /// agree.</summary>
    /// <param name="bytes">A few.</param>
    /// <exception cref="MediaException">The stream cannot be read.</exception>
    public bool StartsWith(ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
            if (Peek(i) != bytes[i]) return false;
        return true;
    }

    /// <summary>Takes as many bytes as there is room for.</summary>
    /// <returns>How many there were: fewer at the end of the stream.</returns>
    /// <exception cref="MediaException">The stream cannot be read.</exception>
    public int Fill(Memory<byte> bytes)
    {
        int filled = Math.Min(bytes.Length, _end - _at);
        _buffer.AsSpan(_at, filled).CopyTo(bytes.Span);
        _at += filled;
        while (filled < bytes.Length)
        {
            int read = Read(bytes[filled..]);
            if (read == 0) break;
            (_before, filled) = (_before + read, filled + read);
        }
        return filled;
    }

    /// <summary>The error for bytes that are not what they should be.</summary>
    public MediaException Damaged(long offset, string how) => new($"{name}: at byte {offset}: {how}");

    private int Take(int value)
    {
        _at++;
        return value;
    }

    /// <summary>A byte ahead, or -1 if the stream ends before it.</summary>
    private int Peek(int ahead)
    {
        while (_end - _at <= ahead)
        {
            if (_at > 0)
            {
                _buffer.AsSpan(_at.._end).CopyTo(_buffer);
                (_before, _at, _end) = (_before + _at, 0, _end - _at);
            }
            int read = Read(_buffer.AsMemory(_end));
            if (read == 0) return -1;
            _end += read;
        }
        return _buffer[_at + ahead];
    }

    private int Read(Memory<byte> bytes)
    {
        try
        {
            // What is in a file is there: nothing is waited for, and no other thread has to be.
            if (stream is FileStream { CanSeek: true })
            {
                cancellationToken.ThrowIfCancellationRequested();
                return stream.Read(bytes.Span);
            }
            // A pipe's read cannot be ended from here; it is left to itself.
            ValueTask<int> read = stream.ReadAsync(bytes, cancellationToken);
            return read.IsCompletedSuccessfully ? read.Result : read.AsTask().WaitAsync(cancellationToken).GetAwaiter().GetResult();
        }
        catch (IOException failure)
        {
            throw new MediaException($"{name}: cannot be read at byte {Offset}: {Outputs.OneLine(failure.Message)}", failure);
        }
    }
}
