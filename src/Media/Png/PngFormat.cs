namespace Lia.Media.Png;

/// <summary>What reader and writer share of the PNG format (W3C PNG, third edition, which includes animations).</summary>
internal static class PngFormat
{
    /// <summary>The first eight bytes of every file.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>The seven passes of an interlaced picture: first column and row, and the distance to the next.</summary>
    public static ReadOnlySpan<(byte X, byte Y, byte StepX, byte StepY)> Adam7 =>
        new (byte, byte, byte, byte)[] { (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2) };

    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(n =>
    {
        uint c = (uint)n;
        for (int k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        return c;
    })];

    /// <summary>CRC-32 of ISO 3309, continued; begin with <c>0xffffffff</c> and complement the result.</summary>
    public static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) crc = CrcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        return crc;
    }

    /// <summary>The predictor of filter type 4: whichever of left, up and upper left is nearest to left + up - upper left.</summary>
    public static int Paeth(int left, int up, int upperLeft)
    {
        int estimate = left + up - upperLeft;
        int toLeft = Math.Abs(estimate - left), toUp = Math.Abs(estimate - up), toUpperLeft = Math.Abs(estimate - upperLeft);
        return toLeft <= toUp && toLeft <= toUpperLeft ? left : toUp <= toUpperLeft ? up : upperLeft;
    }
}
