using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia;

// Pictures of SixLabors.ImageSharp.
public sealed partial class RgbImage
{
    /// <summary>Copies a picture of ImageSharp; of one with several frames, the first.</summary>
    /// <param name="image">The picture, which stays the caller's.</param>
    /// <exception cref="ArgumentOutOfRangeException">The picture has more than <see cref="MaxPixels"/> pixels.</exception>
    public static RgbImage From(Image<Rgb24> image)
    {
        ArgumentNullException.ThrowIfNull(image);
        RgbImage copy = new(image.Width, image.Height);
        image.CopyPixelDataTo(copy.Pixels);
        return copy;
    }

    /// <summary>Copies the picture into one of ImageSharp, which the caller disposes.</summary>
    public Image<Rgb24> ToImageSharp() => Image.LoadPixelData<Rgb24>(Pixels, Width, Height);
}
