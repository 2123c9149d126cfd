using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace Lia.Studio.Uploads;

/// <summary>Pictures as bytes of a file.</summary>
internal static class Pictures
{
    private static readonly JpegEncoder Jpeg = new() { Quality = 85 };
    private static readonly PngEncoder Png = new() { CompressionLevel = PngCompressionLevel.Level3, ColorType = PngColorType.Rgb };

    public static void WriteJpeg(Image<Rgb24> image, Stream to) => Jpeg.Encode(image, to);

    /// <summary>A picture as JPEG.</summary>
    public static byte[] ToJpeg(RgbImage picture)
    {
        using Image<Rgb24> image = picture.ToImageSharp();
        using MemoryStream bytes = new();
        Jpeg.Encode(image, bytes);
        return bytes.ToArray();
    }

    /// <summary>A picture as PNG, of another width where that is given.</summary>
    public static byte[] ToPng(RgbImage picture, int? width = null)
    {
        using Image<Rgb24> image = picture.ToImageSharp();
        if (width is { } asked && asked != image.Width) image.Mutate(small => small.Resize(asked, 0));
        using MemoryStream bytes = new();
        Png.Encode(image, bytes);
        return bytes.ToArray();
    }
}
