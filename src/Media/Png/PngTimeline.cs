using System.Buffers.Binary;

namespace Lia.Media.Png;

/// <summary>What becomes of a frame's rectangle before the next frame is drawn.</summary>
internal enum PngDisposal
{
    None = 0,
    Background = 1,
    Previous = 2,
}

/// <summary>The chunk fcTL, which comes before a frame's data.</summary>
/// <param name="Region">The frame's rectangle.</param>
/// <param name="Disposal">What becomes of it.</param>
/// <param name="Over">Whether it blends with what is there.</param>
internal sealed record PngFrameControl(PngRegion Region, PngDisposal Disposal, bool Over)
{
    /// <param name="chunks">In the chunk, behind its sequence number.</param>
    /// <param name="header">The canvas.</param>
    /// <exception cref="MediaException">The rectangle is not on the canvas, or an operation is unknown.</exception>
    public static PngFrameControl Read(PngChunkReader chunks, PngHeader header)
    {
        byte[] data = chunks.ReadAll(22, 22);
        long width = Word(0), height = Word(4), x = Word(8), y = Word(12);
        if (width == 0 || height == 0 || x + width > header.Width || y + height > header.Height)
            throw chunks.Damaged($"a frame of {width}x{height} at ({x}, {y}) is not on the canvas of {header.Width}x{header.Height}");
        if (data[20] > 2 || data[21] > 1) throw chunks.Damaged("a frame has an unknown disposal or blending");
        return new PngFrameControl(new PngRegion((int)x, (int)y, (int)width, (int)height), (PngDisposal)data[20], data[21] == 1);

        long Word(int at) => BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(at));
    }
}

/// <summary>Frames and pace of an animation.</summary>
/// <param name="Frames">Number of frames.</param>
/// <param name="Rate">Frames a second: exact when all delays have one denominator, else the mean to a thousandth.</param>
internal sealed record PngTimeline(int Frames, FrameRate Rate)
{
    /// <summary>Goes through the file's chunks and back again.</summary>
    /// <param name="file">Behind the header.</param>
    /// <param name="chunks">The file's chunks.</param>
    /// <returns>Null for a file that is not animated.</returns>
    /// <exception cref="MediaException">The file ends early, or its frames are not as many as it says.</exception>
    public static PngTimeline? Scan(FileStream file, PngChunkReader chunks)
    {
        long start = file.Position;
        long? frames = null;
        long controls = 0, ticks = 0, denominator = 0;
        double seconds = 0;
        bool oneDenominator = true;
        Span<byte> control = stackalloc byte[24];
        for (chunks.Next(); chunks.Type != "IEND"; chunks.Next())
        {
            if (chunks.Type == "acTL" && frames is null)
            {
                chunks.Read(control[..4]);
                frames = BinaryPrimitives.ReadUInt32BigEndian(control);
            }
            else if (chunks.Type == "IDAT" && frames is null)
            {
                break;
            }
            else if (chunks.Type == "fcTL" && chunks.Read(control) == control.Length)
            {
                int delay = BinaryPrimitives.ReadUInt16BigEndian(control[20..]), unit = BinaryPrimitives.ReadUInt16BigEndian(control[22..]);
                if (unit == 0) unit = 100;
                oneDenominator &= denominator == 0 || denominator == unit;
                denominator = unit;
                ticks += delay;
                seconds += (double)delay / unit;
                controls++;
            }
            chunks.Skip();
        }
        file.Position = start;
        if (frames is null) return null;
        if (frames != controls || frames is 0 or > int.MaxValue)
            throw chunks.Damaged($"it says that it has {frames} frames, but there are {controls}");
        return new PngTimeline((int)frames, Pace((int)frames, oneDenominator ? ticks : 0, denominator, seconds));
    }

    private static FrameRate Pace(int frames, long ticks, long denominator, double seconds)
    {
        long numerator = frames * denominator;
        if (ticks > 0)
        {
            long divisor = (long)System.Numerics.BigInteger.GreatestCommonDivisor(numerator, ticks);
            if (numerator / divisor <= int.MaxValue && ticks / divisor <= int.MaxValue)
                return new FrameRate((int)(numerator / divisor), (int)(ticks / divisor));
        }
        // Delays of zero mean "as fast as possible", which is no pace.
        return seconds > 0 ? new FrameRate((int)Math.Clamp(Math.Round(1000 * frames / seconds), 1, int.MaxValue), 1000) : FrameRate.Default;
    }
}
