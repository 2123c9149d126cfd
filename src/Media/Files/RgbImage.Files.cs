using Lia.Media.Files;

namespace Lia;

// Pictures in files.
public sealed partial class RgbImage
{
    /// <summary>Reads a picture file: the picture itself, or the first frame of an animation or a video.</summary>
    /// <param name="path">PNG is read by the library; everything else needs the program <c>ffmpeg</c>.</param>
    /// <returns>The picture in its own size. Transparency is dropped: the stored colours show.</returns>
    /// <exception cref="MediaException">The file is missing, damaged, too large or of an unknown kind, or <c>ffmpeg</c> is
    /// missing.</exception>
    public static RgbImage Load(string path) => Load(path, CancellationToken.None);

    /// <inheritdoc cref="Load(string)"/>
    /// <param name="path">PNG is read by the library; everything else needs the program <c>ffmpeg</c>.</param>
    /// <param name="cancellationToken">Stops <c>ffmpeg</c>.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static RgbImage Load(string path, CancellationToken cancellationToken) =>
        FrameReaders.ReadPicture(path, cancellationToken);

    /// <summary>Writes the picture as a PNG file, whatever the name's extension.</summary>
    /// <param name="path">The file is replaced when it exists; it appears complete or not at all.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public void Save(string path) => FrameWriters.WritePicture(this, path);
}
