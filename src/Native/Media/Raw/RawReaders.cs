namespace Lia.Media.Raw;

/// <summary>Opens raw video.</summary>
internal static class RawReaders
{
    /// <summary>Whether a driving file is to be read as raw video: the options say so, it begins as yuv4mpeg does, or it is a pipe, which
    /// cannot be anything else.</summary>
    public static bool IsRaw(string path, AnimationOptions options) =>
        options.RawInput != RawInput.Auto || options.RawInputSize is not null
        || !Directory.Exists(path) && (FrameReaders.IsPipe(path) || Yuv4MpegHeader.Recognizes(path));

    /// <summary>Opens a file or pipe of raw video.</summary>
    /// <exception cref="MediaException">It is missing, or is not what the options say.</exception>
    public static IFrameReader Open(string path, AnimationOptions options, CancellationToken cancellationToken)
    {
        FileStream file = FrameReaders.IsPipe(path) ? FrameReaders.OpenPipe(path, cancellationToken) : FrameReaders.OpenFile(path);
        try
        {
            return Open(file, path, file, options, cancellationToken);
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
    /// <param name="options">The format, and for RGB24 the size and the rate.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <exception cref="MediaException">It is not what the options say.</exception>
    public static IFrameReader Open(Stream stream, string name, AnimationOptions options, CancellationToken cancellationToken) =>
        Open(stream, name, null, options, cancellationToken);

    private static IFrameReader Open(Stream stream, string name, IDisposable? owned, AnimationOptions options, CancellationToken cancellationToken)
    {
        CountedStream counted = new(stream, name, cancellationToken);
        // Said to be RGB24, a stream need not begin before the output does.
        if (options.RawInput != RawInput.Rgb24 && counted.IsAtEnd) throw new MediaException($"{name}: it is empty.");
        bool isYuv = options.RawInput == RawInput.Yuv4Mpeg || options.RawInput == RawInput.Auto && counted.StartsWith(Yuv4MpegHeader.Signature);
        if (isYuv)
        {
            Yuv4MpegReader reader = new(counted, owned, options.FrameRate);
            if (options.RawInputSize is { } asked && asked != reader.Size) throw new MediaException($"{name}: its frames are {reader.Size}, and the input size given is {asked}.");
            return reader;
        }
        if (options.RawInputSize is not { } size)
        {
            throw new MediaException(options.RawInput == RawInput.Auto
                ? $"{name}: it is not a yuv4mpeg stream; raw RGB24 needs the size of its frames (--input-size)."
                : $"{name}: raw RGB24 needs the size of its frames (--input-size).");
        }
        FrameReaders.RefuseTooLarge(name, size.Width, size.Height);
        FrameRate rate = options.FrameRate ?? throw new MediaException($"{name}: raw RGB24 needs a frame rate (--fps).");
        return new Rgb24Reader(counted, owned, size, rate);
    }
}
