namespace Lia.Media.IO;

/// <summary>
/// Keeps the work that a clip makes in proportion to its file. Decoders make frames of next to nothing: an animated PNG of 200 kB can hold
/// 3,000 frames
/// that each change a pixel of a canvas of 8192 x 8192, and a video of 100 kB as many that change none. Both would take an hour or more.
/// </summary>
/// <param name="name">The file, for error messages.</param>
/// <param name="bytes">Its length.</param>
internal sealed class WorkLimit(string name, long bytes)
{
    /// <summary>Pixels that any clip may have: 64 frames of the largest size, or 83 seconds of 1920 x 1080 at 25 frames a second.</summary>
    public const long FreePixels = 1L << 32;

    /// <summary>
    /// Pixels that each byte of the file adds. A talking head in H.264 has some 400, a slide that stands still for a minute 10,000; a
    /// whole film is far below.
    /// </summary>
    public const long PixelsPerByte = 1L << 15;

    private readonly long _most = FreePixels + PixelsPerByte * Math.Min(bytes, long.MaxValue / (2 * PixelsPerByte));
    private long _taken;

    /// <summary>Counts frames, before they are decoded.</summary>
    /// <param name="frames">How many.</param>
    /// <param name="width">Pixels in a row, at most 65,535.</param>
    /// <param name="height">Rows, at most as many.</param>
    /// <exception cref="MediaException">There are too many for the file.</exception>
    public void Take(long frames, int width, int height)
    {
        long pixels = (long)width * height, before = _taken / pixels;
        _taken = checked(_taken + frames * pixels);
        if (_taken > _most)
        {
            throw new MediaException($"{name}: {before + frames:N0} frames of {width}x{height} are {_taken:N0} pixels, "
                + $"too many for a file of {bytes:N0} bytes, which may have {_most:N0}.");
        }
    }
}
