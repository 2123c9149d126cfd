namespace Lia.Media.Imaging;

/// <summary>Makes pictures of any size S x S. Keeps the resampling weights of the last size it saw; used by one thread.</summary>
/// <param name="size">S.</param>
/// <param name="fit">How what is not square becomes square.</param>
/// <param name="crop">The part of a picture that is taken; null takes all of it.</param>
/// <param name="name">The picture in error messages.</param>
/// <param name="threads">Most threads that share a large picture.</param>
internal sealed class FrameFitter(int size, Fit fit, PixelBox? crop = null, string name = "the picture", int threads = 1)
{
    private int _width, _height;
    private PillowResize? _resize;

    /// <summary>What was taken of the last picture ...</summary>
    public PixelBox From { get; private set; }

    /// <summary>... and where in the square it went.</summary>
    public PixelBox To { get; private set; }

    /// <param name="image">Any size.</param>
    /// <param name="pixels">Receives [S, S, 3].</param>
    /// <exception cref="MediaException">The crop reaches beyond the picture.</exception>
    public void Fit(RgbImage image, Span<byte> pixels)
    {
        if (_resize is null || image.Width != _width || image.Height != _height)
        {
            (_width, _height) = (image.Width, image.Height);
            if (crop is { } asked && !asked.FitsInto(_width, _height))
                throw new MediaException($"{name}: the crop {asked} reaches beyond the picture, which is {_width}x{_height}.");
            (From, To) = Place(crop ?? new(0, 0, _width, _height), size, fit);
            _resize = new PillowResize(From.Width, From.Height, To.Width, To.Height, threads);
        }
        if (To.Width != size || To.Height != size) pixels[..(3 * size * size)].Clear();
        _resize.Run(image.Pixels.AsSpan(3 * (From.Y * _width + From.X)), 3 * _width, pixels[(3 * (To.Y * size + To.X))..], 3 * size);
    }

    /// <summary>Which part of a part of a picture goes to which part of the square.</summary>
    internal static (PixelBox From, PixelBox To) Place(PixelBox part, int size, Fit fit)
    {
        PixelBox square = new(0, 0, size, size);
        (int width, int height) = (part.Width, part.Height);
        switch (fit)
        {
            case Lia.Fit.Crop:
                int side = Math.Min(width, height);
                return (new(part.X + (width - side) / 2, part.Y + (height - side) / 2, side, side), square);
            case Lia.Fit.Pad:
                int longer = Math.Max(width, height);
                int w = Scaled(width, longer), h = Scaled(height, longer);
                return (part, new((size - w) / 2, (size - h) / 2, w, h));
            default:
                return (part, square);
        }

        int Scaled(int extent, int longer) => Math.Max(1, (int)Math.Round((double)extent * size / longer, MidpointRounding.AwayFromZero));
    }
}
