namespace Lia.Imaging;

/// <summary>Makes pictures of any size S x S. Keeps the resampling weights of the last size it saw; used by one thread.</summary>
internal sealed class FrameFitter(int size, Fit fit)
{
    private int _width, _height;
    private Rectangle _from, _to;
    private PillowResize? _resize;

    /// <param name="image">Any size.</param>
    /// <param name="pixels">Receives [S, S, 3].</param>
    public void Fit(RgbImage image, Span<byte> pixels)
    {
        if (_resize is null || image.Width != _width || image.Height != _height)
        {
            (_width, _height) = (image.Width, image.Height);
            (_from, _to) = Place(_width, _height, size, fit);
            _resize = new PillowResize(_from.Width, _from.Height, _to.Width, _to.Height);
        }
        if (_to.Width != size || _to.Height != size) pixels[..(3 * size * size)].Clear();
        _resize.Run(image.Pixels.AsSpan(3 * (_from.Y * _width + _from.X)), 3 * _width, pixels[(3 * (_to.Y * size + _to.X))..], 3 * size);
    }

    /// <summary>Which rectangle of a picture goes to which rectangle of the square.</summary>
    internal static (Rectangle From, Rectangle To) Place(int width, int height, int size, Fit fit)
    {
        Rectangle whole = new(0, 0, width, height), square = new(0, 0, size, size);
        switch (fit)
        {
            case Lia.Fit.Crop:
                int side = Math.Min(width, height);
                return (new Rectangle((width - side) / 2, (height - side) / 2, side, side), square);
            case Lia.Fit.Pad:
                int longer = Math.Max(width, height);
                int w = Scaled(width, longer), h = Scaled(height, longer);
                return (whole, new Rectangle((size - w) / 2, (size - h) / 2, w, h));
            default:
                return (whole, square);
        }

        int Scaled(int extent, int longer) => Math.Max(1, (int)Math.Round((double)extent * size / longer, MidpointRounding.AwayFromZero));
    }

    internal readonly record struct Rectangle(int X, int Y, int Width, int Height);
}
