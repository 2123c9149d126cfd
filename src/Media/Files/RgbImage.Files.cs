using Lia.Media.Files;

namespace Lia;

// Pictures in files.
public sealed partial class RgbImage
{
    /// <summary>
    /// Reads a picture file: the picture itself, or the first frame of an animation or a video, upright as its EXIF data says.
    /// </summary>
    /// <param name="path">PNG, JPEG, WebP, BMP, TGA, TIFF and GIF need nothing installed; everything else needs the program
    /// <c>ffmpeg</c>.</param>
    /// <returns>The picture in its own size. Transparency is dropped: the stored colors show.</returns>
    /// <exception cref="MediaException">The file is missing, damaged, cut short, too large or of an unknown kind, or <c>ffmpeg</c> is
    /// missing.</exception>
    public static RgbImage Load(string path) => Load(path, CancellationToken.None);

    /// <inheritdoc cref="Load(string)"/>
    /// <param name="path">PNG, JPEG, WebP, BMP, TGA, TIFF and GIF need nothing installed; everything else needs the program
    /// <c>ffmpeg</c>.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static RgbImage Load(string path, CancellationToken cancellationToken) =>
        FrameReaders.ReadPicture(path, cancellationToken);

    /// <summary>Reads a picture file as <see cref="Load(string)"/> does, over a background.</summary>
    /// <param name="path">The file.</param>
    /// <param name="background">What transparent pixels show, and half transparent ones in part. Formats that only <c>ffmpeg</c> reads
    /// count as opaque.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>The picture in its own size.</returns>
    /// <exception cref="MediaException">As of <see cref="Load(string)"/>.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static RgbImage Load(string path, RgbColor background, CancellationToken cancellationToken = default) =>
        FrameReaders.ReadPicture(path, background, cancellationToken);

    /// <summary>
    /// Writes the picture: as JPEG where the name ends in <c>.jpg</c> or <c>.jpeg</c>, as WebP for <c>.webp</c>, and else as PNG.
    /// </summary>
    /// <param name="path">The file is replaced when it exists; it appears complete or not at all.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public void Save(string path) => FrameWriters.WritePicture(this, path);
}
