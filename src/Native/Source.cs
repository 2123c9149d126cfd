using Lia.Animation.Framing;
using Lia.Animation.Pipeline;
using Lia.Media.Files;

namespace Lia;

/// <summary>What is animated: a picture, or with <see cref="Clip(string)"/> a clip whose frames each take the motion of the driving frame
/// of their time.</summary>
/// <remarks>A path and a picture in memory become one by themselves where it is asked for.</remarks>
public sealed class Source
{
    private readonly RgbImage? _picture;
    private readonly IEnumerable<RgbImage>? _frames;
    private Task<RgbImage?>? _reading;

    private Source(string? path, RgbImage? picture, IEnumerable<RgbImage>? frames, bool isClip) =>
        (Path, _picture, _frames, IsClip) = (path, picture, frames, isClip);

    /// <summary>The file, if it is one.</summary>
    internal string? Path { get; }

    /// <summary>Whether every frame has a source of its own.</summary>
    internal bool IsClip { get; }

    /// <summary>A picture file: PNG, JPEG, WebP, BMP, TGA, TIFF and GIF need nothing installed, others <c>ffmpeg</c>. Of what has several
    /// frames it is the first.</summary>
    /// <param name="path">Its name.</param>
    public static Source Picture(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path, null, null, false);
    }

    /// <summary>A picture in memory.</summary>
    /// <param name="picture">Of any size.</param>
    public static Source Picture(RgbImage picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return new(null, picture, null, false);
    }

    /// <summary>
    /// A clip in a file: driving frame i animates the source frame that shows when it begins, encoded anew each time, until the shorter of
    /// the two ends. Where one of them has no time, such as a folder of pictures, it is the frame of the same number.
    /// </summary>
    /// <param name="path">A video, a folder of numbered pictures or an animated PNG.</param>
    public static Source Clip(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path, null, null, true);
    }

    /// <summary>A clip in memory: its frame i is animated with driving frame i, until the shorter of the two ends.</summary>
    /// <param name="frames">Of any size; read once, in order, a frame when it is needed.</param>
    public static Source Clip(IEnumerable<RgbImage> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        return new(null, null, frames, true);
    }

    /// <inheritdoc cref="Picture(string)"/>
    public static implicit operator Source(string path) => Picture(path);

    /// <inheritdoc cref="Picture(RgbImage)"/>
    public static implicit operator Source(RgbImage picture) => Picture(picture);

    /// <summary>This source for one call, its picture being read meanwhile where that needs no other program. What is wrong with the file
    /// is told by <see cref="Open"/>.</summary>
    internal Source Ahead(RgbColor? background, CancellationToken cancellationToken) => IsClip || Path is null ? this
        : new(Path, null, null, false) { _reading = Task.Run(() => FrameReaders.ReadOwn(Path, background, cancellationToken)) };

    /// <summary>The source as a network of size S sees it.</summary>
    /// <exception cref="MediaException">It cannot be read, or the crop reaches beyond it.</exception>
    internal SourceFrames Open(
        int size, FramingSettings framing, RgbColor? background, bool keepsSize, CancellationToken cancellationToken)
    {
        if (!IsClip) return SourceFrames.Still(Path ?? "the source", _picture ?? _reading?.GetAwaiter().GetResult()
            ?? FrameReaders.ReadPicture(Path!, background, cancellationToken), size, framing);
        return SourceFrames.Clip(
            Path is null ? new MemoryReader(_frames!, "the source frames")
                : FrameReaders.Open(Path, new(null, default, background), cancellationToken), size, framing, keepsSize);
    }
}
