using System.Buffers.Binary;
using Lia.Media.IO;

namespace Lia.Media.Png;

/// <summary>Colour types of the format.</summary>
internal enum PngColor
{
    Gray = 0,
    Rgb = 2,
    Palette = 3,
    GrayAlpha = 4,
    Rgba = 6,
}

/// <summary>The chunk IHDR.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Depth">Bits of a sample.</param>
/// <param name="Color">What the samples mean.</param>
/// <param name="IsInterlaced">Whether the pixels come in the seven passes of Adam7.</param>
internal sealed record PngHeader(int Width, int Height, int Depth, PngColor Color, bool IsInterlaced)
{
    /// <summary>Samples of a pixel.</summary>
    public int Samples => Color switch { PngColor.Rgb => 3, PngColor.Rgba => 4, PngColor.GrayAlpha => 2, _ => 1 };

    /// <summary>Distance between bytes that filters compare.</summary>
    public int FilterDistance => Math.Max(1, Samples * Depth / 8);

    /// <summary>Bytes of a row of so many pixels, without its filter byte.</summary>
    public int RowBytes(int width) => (int)(((long)width * Samples * Depth + 7) / 8);

    /// <summary>Reads the file's first chunk.</summary>
    /// <exception cref="MediaException">It is not a header of the format, or the picture is too large.</exception>
    public static PngHeader Read(PngChunkReader chunks, string name)
    {
        chunks.Next();
        if (chunks.Type != "IHDR") throw chunks.Damaged("the first chunk is not IHDR");
        byte[] data = chunks.ReadAll(13, 13);
        uint width = BinaryPrimitives.ReadUInt32BigEndian(data), height = BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(4));
        int depth = data[8], color = data[9];
        bool known = (PngColor)color switch
        {
            PngColor.Gray => depth is 1 or 2 or 4 or 8 or 16,
            PngColor.Palette => depth is 1 or 2 or 4 or 8,
            PngColor.Rgb or PngColor.GrayAlpha or PngColor.Rgba => depth is 8 or 16,
            _ => false,
        };
        if (!known) throw chunks.Damaged($"there is no colour type {color} with {depth} bits");
        if (width == 0 || height == 0) throw chunks.Damaged($"its size is {width}x{height}");
        if (data[10] != 0 || data[11] != 0 || data[12] > 1) throw chunks.Damaged("unknown compression, filter or interlace method");
        Inputs.RefuseTooLarge(name, width, height);
        return new PngHeader((int)width, (int)height, depth, (PngColor)color, data[12] == 1);
    }
}
