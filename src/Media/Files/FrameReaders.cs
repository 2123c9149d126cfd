using Lia.Media.Ffmpeg;
using Lia.Media.IO;
using Lia.Media.Png;
using Lia.Media.Raw;
using Lia.Media.Stills;

namespace Lia.Media.Files;

/// <summary>Opens inputs: by what they are, not by what they are called.</summary>
internal static class FrameReaders
{
    /// <summary>Opens a clip.</summary>
    /// <param name="path">A video, a picture, an animated PNG, a folder of pictures, or raw video.</param>
    /// <param name="options">What its reader should know.</param>
    /// <param name="cancellationToken">Ends reading, also while a frame is being waited for.</param>
    /// <exception cref="MediaException">It is missing or none of these.</exception>
    public static IFrameReader Open(string path, ReadOptions options, CancellationToken cancellationToken)
    {
        if (RawReaders.IsRaw(path, options.Raw)) return RawReaders.Open(path, options.Raw, cancellationToken);
        if (Directory.Exists(path)) return new FolderReader(path, options.Background, cancellationToken);
        if (PngReader.Recognizes(path)) return new PngReader(path, options.EndFrame, options.Background);
        return StillReader.TryRead(path, isClip: true, options.Background, cancellationToken) is { } still ? new MemoryReader([still], path)
            : HeifPicture.Recognizes(path) ? HeifPicture.Open(path, cancellationToken)
            : FfmpegReader.Video(path, options.EndFrame, cancellationToken);
    }

    /// <summary>Reads a picture, or the first frame of what has several.</summary>
    /// <param name="path">The file.</param>
    /// <param name="background">What transparent pixels show; null for their stored colors.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <exception cref="MediaException">It is missing or no picture.</exception>
    public static RgbImage ReadPicture(string path, RgbColor? background, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path)) throw new MediaException($"{path}: it is a folder, not a picture.");
        if (!PngReader.Recognizes(path) && StillReader.TryRead(path, isClip: false, background, cancellationToken) is { } still)
            return still;
        using IFrameReader reader = PngReader.Recognizes(path) ? new PngReader(path, 1, background)
            : HeifPicture.Recognizes(path) ? HeifPicture.Open(path, cancellationToken)
            : FfmpegReader.Picture(path, cancellationToken);
        return reader.Read() ?? throw new MediaException($"{path}: there is no picture in it.");
    }

    /// <summary>Reads a picture as <see cref="ReadPicture(string, RgbColor?, CancellationToken)"/> does; null for one that is read by
    /// another program.</summary>
    /// <inheritdoc cref="ReadPicture(string, RgbColor?, CancellationToken)" path="/param"/>
    /// <inheritdoc cref="ReadPicture(string, RgbColor?, CancellationToken)" path="/exception"/>
    public static RgbImage? ReadOwn(string path, RgbColor? background, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path)) return null;
        if (!PngReader.Recognizes(path)) return StillReader.TryRead(path, isClip: false, background, cancellationToken);
        using PngReader reader = new(path, 1, background);
        return reader.Read();
    }

    /// <inheritdoc cref="ReadPicture(string, RgbColor?, CancellationToken)"/>
    public static RgbImage ReadPicture(string path, CancellationToken cancellationToken) => ReadPicture(path, null, cancellationToken);
}
