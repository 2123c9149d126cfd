namespace Lia;

/// <summary>A picture or a frame: 8-bit RGB, rows from the top, no padding between rows.</summary>
public sealed partial class RgbImage
{
    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">[height, width, 3], R G B.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is below 1, or the picture has more than <see cref="MaxPixels"/>
    /// pixels.</exception>
    /// <exception cref="ArgumentException"><paramref name="pixels"/> is not <c>3 * width * height</c> bytes long.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(pixels);
        if ((long)width * height > MaxPixels)
            throw new ArgumentOutOfRangeException(nameof(width), $"{width}x{height} is more than {MaxPixels:N0} pixels.");
        if (pixels.Length != 3 * width * height)
            throw new ArgumentException($"{width}x{height} RGB takes {3 * width * height} bytes, not {pixels.Length}.", nameof(pixels));
        (Width, Height, Pixels) = (width, height, pixels);
    }

    /// <summary>Creates a black picture.</summary>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is below 1, or the picture has more than <see cref="MaxPixels"/>
    /// pixels.</exception>
    public RgbImage(int width, int height) : this(width, height, new byte[Checked(width, height)]) { }

    /// <summary>The largest picture that is accepted anywhere, in pixels: 8192 x 8192.</summary>
    public const int MaxPixels = 1 << 26;

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Number of rows.</summary>
    public int Height { get; }

    /// <summary>[<see cref="Height"/>, <see cref="Width"/>, 3], R G B.</summary>
    public byte[] Pixels { get; }

    private static int Checked(int width, int height) =>
        width < 1 || height < 1 || (long)width * height > MaxPixels ? 0 : 3 * width * height;
}
