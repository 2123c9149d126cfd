using System.Buffers.Binary;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Tga;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Metadata;

namespace Lia.Media.Stills;

/// <summary>A format that ImageSharp decodes for us.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Recognizes">Whether a file begins so: at least 18 bytes are given, or all there are.</param>
/// <param name="Decoder">Makes a decoder. None looks at metadata (profiles, comments), of which a small file can hold much.</param>
/// <param name="Examine">
/// Goes through a file's structure from its start; throws <see cref="EndOfStreamException"/> where its first picture is not all there.
/// </param>
/// <param name="PixelsPerByte">The most pixels that a byte can stand for.</param>
internal sealed record StillFormat(
    string Name, StillFormat.Beginning Recognizes, Func<IImageDecoder> Decoder, Func<Stream, StillFacts> Examine, int PixelsPerByte)
{
    /// <summary>Whether a file begins in a way.</summary>
    public delegate bool Beginning(ReadOnlySpan<byte> start);

    /// <summary>
    /// Pixels of any file, and those of each byte: deflate makes 1032 bytes of one, which in a picture of two colors are 8 pixels each, as
    /// in a PNG. Formats that can write plain areas in less (WebP, and faxes in TIFF) are held to the same.
    /// </summary>
    private const int FreePixels = 1 << 20, DeflatedPixels = 8 * 1032;

    /// <summary>
    /// A run has 255 pixels in two bytes at most (BMP), or 128 (TGA); a block of a progressive JPEG, which is 64 pixels, takes one bit.
    /// </summary>
    private const int RunPixels = 128, BlockPixels = 8 * 64;

    private static readonly StillFormat[] All =
    [
        new("JPEG", static start => start.StartsWith((ReadOnlySpan<byte>)[0xff, 0xd8, 0xff]),
            static () => new JpegDecoder { IgnoreMetadata = true }, StillStructure.Jpeg, BlockPixels),
        new("WebP", static start => start.Length >= 12 && start.StartsWith("RIFF"u8) && start[8..].StartsWith("WEBP"u8),
            static () => new WebpDecoder { IgnoreMetadata = true }, StillStructure.WebP, DeflatedPixels),
        new("GIF", static start => start.StartsWith("GIF87a"u8) || start.StartsWith("GIF89a"u8),
            static () =>
                new GifDecoder { DecodingMode = FrameDecodingMode.First, IgnoreMetadata = true }, StillStructure.Gif, DeflatedPixels),
        new("TIFF", static start => start.StartsWith("II*\0"u8) || start.StartsWith("MM\0*"u8),
            static () =>
                new TiffDecoder { DecodingMode = FrameDecodingMode.First, IgnoreMetadata = true }, StillStructure.Tiff, DeflatedPixels),
        new("BMP", static start => start.StartsWith("BM"u8), static () => new BmpDecoder(), StillStructure.Bmp, RunPixels),
        new("TGA", IsTga, static () => new TgaDecoder(), StillStructure.Tga, RunPixels),
    ];

    /// <summary>The most pixels that are believed of a file.</summary>
    /// <param name="bytes">Its length.</param>
    public long MostPixels(long bytes) => FreePixels + PixelsPerByte * bytes;

    /// <summary>What format a file has by its beginning; null when it is none of these.</summary>
    public static StillFormat? Of(Stream file)
    {
        Span<byte> start = stackalloc byte[18];
        file.Position = 0;
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        foreach (StillFormat format in All)
            if (format.Recognizes(start)) return format;
        return null;
    }

    /// <summary>The one format without a signature: its header has to make sense in every field.</summary>
    private static bool IsTga(ReadOnlySpan<byte> start)
    {
        if (start.Length < 18) return false;
        (int hasMap, int type, int mapBits, int depth, int flags) = (start[1], start[2], start[7], start[16], start[17]);
        int firstEntry = Word(start, 3), entries = Word(start, 5);
        bool isMapped = type is 1 or 9;
        return (isMapped ? hasMap == 1 && entries > 0 && mapBits is 15 or 16 or 24 or 32 && depth == 8
                : type is 2 or 10 ? depth is 15 or 16 or 24 or 32
                : type is 3 or 11 && depth is 8 or 16)
            && (isMapped || hasMap == 0 && firstEntry == 0 && entries == 0 && mapBits is 0 or 24 or 32)
            && Word(start, 12) > 0 && Word(start, 14) > 0 && (flags & 0xc0) == 0 && (flags & 0xf) is 0 or 1 or 8;

        static int Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    }
}
