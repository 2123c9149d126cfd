using System.Buffers.Binary;
using System.IO.Compression;

namespace Lia.Media.Png;

/// <summary>From compressed image data to pixels: inflate, undo the filters, unpack the samples, draw.</summary>
/// <remarks>
/// Rows are taken from the decompressor one at a time and no more than the header promises, so a small file cannot expand beyond its
/// picture.
/// Samples of 16 bits keep their upper byte, those of fewer than 8 are stretched to the full range, as Pillow does.
/// </remarks>
internal sealed class PngScanlines(PngHeader header, PngChunkReader chunks)
{
    private byte[] _row = [], _previous = [], _rgba = [];

    /// <summary>RGB entries; null when the file has none.</summary>
    public byte[]? Palette { get; set; }

    /// <summary>The chunk tRNS: opacities of palette entries, or the one transparent colour; null when there is none.</summary>
    public byte[]? Transparency { get; set; }

    /// <summary>Draws a picture, or a frame of an animation.</summary>
    /// <param name="data">The compressed data.</param>
    /// <param name="region">Where it goes.</param>
    /// <param name="canvas">Where it is drawn.</param>
    /// <param name="over">Whether it blends with what is there.</param>
    /// <exception cref="MediaException">The data is damaged or ends early.</exception>
    public void Draw(Stream data, PngRegion region, PngCanvas canvas, bool over)
    {
        using ZLibStream inflate = new(data, CompressionMode.Decompress, leaveOpen: true);
        if (!header.IsInterlaced)
        {
            DrawPass(inflate, region.Width, region.Height, region.X, region.Y, 1, 1, canvas, over);
            return;
        }
        foreach ((byte x, byte y, byte stepX, byte stepY) in PngFormat.Adam7)
        {
            int width = (region.Width - x + stepX - 1) / stepX, height = (region.Height - y + stepY - 1) / stepY;
            if (width > 0 && height > 0) DrawPass(inflate, width, height, region.X + x, region.Y + y, stepX, stepY, canvas, over);
        }
    }

    private void DrawPass(Stream inflate, int width, int height, int x, int y, int stepX, int stepY, PngCanvas canvas, bool over)
    {
        int bytes = header.RowBytes(width);
        if (_row.Length < bytes + 1) (_row, _previous) = (new byte[bytes + 1], new byte[bytes + 1]);
        if (_rgba.Length < 4 * width) _rgba = new byte[4 * width];
        _previous.AsSpan().Clear();
        for (int i = 0; i < height; i++)
        {
            Span<byte> row = _row.AsSpan(0, bytes + 1);
            Fill(inflate, row);
            Unfilter(row[0], row[1..], _previous.AsSpan(1, bytes), header.FilterDistance);
            Unpack(row[1..], _rgba.AsSpan(0, 4 * width));
            canvas.Draw(_rgba.AsSpan(0, 4 * width), x, stepX, y + i * stepY, over);
            (_row, _previous) = (_previous, _row);
        }
    }

    private void Fill(Stream inflate, Span<byte> row)
    {
        int read;
        try
        {
            read = inflate.ReadAtLeast(row, row.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException)
        {
            throw chunks.Damaged("the compressed data is not in order");
        }
        if (read < row.Length) throw chunks.Damaged("the image data ends early");
    }

    private void Unfilter(int filter, Span<byte> row, ReadOnlySpan<byte> up, int distance)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = distance; i < row.Length; i++) row[i] += row[i - distance];
                break;
            case 2:
                for (int i = 0; i < row.Length; i++) row[i] += up[i];
                break;
            case 3:
                for (int i = 0; i < row.Length; i++) row[i] += (byte)(((i < distance ? 0 : row[i - distance]) + up[i]) / 2);
                break;
            case 4:
                for (int i = 0; i < row.Length; i++)
                    row[i] += (byte)(i < distance ? up[i] : PngFormat.Paeth(row[i - distance], up[i], up[i - distance]));
                break;
            default:
                throw chunks.Damaged($"there is no filter {filter}");
        }
    }

    /// <summary>Unpacks samples to four bytes for every pixel.</summary>
    private void Unpack(ReadOnlySpan<byte> row, Span<byte> rgba)
    {
        int bytes = header.Depth == 16 ? 2 : 1; // of a sample; the upper comes first
        switch (header.Color)
        {
            case PngColor.Gray:
                int transparentGray = Transparency is [_, _] ? BinaryPrimitives.ReadUInt16BigEndian(Transparency) : -1;
                for (int i = 0; i < rgba.Length / 4; i++)
                {
                    int sample = Sample(row, i), value = header.Depth == 16 ? sample >> 8 : sample * 255 / ((1 << header.Depth) - 1);
                    Set(rgba[(4 * i)..], value, value, value, sample == transparentGray ? 0 : 255);
                }
                break;
            case PngColor.Palette:
                for (int i = 0; i < rgba.Length / 4; i++)
                {
                    int entry = Sample(row, i);
                    if (3 * entry >= Palette!.Length) throw chunks.Damaged($"there is no palette entry {entry}");
                    Set(rgba[(4 * i)..], Palette[3 * entry], Palette[3 * entry + 1], Palette[3 * entry + 2], entry < Transparency?.Length
                        ? Transparency[entry] : 255);
                }
                break;
            case PngColor.GrayAlpha:
                for (int i = 0; i < rgba.Length / 4; i++)
                    Set(rgba[(4 * i)..], row[2 * i * bytes], row[2 * i * bytes], row[2 * i * bytes], row[(2 * i + 1) * bytes]);
                break;
            case PngColor.Rgba:
                for (int i = 0; i < rgba.Length; i++) rgba[i] = row[i * bytes];
                break;
            default:
                for (int i = 0; i < rgba.Length / 4; i++)
                {
                    int at = 3 * i * bytes;
                    Set(rgba[(4 * i)..], row[at], row[at + bytes], row[at + 2 * bytes], IsTransparent(row.Slice(at, 3 * bytes)) ? 0 : 255);
                }
                break;
        }

        static void Set(Span<byte> pixel, int red, int green, int blue, int alpha) =>
            (pixel[0], pixel[1], pixel[2], pixel[3]) = ((byte)red, (byte)green, (byte)blue, (byte)alpha);
    }

    /// <summary>The i-th sample of a row with one sample for every pixel.</summary>
    private int Sample(ReadOnlySpan<byte> row, int i) => header.Depth switch
    {
        16 => BinaryPrimitives.ReadUInt16BigEndian(row[(2 * i)..]),
        8 => row[i],
        int depth => row[i * depth / 8] >> (8 - depth - i * depth % 8) & ((1 << depth) - 1),
    };

    /// <summary>Whether an RGB pixel has the colour that the file declares transparent (stored with 16 bits whatever the depth).</summary>
    private bool IsTransparent(ReadOnlySpan<byte> samples)
    {
        if (Transparency is not { Length: 6 } color) return false;
        return header.Depth == 16
            ? samples.SequenceEqual(color)
            : samples[0] == color[1] && samples[1] == color[3] && samples[2] == color[5];
    }
}
