using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Tga;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Tiff.Constants;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;

namespace Lia.Fuzz;

/// <summary>Small sound pictures of the formats that ImageSharp decodes, to be damaged.</summary>
internal static class StillSeeds
{
    // Of libjpeg and libtiff: progressive, four inks, a fax.
    private const string Progressive =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/"
        + "2wBDAQMDAwQDBAgEBAgQCwkLEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBD/wAARCAAQABgDAREAAhEBAxEB/8QA"
        + "FgABAQEAAAAAAAAAAAAAAAAAAAcI/8QAFxAAAwEAAAAAAAAAAAAAAAAAAAEVUv/EABYBAQEBAAAAAAAAAAAAAAAAAAAIBP/EABcRAAMBAAAAAAAAAAAAAAAA"
        + "AAAWYhf/2gAMAwEAAhEDEQA/AMsXVszZ1BfD7QurYzqA+0Lq2M6gPtE8urZeedQRY+ULq2M6gPlC6tjOoD5R/9k=";

    private const string Inks =
        "/9j/7gAOQWRvYmUAZAAAAAAC/9sAQwADAgICAgIDAgICAwMDAwQGBAQEBAQIBgYFBgkICgoJCAkJCgwPDAoLDgsJCQ0RDQ4PEBAREAoMEhMSEBMPEBAQ/9sA"
        + "QwEDAwMEAwQIBAQIEAsJCxAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ/8AAFAgAEAAYBAERAAIRAQMRAQQRAP/E"
        + "ABYAAQEBAAAAAAAAAAAAAAAAAAAHCP/EACAQAAEBCAMAAAAAAAAAAAAAAAAYAQIDBBYXZaJTVJL/xAAXAQEBAQEAAAAAAAAAAAAAAAAACQMI/8QAHxEAAQIG"
        + "AwAAAAAAAAAAAAAAAAEEAgMVF1ORFlFS/9oADgQBAAIRAxEEAAA/ALXUMLlYYXeZ5U2S/p8XRrRTeQ2FQwuVgu8zypsU+LoKbyGwqGFysF3meVNinxdBTeQ2"
        + "KjaqQ6bnkm3yCZ6O/bQs8SaCZMfqLVSHTc8jkEz0LQs8SaCZMfqLVSHTc8jkEz0LQs8SaCZMfqf/2Q==";

    private const string Fax =
        "SUkqADgAAAD5hGEYQSsEwTKcoc7qCCYTBJJUkEqCCCCSQSCQSSWGCFpUknbI7QiwTQiP/ABABAANAAABAwABAAAAGAAAAAEBAwABAAAAEAAAAAIBAwABAAAA"
        + "AQAAAAMBAwABAAAABAAAAAYBAwABAAAAAAAAAAoBAwABAAAAAQAAABEBBAABAAAACAAAABIBAwABAAAAAQAAABUBAwABAAAAAQAAABYBAwABAAAAEAAAABcB"
        + "BAABAAAALwAAABwBAwABAAAAAQAAACkBAwACAAAAAAABAAAAAAA=";

    public static byte[][] Jpeg { get; } =
    [
        Encode(new JpegEncoder { ColorType = JpegColorType.YCbCrRatio420 }),
        Encode(new JpegEncoder { ColorType = JpegColorType.YCbCrRatio444 }),
        Encode(new JpegEncoder { ColorType = JpegColorType.Luminance }), Convert.FromBase64String(Progressive),
        Convert.FromBase64String(Inks),
    ];

    public static byte[][] WebP { get; } =
    [
        Encode(new WebpEncoder { FileFormat = WebpFileFormatType.Lossy }),
        Encode(new WebpEncoder { FileFormat = WebpFileFormatType.Lossy, Quality = 20, Method = WebpEncodingMethod.BestQuality }),
    ];

    public static byte[][] Gif { get; } = [Encode(new GifEncoder())];

    public static byte[][] Tiff { get; } =
    [
        Encode(new TiffEncoder { Compression = TiffCompression.None }), Encode(new TiffEncoder { Compression = TiffCompression.Lzw }),
        Encode(new TiffEncoder { Compression = TiffCompression.Deflate, HorizontalPredictor = TiffPredictor.Horizontal }),
        Encode(new TiffEncoder { Compression = TiffCompression.PackBits, BitsPerPixel = TiffBitsPerPixel.Bit8 }),
        Encode(new TiffEncoder { Compression = TiffCompression.Ccitt1D, BitsPerPixel = TiffBitsPerPixel.Bit1 }),
        Convert.FromBase64String(Fax),
    ];

    public static byte[][] Bmp { get; } =
    [
        Encode(new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel24 }), Encode(new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel4 }),
        Encode(new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel32, SupportTransparency = true }), Runs,
    ];

    public static byte[][] Tga { get; } =
    [
        Encode(new TgaEncoder { BitsPerPixel = TgaBitsPerPixel.Pixel24 }),
        Encode(new TgaEncoder { BitsPerPixel = TgaBitsPerPixel.Pixel32, Compression = TgaCompression.RunLength }),
    ];

    /// <summary>Six by two pixels of eight bits in runs: of one color, of single bytes, a step to the side, the end.</summary>
    private static byte[] Runs =>
    [
        .. "BM"u8, 80, 0, 0, 0, 0, 0, 0, 0, 62, 0, 0, 0, 40, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0, 18, 0, 0, 0, 0,
        0, 0, 0,
        0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0,
        6, 1, 0, 0, 0, 3, 1, 0, 1, 0, 0, 2, 1, 0, 2, 1, 0, 1,
    ];

    private static byte[] Encode(IImageEncoder encoder)
    {
        using Image<Rgba32> image = new(19, 17);
        for (int y = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++) image[x, y] = new Rgba32((byte)(12 * x), (byte)(14 * y), (byte)(x * y % 7 * 30), 255);
        using MemoryStream stream = new();
        image.Save(stream, encoder);
        return stream.ToArray();
    }
}
