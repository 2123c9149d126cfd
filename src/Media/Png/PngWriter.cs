using System.Buffers.Binary;
using Lia.Media.IO;

namespace Lia.Media.Png;

/// <summary>Writes a PNG file: a plain picture when there is one frame, an animation that repeats for ever when there are more.</summary>
internal sealed class PngWriter : IFrameWriter
{
    private const int ControlAt = 8 + 25; // the chunk acTL follows the signature and IHDR

    private readonly string _path;
    private readonly int _width, _height;
    private readonly PngEncoder _encoder;
    private readonly PendingFile _file;
    private readonly FileStream _stream;
    private readonly ushort _delay, _unit;
    private byte[] _first = [];
    private int _frames, _sequence;

    /// <param name="path">The file to be made.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rate">Frames a second.</param>
    public PngWriter(string path, int width, int height, FrameRate rate)
    {
        (_path, _width, _height) = (path, width, height);
        (_delay, _unit) = Delay(rate);
        _encoder = new PngEncoder(width, height);
        _file = new PendingFile(path);
        _stream = _file.Open();
    }

    public void Write(ReadOnlySpan<byte> pixels)
    {
        byte[] data = _encoder.Compress(pixels);
        try
        {
            // Whether this is an animation is known with the second frame.
            if (_frames == 0) _first = data;
            if (_frames == 1) BeginAnimation();
            if (_frames > 0) WriteFrame(data);
        }
        catch (IOException failure)
        {
            throw Outputs.Failed(_path, failure);
        }
        _frames++;
    }

    public bool Complete()
    {
        Outputs.Guard(_path, () =>
        {
            if (_frames == 1)
            {
                _encoder.Begin(_stream);
                PngEncoder.WriteChunk(_stream, "IDAT"u8, _first);
            }
            PngEncoder.WriteChunk(_stream, "IEND"u8, []);
            if (_frames > 1)
            {
                _stream.Position = ControlAt;
                WriteAnimationControl();
            }
        });
        _file.Commit();
        return false;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The time a frame shows as the format's fraction of 16-bit terms: exact if it can be, else the nearest.</summary>
    internal static (ushort Delay, ushort Unit) Delay(FrameRate rate)
    {
        // Convergents of the continued fraction: the last whose terms fit.
        (long p, long q, long previousP, long previousQ) = (1, 0, 0, 1);
        (long numerator, long denominator) = (rate.Denominator, rate.Numerator);
        while (denominator != 0)
        {
            long whole = numerator / denominator;
            (long nextP, long nextQ) = (whole * p + previousP, whole * q + previousQ);
            if (nextP > ushort.MaxValue || nextQ > ushort.MaxValue) break;
            (previousP, previousQ, p, q) = (p, q, nextP, nextQ);
            (numerator, denominator) = (denominator, numerator % denominator);
        }
        return ((ushort)p, (ushort)Math.Max(q, 1));
    }

    private void BeginAnimation()
    {
        _encoder.Begin(_stream);
        WriteAnimationControl();
        WriteFrame(_first);
        _first = [];
    }

    private void WriteAnimationControl()
    {
        byte[] control = new byte[8]; // number of frames, and 0 repetitions: for ever
        BinaryPrimitives.WriteInt32BigEndian(control, _frames);
        PngEncoder.WriteChunk(_stream, "acTL"u8, control);
    }

    private void WriteFrame(ReadOnlySpan<byte> data)
    {
        byte[] control = new byte[26];
        BinaryPrimitives.WriteInt32BigEndian(control, _sequence++);
        BinaryPrimitives.WriteInt32BigEndian(control.AsSpan(4), _width);
        BinaryPrimitives.WriteInt32BigEndian(control.AsSpan(8), _height);
        BinaryPrimitives.WriteUInt16BigEndian(control.AsSpan(20), _delay);
        BinaryPrimitives.WriteUInt16BigEndian(control.AsSpan(22), _unit);
        bool isFirst = _sequence == 1;
        PngEncoder.WriteChunk(_stream, "fcTL"u8, control);
        if (isFirst)
        {
            PngEncoder.WriteChunk(_stream, "IDAT"u8, data);
            return;
        }
        byte[] number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, _sequence++);
        PngEncoder.WriteChunk(_stream, "fdAT"u8, number, data);
    }
}
