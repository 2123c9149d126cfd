using Lia.Media.Ffmpeg;
using Lia.Media.IO;
using Lia.Media.Png;
using Lia.Media.Raw;

namespace Lia.Media.Files;

/// <summary>Opens inputs: by what they are, not by what they are called.</summary>
internal static class FrameReaders
{
    /// <summary>Opens a clip.</summary>
    /// <param name="path">A video, a picture, an animated PNG, a folder of pictures, or raw video.</param>
    /// <param name="options">What its reader should know.</param>
    /// <param name="cancellationToken">Ends reading, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">It is missing or none of these.</exception>
    public static IFrameReader Open(string path, ReadOptions options, CancellationToken cancellationToken) =>
        RawReaders.IsRaw(path, options.Raw) ? RawReaders.Open(path, options.Raw, cancellationToken)
        : Directory.Exists(path) ? new FolderReader(path, cancellationToken)
        : PngReader.Recognizes(path) ? new PngReader(path, options.EndFrame)
        : FfmpegReader.Video(path, options.EndFrame, cancellationToken);

    /// <summary>Reads a picture, or the first frame of what has several.</summary>
    /// <exception cref="MediaException">It is missing or no picture.</exception>
    public static RgbImage ReadPicture(string path, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path)) throw new MediaException($"{path}: it is a folder, not a picture.");
        using IFrameReader reader = PngReader.Recognizes(path) ? new PngReader(path, 1) : FfmpegReader.Picture(path, cancellationToken);
        return reader.Read() ?? throw new MediaException($"{path}: there is no picture in it.");
    }
}
