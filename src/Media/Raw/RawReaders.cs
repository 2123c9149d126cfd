using Lia.Media.IO;

namespace Lia.Media.Raw;

/// <summary>Opens raw video.</summary>
internal static class RawReaders
{
    /// <summary>Whether a driving file is to be read as raw video: that is said, it begins as yuv4mpeg does, or it is a pipe,
    /// which cannot be anything else.</summary>
    public static bool IsRaw(string path, RawVideo raw) =>
        raw.Format != RawInput.Auto || raw.Size is not null
        || !Directory.Exists(path) && (Inputs.IsPipe(path) || Yuv4MpegHeader.Recognizes(path));

    /// <summary>Opens a file or pipe of raw video.</summary>
    /// <exception cref="MediaException">It is missing, or is not what it is said to be.</exception>
    public static IFrameReader Open(string path, RawVideo raw, CancellationToken cancellationToken)
    {
        FileStream file = Inputs.IsPipe(path) ? Inputs.OpenPipe(path, cancellationToken) : Inputs.OpenFile(path);
        try
        {
            return Open(file, path, file, raw, cancellationToken);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a stream of raw video. Reads its header, and no more.</summary>
    /// <param name="stream">Not disposed with the reader.</param>
    /// <param name="name">For error messages.</param>
    /// <param name="raw">The format, and for RGB24 the size and the rate.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <exception cref="MediaException">It is not what it is said to be.</exception>
    public static IFrameReader Open(Stream stream, string name, RawVideo raw, CancellationToken cancellationToken) =>
        Open(stream, name, null, raw, cancellationToken);

    private static IFrameReader Open(Stream stream, string name, IDisposable? owned, RawVideo raw, CancellationToken cancellationToken)
    {
        CountedStream counted = new(stream, name, cancellationToken);
        // Said to be RGB24, a stream need not begin before the output does.
        if (raw.Format != RawInput.Rgb24 && counted.IsAtEnd) throw new MediaException($"{name}: it is empty.");
        bool isYuv = raw.Format == RawInput.Yuv4Mpeg || raw.Format == RawInput.Auto && counted.StartsWith(Yuv4MpegHeader.Signature);
        if (isYuv)
        {
            Yuv4MpegReader reader = new(counted, owned, raw.Rate);
            if (raw.Size is { } asked && asked != reader.Size)
                throw new MediaException($"{name}: its frames are {reader.Size}, and the input size given is {asked}.");
            return reader;
        }
        if (raw.Size is not { } size)
        {
            throw new MediaException(raw.Format == RawInput.Auto
                ? $"{name}: it is not a yuv4mpeg stream; raw RGB24 needs the size of its frames (--input-size)."
                : $"{name}: raw RGB24 needs the size of its frames (--input-size).");
        }
        Inputs.RefuseTooLarge(name, size.Width, size.Height);
        FrameRate rate = raw.Rate ?? throw new MediaException($"{name}: raw RGB24 needs a frame rate (--fps).");
        return new Rgb24Reader(counted, owned, size, rate);
    }
}
