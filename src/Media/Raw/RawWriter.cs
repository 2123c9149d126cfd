using System.Text;
using Lia.Media.IO;

namespace Lia.Media.Raw;

/// <summary>Writes yuv4mpeg or RGB24 to a stream, where every frame leaves at once, or to a file.</summary>
internal sealed class RawWriter : IFrameWriter
{
    private readonly Stream _stream;
    private readonly string _name;
    private readonly PendingFile? _file;
    private readonly bool _owns; // the stream
    private readonly CancellationToken _token;
    private readonly int _width, _height, _pixelsAt;
    private readonly Chroma? _chroma; // of yuv4mpeg
    private readonly byte[] _frame; // that leaves at once
    private readonly WriteBehind? _behind; // of a file

    private RawWriter(
        Stream stream, bool owns, string name, PendingFile? file, int width, int height, FrameRate rate, RawOutput format,
        CancellationToken cancellationToken)
    {
        (_stream, _owns, _name, _file, _token, _width, _height) = (stream, owns, name, file, cancellationToken, width, height);
        (_chroma, string sampling) = format switch
        {
            RawOutput.Rgb24 => ((Chroma?)null, ""),
            RawOutput.Yuv4Mpeg420 => (Chroma.Sampling420, "420jpeg"),
            _ => (Chroma.Sampling444, "444"),
        };
        ReadOnlySpan<byte> mark = _chroma is null ? [] : "FRAME\n"u8;
        _pixelsAt = mark.Length;
        _frame = new byte[_pixelsAt + (_chroma?.FrameBytes(width, height) ?? 3 * width * height)];
        mark.CopyTo(_frame);
        if (_chroma is not null) Send(
            Encoding.ASCII.GetBytes($"YUV4MPEG2 W{width} H{height} F{rate.Numerator}:{rate.Denominator} Ip A1:1 C{sampling} "
                + $"XCOLORRANGE=LIMITED\n"));
        if (file is not null) _behind = new(file.Open(), _frame, cancellationToken);
    }

    /// <summary>Opens a stream as an output; the header leaves right away.</summary>
    /// <param name="stream">Not disposed with the writer.</param>
    /// <param name="name">For error messages.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rate">Frames a second.</param>
    /// <param name="format">yuv4mpeg unless it says otherwise.</param>
    /// <param name="cancellationToken">Gives up a write that waits.</param>
    /// <exception cref="MediaException">The stream cannot be written.</exception>
    public static RawWriter ToStream(
        Stream stream, string name, int width, int height, FrameRate rate, RawOutput format, CancellationToken cancellationToken) =>
        new(stream, owns: false, name, null, width, height, rate, format, cancellationToken);

    /// <summary>Opens a file as an output, or a named pipe, which waits for somebody who reads.</summary>
    /// <param name="path">Its extension decides where the format does not.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rate">Frames a second.</param>
    /// <param name="format">The format.</param>
    /// <param name="cancellationToken">Gives up a write that waits.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static RawWriter ToFile(string path, int width, int height, FrameRate rate, RawOutput format,
        CancellationToken cancellationToken)
    {
        if (format == RawOutput.Auto && Path.GetExtension(path).Equals(".rgb", StringComparison.OrdinalIgnoreCase))
            format = RawOutput.Rgb24;
        if (Outputs.IsPipe(path)) return Open(Outputs.OpenPipe(path, cancellationToken), null);
        PendingFile file = new(path);
        return Open(file.Open(), file);

        RawWriter Open(FileStream stream, PendingFile? pending)
        {
            try
            {
                return new(stream, owns: pending is null, path, pending, width, height, rate, format, cancellationToken);
            }
            catch
            {
                ((IDisposable?)pending ?? stream).Dispose();
                throw;
            }
        }
    }

    public void Write(ReadOnlySpan<byte> pixels)
    {
        if (_behind is null)
        {
            Fill(_frame, pixels);
            Send(_frame);
            return;
        }
        Fill(Guarded(_behind.Next).Span, pixels);
        _behind.Add();
    }

    public bool Complete()
    {
        if (_behind is not null) Guarded(() => { _behind.Finish(); return 0; });
        _file?.Commit();
        return false;
    }

    public void Dispose()
    {
        _behind?.Dispose();
        _file?.Dispose();
        if (_owns) _stream.Dispose();
    }

    /// <summary>A frame as it leaves, behind its mark.</summary>
    private void Fill(Span<byte> frame, ReadOnlySpan<byte> pixels)
    {
        if (_chroma is { } chroma) YuvColors.FromRgb(pixels, _width, _height, chroma, frame[_pixelsAt..]);
        else pixels.CopyTo(frame[_pixelsAt..]);
    }

    private void Send(ReadOnlyMemory<byte> bytes)
    {
        Guarded(() =>
        {
            if (_file is not null)
            {
                _stream.Write(bytes.Span);
                return 0;
            }
            Wait(_stream.WriteAsync(bytes, _token).AsTask());
            Wait(_stream.FlushAsync(_token));
            return 0;
        });

        // A pipe's write cannot be ended from here; when nobody reads and the work is cancelled, it is left to itself.
        void Wait(Task step) => step.WaitAsync(_token).GetAwaiter().GetResult();
    }

    /// <exception cref="MediaException">The step cannot write.</exception>
    private T Guarded<T>(Func<T> step)
    {
        try
        {
            return step();
        }
        catch (IOException failure)
        {
            throw Outputs.Failed(_name, failure);
        }
    }
}
