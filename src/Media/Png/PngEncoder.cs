using System.Buffers.Binary;
using System.IO.Compression;

namespace Lia.Media.Png;

/// <summary>Compresses 8-bit RGB pictures of one size and writes chunks. Used by one thread.</summary>
internal sealed class PngEncoder(int width, int height)
{
    private readonly byte[][] _filtered = [.. Enumerable.Range(0, 5).Select(filter =>
    {
        byte[] row = new byte[3 * width + 1];
        row[0] = (byte)filter;
        return row;
    })];

    /// <summary>Filters and compresses a picture.</summary>
    /// <param name="pixels">[height, width, 3].</param>
    /// <returns>The data of an IDAT chunk.</returns>
    public byte[] Compress(ReadOnlySpan<byte> pixels)
    {
        using MemoryStream compressed = new();
        using (ZLibStream deflate = new(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            ReadOnlySpan<byte> up = new byte[3 * width];
            for (int y = 0; y < height; y++)
            {
                ReadOnlySpan<byte> row = pixels.Slice(3 * y * width, 3 * width);
                deflate.Write(BestFilter(row, up));
                up = row;
            }
        }
        return compressed.ToArray();
    }

    /// <summary>Writes the signature and the header.</summary>
    public void Begin(Stream stream)
    {
        stream.Write(PngFormat.Signature);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, (byte)PngColor.Rgb);
        WriteChunk(stream, "IHDR"u8, header);
    }

    /// <summary>Writes a chunk, its data in up to two parts.</summary>
    public static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data, ReadOnlySpan<byte> more = default)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length + more.Length);
        stream.Write(word);
        stream.Write(type);
        stream.Write(data);
        stream.Write(more);
        BinaryPrimitives.WriteUInt32BigEndian(word, ~PngFormat.Crc(PngFormat.Crc(PngFormat.Crc(uint.MaxValue, type), data), more));
        stream.Write(word);
    }

    /// <summary>The filter whose differences are smallest in sum, which is what the specification advises for photographs.</summary>
    private ReadOnlySpan<byte> BestFilter(ReadOnlySpan<byte> row, ReadOnlySpan<byte> up)
    {
        Span<byte> none = _filtered[0].AsSpan(1), left = _filtered[1].AsSpan(1), above = _filtered[2].AsSpan(1),
            mean = _filtered[3].AsSpan(1), paeth = _filtered[4].AsSpan(1);
        row.CopyTo(none);
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < 3 ? 0 : row[i - 3], b = up[i], c = i < 3 ? 0 : up[i - 3];
            left[i] = (byte)(row[i] - a);
            above[i] = (byte)(row[i] - b);
            mean[i] = (byte)(row[i] - (a + b) / 2);
            paeth[i] = (byte)(row[i] - PngFormat.Paeth(a, b, c));
        }
        return _filtered.MinBy(filtered => Cost(filtered.AsSpan(1)));
    }

    /// <summary>Sum of the bytes' distances from zero.</summary>
    private static long Cost(ReadOnlySpan<byte> differences)
    {
        long sum = 0;
        foreach (byte difference in differences) sum += Math.Abs((int)(sbyte)difference);
        return sum;
    }
}
