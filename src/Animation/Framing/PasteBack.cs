using Lia.Media.Imaging;

namespace Lia.Animation.Framing;

/// <summary>
/// Puts an animated square back where it was cut out. Along each side of the box the picture fades into the square over
/// a sixteenth of the box's shorter extent (at least a pixel), linearly; not where the box ends with the picture, since there is nothing to
/// fade into.
/// </summary>
internal sealed class PasteBack
{
    private const int FeatherShare = 16, Opaque = 1 << 8;

    private readonly FrameSize _picture;
    private readonly PixelBox _box, _inner;
    private readonly int _size;
    private readonly PillowResize _resize;
    private readonly int[] _columns, _rows; // how much of the square shows, of Opaque
    private readonly byte[] _resized;

    /// <param name="picture">The size of the full pictures.</param>
    /// <param name="box">What was cut out of them.</param>
    /// <param name="inner">The part of the square that it became.</param>
    /// <param name="size">S.</param>
    public PasteBack(FrameSize picture, PixelBox box, PixelBox inner, int size)
    {
        (_picture, _box, _inner, _size) = (picture, box, inner, size);
        _resize = new PillowResize(inner.Width, inner.Height, box.Width, box.Height);
        _resized = new byte[3 * box.Width * box.Height];
        int feather = Math.Max(1, Math.Min(box.Width, box.Height) / FeatherShare);
        _columns = Ramp(box.Width, feather, box.X > 0, box.X + box.Width < picture.Width);
        _rows = Ramp(box.Height, feather, box.Y > 0, box.Y + box.Height < picture.Height);
    }

    /// <param name="square">[S, S, 3].</param>
    /// <param name="picture">The full picture.</param>
    /// <param name="pixels">Receives the full picture with the square in it.</param>
    public void Paste(ReadOnlySpan<byte> square, RgbImage picture, Span<byte> pixels)
    {
        picture.Pixels.CopyTo(pixels);
        int row = 3 * _box.Width;
        _resize.Run(square[(3 * (_inner.Y * _size + _inner.X))..], 3 * _size, _resized, row);
        for (int y = 0; y < _box.Height; y++)
        {
            Span<byte> to = pixels.Slice(3 * ((_box.Y + y) * _picture.Width + _box.X), row);
            ReadOnlySpan<byte> from = _resized.AsSpan(y * row, row);
            for (int x = 0; x < _box.Width; x++)
            {
                int weight = _columns[x] * _rows[y];
                for (int c = 3 * x; c < 3 * x + 3; c++)
                    to[c] = (byte)((to[c] * (Opaque * Opaque - weight) + from[c] * weight + Opaque * Opaque / 2) / (Opaque * Opaque));
            }
        }
    }

    /// <summary>Rises from either end that is feathered; a pixel counts at its center.</summary>
    private static int[] Ramp(int length, int feather, bool atStart, bool atEnd)
    {
        int[] weights = new int[length];
        for (int i = 0; i < length; i++)
        {
            double start = atStart ? (i + 0.5) / feather : 1, end = atEnd ? (length - i - 0.5) / feather : 1;
            weights[i] = (int)Math.Round(Opaque * Math.Min(1, Math.Min(start, end)));
        }
        return weights;
    }
}
