using Lia.Media.Ffmpeg;

namespace Lia.Media;

/// <summary>Opens inputs: by what they are, not by what they are called.</summary>
internal static class FrameReaders
{
    /// <summary>Opens the driving frames.</summary>
    /// <param name="path">A video, a picture, an animated PNG, or a folder of pictures.</param>
    /// <param name="options">The end of the frame range, so that nothing is decoded in vain.</param>
    /// <param name="cancellationToken">Ends reading, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">It is missing or none of these.</exception>
    public static IFrameReader Open(string path, AnimationOptions options, CancellationToken cancellationToken)
    {
        RefuseMissing(path);
        return new FfmpegReader(path, options.EndFrame, cancellationToken);
    }

    /// <summary>Reads a picture, or the first frame of what has several.</summary>
    /// <exception cref="MediaException">It is missing or no picture.</exception>
    public static RgbImage ReadPicture(string path, CancellationToken cancellationToken)
    {
        RefuseMissing(path);
        if (Directory.Exists(path)) throw new MediaException($"{path}: it is a folder, not a picture.");
        using FfmpegReader reader = new(path, 1, cancellationToken);
        return reader.Read() ?? throw new MediaException($"{path}: there is no picture in it.");
    }

    /// <summary>The error for a picture beyond the limit.</summary>
    public static MediaException TooLarge(string path, long width, long height) =>
        new($"{path}: {width}x{height} pixels are too many; at most {RgbImage.MaxPixels:N0} are accepted (8192x8192, say).");

    private static void RefuseMissing(string path)
    {
        if (!File.Exists(path) && !Directory.Exists(path)) throw new MediaException($"{path}: there is no such file.");
    }
}
