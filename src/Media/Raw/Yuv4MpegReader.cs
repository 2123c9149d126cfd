using Lia.Media.IO;

namespace Lia.Media.Raw;

/// <summary>The frames of a yuv4mpeg stream.</summary>
internal sealed class Yuv4MpegReader : IFrameReader
{
    private readonly CountedStream _stream;
    private readonly IDisposable? _owned;
    private readonly Yuv4MpegHeader _header;
    private readonly int _frameBytes;
    private byte[] _planes = [];
    private RgbImage? _image;
    private int _frames;

    /// <param name="stream">At its first byte.</param>
    /// <param name="owned">Disposed with the reader.</param>
    /// <param name="rate">Stands in for a rate that the stream does not say.</param>
    /// <exception cref="MediaException">It is no such stream, or is cut off.</exception>
    public Yuv4MpegReader(CountedStream stream, IDisposable? owned, FrameRate? rate)
    {
        (_stream, _owned) = (stream, owned);
        _header = Yuv4MpegHeader.Read(stream);
        Rate = _header.Rate ?? rate ?? throw new MediaException(
            $"{Name}: the yuv4mpeg header does not say the frame rate; give one (--fps).");
        _frameBytes = _header.Chroma.FrameBytes(_header.Width, _header.Height);
        // Most lines that begin a frame say nothing more.
        Count = stream.CountOf("FRAME\n".Length + (long)_frameBytes);
    }

    public string Name => _stream.Name;

    public FrameRate? Rate { get; }

    /// <summary>The size of every frame.</summary>
    public FrameSize Size => new(_header.Width, _header.Height);

    public int? Count { get; }

    public AudioTrack? Audio => null;

    public string? Warning => null;

    public RgbImage? Read()
    {
        long start = _stream.Offset;
        if (!_stream.StartsWith("FRAME"u8))
        {
            // Nothing more is the end; anything else is damage.
            if (_stream.IsAtEnd) return null;
            throw _stream.Damaged(start, $"frame {_frames} of the yuv4mpeg stream does not begin with FRAME.");
        }
        Yuv4MpegHeader.ReadLine(_stream);
        int read = ReadPlanes();
        if (read < _frameBytes) throw _stream.Damaged(_stream.Offset,
            $"the stream ends within frame {_frames}, of which {read} of {_frameBytes} bytes are there.");
        _image ??= new RgbImage(_header.Width, _header.Height);
        (_header.IsFullRange ? YuvColors.Full : YuvColors.Limited).ToRgb(_planes, _header.Chroma, _image);
        _frames++;
        return _image;
    }

    public void Dispose() => _owned?.Dispose();

    /// <summary>Reads a frame, or what there is of one. Memory is taken as bytes come: thirty bytes of header may ask for frames of half a
    /// gigabyte.</summary>
    private int ReadPlanes()
    {
        const int AtFirst = 1 << 20;
        int read = 0;
        while (read < _frameBytes)
        {
            if (read == _planes.Length) Array.Resize(ref _planes, (int)Math.Min(_frameBytes, Math.Max(AtFirst, 2L * read)));
            read += _stream.Fill(_planes.AsMemory(read));
            if (read < _planes.Length) break;
        }
        return read;
    }
}
