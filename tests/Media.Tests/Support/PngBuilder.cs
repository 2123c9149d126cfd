using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Lia.Tests;

/// <summary>Builds PNG files of every kind from samples, straight from the specification and apart from the library's own code.</summary>
internal sealed class PngBuilder
{
    private readonly List<byte> _file = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
    private int _sequence;

    public byte[] ToArray() => [.. _file];

    public PngBuilder Chunk(string type, params ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc(chunk.AsSpan(4, 4 + data.Length)));
        _file.AddRange(chunk);
        return this;
    }

    public PngBuilder Header(int width, int height, int depth, int color, bool interlaced = false) =>
        Chunk("IHDR", [.. Word(width), .. Word(height), (byte)depth, (byte)color, 0, 0, interlaced ? (byte)1 : (byte)0]);

    public PngBuilder Animation(int frames) => Chunk("acTL", [.. Word(frames), 0, 0, 0, 0]);

    public PngBuilder FrameControl(int width, int height, int x, int y, int delay, int unit, int disposal = 0, int blend = 0) =>
        Chunk("fcTL", [.. Word(_sequence++), .. Word(width), .. Word(height), .. Word(x), .. Word(y),
            (byte)(delay >> 8), (byte)delay, (byte)(unit >> 8), (byte)unit, (byte)disposal, (byte)blend]);

    /// <summary>Image data in two chunks, so that readers must join them.</summary>
    public PngBuilder Data(byte[] compressed) =>
        Chunk("IDAT", compressed.AsSpan(0, compressed.Length / 3)).Chunk("IDAT", compressed.AsSpan(compressed.Length / 3));

    public PngBuilder FrameData(byte[] compressed) => Chunk("fdAT", [.. Word(_sequence++), .. compressed]);

    public PngBuilder End() => Chunk("IEND");

    /// <summary>Packs, filters (with all five filters in turn) and compresses samples.</summary>
    /// <param name="samples">Sample c of pixel (x, y).</param>
    public static byte[] Compress(int width, int height, int depth, int channels, bool interlaced, Func<int, int, int, int> samples)
    {
        using MemoryStream raw = new();
        (int, int, int, int)[] passes = interlaced
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)];
        foreach ((int x0, int y0, int stepX, int stepY) in passes)
        {
            byte[]? up = null;
            for (int y = y0; y < height && x0 < width; y += stepY)
            {
                StringBuilder bits = new();
                for (int x = x0; x < width; x += stepX)
                    for (int c = 0; c < channels; c++)
                        bits.Append(Convert.ToString(samples(x, y, c), 2).PadLeft(depth, '0'));
                bits.Append('0', (8 - bits.Length % 8) % 8);
                byte[] row = [.. Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.ToString(8 * i, 8), 2))];
                int filter = (y / stepY + 2 + x0) % 5; // also a pass's first row is predicted from rows above, which count as zero
                raw.WriteByte((byte)filter);
                raw.Write(Filter(filter, row, up ?? new byte[row.Length], Math.Max(1, channels * depth / 8)));
                up = row;
            }
        }
        using MemoryStream compressed = new();
        using (ZLibStream deflate = new(compressed, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(raw.ToArray());
        return compressed.ToArray();
    }

    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
        return ~crc;
    }

    private static byte[] Filter(int filter, byte[] row, byte[] up, int distance)
    {
        byte[] result = new byte[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < distance ? 0 : row[i - distance], b = up[i], c = i < distance ? 0 : up[i - distance], p = a + b - c;
            int nearest = Math.Abs(p - a) <= Math.Abs(p - b) && Math.Abs(p - a) <= Math.Abs(p - c) ? a : Math.Abs(p - b) <= Math.Abs(p - c)
                ? b : c;
            result[i] = (byte)(row[i] - filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => nearest });
        }
        return result;
    }

    private static byte[] Word(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
}
