using Lia.Media.Ffmpeg;
using Lia.Media.Png;
using Lia.Media.Raw;

namespace Lia.Media;

/// <summary>Opens inputs: by what they are, not by what they are called.</summary>
internal static class FrameReaders
{
    private const int MaxSide = 65535;

    /// <summary>Opens the driving frames.</summary>
    /// <param name="driving">A file, a folder or a stream.</param>
    /// <param name="options">The end of the frame range, so that nothing is decoded in vain, and what raw video does not say itself.</param>
    /// <param name="cancellationToken">Ends reading, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">It is missing or none of these.</exception>
    public static IFrameReader Open(PathOrStream driving, AnimationOptions options, CancellationToken cancellationToken) => driving.Stream is Stream stream
        ? RawReaders.Open(stream, "the driving stream", options, cancellationToken)
        : Open(driving.Path!, options, cancellationToken);

    /// <summary>Opens the driving frames.</summary>
    /// <param name="path">A video, a picture, an animated PNG, a folder of pictures, or raw video.</param>
    /// <param name="options">The end of the frame range, so that nothing is decoded in vain, and what raw video does not say itself.</param>
    /// <param name="cancellationToken">Ends reading, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">It is missing or none of these.</exception>
    public static IFrameReader Open(string path, AnimationOptions options, CancellationToken cancellationToken) =>
        RawReaders.IsRaw(path, options) ? RawReaders.Open(path, options, cancellationToken)
        : Directory.Exists(path) ? new FolderReader(path, cancellationToken)
        : PngReader.Recognizes(path) ? new PngReader(path)
        : FfmpegReader.Video(path, options.EndFrame, cancellationToken);

    /// <summary>Reads a picture, or the first frame of what has several.</summary>
    /// <exception cref="MediaException">It is missing or no picture.</exception>
    public static RgbImage ReadPicture(string path, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path)) throw new MediaException($"{path}: it is a folder, not a picture.");
        using IFrameReader reader = PngReader.Recognizes(path) ? new PngReader(path) : FfmpegReader.Picture(path, cancellationToken);
        return reader.Read() ?? throw new MediaException($"{path}: there is no picture in it.");
    }

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="MediaException">It is missing, or may not be read.</exception>
    public static FileStream OpenFile(string path)
    {
        // Asked before opening, because opening a pipe waits for its other end. Pipes and devices have no length.
        if (new FileInfo(path) is { Exists: true, Length: 0 }) throw new MediaException($"{path}: it is empty, or not a regular file.");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MediaException($"{path}: there is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new MediaException($"{path}: cannot be read: {Outputs.OneLine(failure.Message)}", failure);
        }
    }

    /// <summary>Refuses pictures beyond the limit, before memory is taken for them.</summary>
    /// <exception cref="MediaException">The picture is too large.</exception>
    public static void RefuseTooLarge(string path, long width, long height)
    {
        if (width > MaxSide || height > MaxSide || width * height > RgbImage.MaxPixels)
            throw new MediaException($"{path}: {width}x{height} is too large; pictures have at most {RgbImage.MaxPixels:N0} pixels (8192x8192, say) and {MaxSide:N0} a side.");
    }
}
