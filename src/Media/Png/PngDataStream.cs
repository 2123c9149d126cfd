namespace Lia.Media.Png;

/// <summary>The compressed data of one picture: the data of consecutive IDAT chunks, or of the fdAT chunks of an animation's
/// frame.</summary>
internal sealed class PngDataStream : Stream
{
    private readonly PngChunkReader _chunks;
    private readonly string _type;
    private readonly Action _sequenceNumber;
    private bool _ended;

    /// <param name="chunks">At the first data chunk; afterwards at the first chunk behind the data.</param>
    /// <param name="sequenceNumber">Reads and checks the number before the data of an fdAT chunk.</param>
    public PngDataStream(PngChunkReader chunks, Action sequenceNumber)
    {
        (_chunks, _type, _sequenceNumber) = (chunks, chunks.Type, sequenceNumber);
        if (_type == "fdAT") sequenceNumber();
    }

    public override int Read(Span<byte> buffer)
    {
        while (!_ended && buffer.Length > 0)
        {
            int read = _chunks.Read(buffer);
            if (read > 0) return read;
            _chunks.Leave();
            _chunks.Next();
            _ended = _chunks.Type != _type;
            if (!_ended && _type == "fdAT") _sequenceNumber();
        }
        return 0;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <summary>Goes to the first chunk behind the data; what the picture did not need is checked and dropped.</summary>
    public void Drain()
    {
        Span<byte> buffer = stackalloc byte[1024];
        while (Read(buffer) > 0) { }
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
