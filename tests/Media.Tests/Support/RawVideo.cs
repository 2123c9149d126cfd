using System.Text;

namespace Lia.Tests;

/// <summary>Raw video as bytes, written down apart from the library's own code.</summary>
internal static class RawVideo
{
    /// <summary>A yuv4mpeg stream.</summary>
    /// <param name="fields">The header's fields, for example <c>W4 H2 F25:1 C444</c>.</param>
    /// <param name="frames">The planes of each frame.</param>
    public static byte[] Yuv(string fields, params byte[][] frames) =>
        [.. Encoding.ASCII.GetBytes($"YUV4MPEG2 {fields}\n"), .. frames.SelectMany(frame => (byte[])[.. "FRAME\n"u8, .. frame])];

    /// <summary>A frame of noise in planes of a sampling.</summary>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="across">Pixels in a row that share a colour; 0 for grey.</param>
    /// <param name="down">Rows that do.</param>
    /// <param name="seed">Of the noise.</param>
    /// <param name="isMild">Whether to keep to half of all values, where no colour is far out of RGB's range.</param>
    public static byte[] Planes(int width, int height, int across, int down, int seed, bool isMild = false)
    {
        int chroma = across == 0 ? 0 : (width + across - 1) / across * ((height + down - 1) / down);
        byte[] planes = new byte[width * height + 2 * chroma];
        new Random(seed).NextBytes(planes);
        if (isMild) planes = [.. planes.Select(value => (byte)(64 + value / 2))];
        return planes;
    }

    /// <summary>The colour of a pixel in real numbers, by the formulas of BT.601.</summary>
    public static double[] Color(double y, double cb, double cr, bool isFull)
    {
        (y, cb, cr) = isFull ? (y / 255, (cb - 128) / 255, (cr - 128) / 255) : ((y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224);
        double red = y + 2 * (1 - 0.299) * cr, blue = y + 2 * (1 - 0.114) * cb, green = (y - 0.299 * red - 0.114 * blue) / 0.587;
        return [.. new[] { red, green, blue }.Select(value => Math.Clamp(255 * value, 0, 255))];
    }

    /// <summary>Y', Cb, Cr of limited range in real numbers.</summary>
    public static double[] Limited(double red, double green, double blue)
    {
        double y = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
        return [16 + 219 * y, 128 + 224 * (blue / 255 - y) / (2 * (1 - 0.114)), 128 + 224 * (red / 255 - y) / (2 * (1 - 0.299))];
    }
}

/// <summary>A stream that gives its bytes in small portions, as pipes may.</summary>
internal sealed class Dribble(byte[] bytes, int portion) : MemoryStream(bytes)
{
    public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, portion)]);

    public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, portion));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        base.ReadAsync(buffer[..Math.Min(buffer.Length, portion)], cancellationToken);
}
