using System.Buffers.Binary;
using System.Numerics;
using Lia.Media.IO;

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

/// <summary>When the frames of an animation show, on a steady grid of times.</summary>
/// <param name="Rate">Places of the grid a second: exact when all delays have one denominator, else to a thousandth.</param>
/// <param name="Places">Where each frame begins, ascending; of those that begin in one place the last is seen.</param>
/// <param name="Count">How many places there are, up to where the last frame ends.</param>
internal sealed record PngTimeline(FrameRate Rate, int[] Places, int Count)
{
    private const int MostTicks = 1_000_000; // a second, where the delays' units have no common one below

    /// <summary>Goes through the file's chunks and back again.</summary>
    /// <param name="file">Behind the header.</param>
    /// <param name="chunks">The file's chunks.</param>
    /// <returns>Null for a file that is not animated.</returns>
    /// <exception cref="MediaException">The file ends early, or its frames are not as many as it says.</exception>
    public static PngTimeline? Scan(FileStream file, PngChunkReader chunks)
    {
        long start = file.Position;
        long? frames = null;
        List<(ushort Delay, ushort Unit)> delays = [];
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
                ushort unit = BinaryPrimitives.ReadUInt16BigEndian(control[22..]);
                delays.Add((BinaryPrimitives.ReadUInt16BigEndian(control[20..]), unit == 0 ? (ushort)100 : unit));
            }
            chunks.Skip();
        }
        file.Position = start;
        if (frames is null) return null;
        if (frames != delays.Count || frames is 0)
            throw chunks.Damaged($"it says that it has {frames} frames, but there are {delays.Count}");
        return Of(delays);
    }

    /// <summary>Finds the grid.</summary>
    /// <param name="delays">How long each frame shows, in fractions of a second; at least one.</param>
    internal static PngTimeline Of(IReadOnlyList<(ushort Delay, ushort Unit)> delays)
    {
        int frames = delays.Count;
        long tick = 1;
        foreach (ushort unit in delays.Select(delay => delay.Unit).Distinct())
        {
            tick = tick / (long)BigInteger.GreatestCommonDivisor(tick, unit) * unit;
            if (tick > MostTicks) break;
        }
        bool isExact = tick <= MostTicks;
        if (!isExact) tick = MostTicks;
        long[] begins = new long[frames];
        (long ticks, double seconds) = (0, 0);
        for (int i = 0; i < frames; i++)
        {
            begins[i] = ticks;
            (ushort delay, ushort unit) = delays[i];
            seconds += (double)delay / unit;
            ticks = isExact ? ticks + delay * (tick / unit) : (long)Math.Round(seconds * tick);
        }
        // Delays of zero mean "as fast as possible", which is no pace.
        if (ticks == 0) return Even(FrameRate.Default);
        FrameRate mean = isExact && FrameRate.Of((Int128)frames * tick, ticks) is { } exact ? exact
            : new((int)Math.Clamp(Math.Round(1000 * frames / seconds), 1, int.MaxValue), 1000);
        if (seconds > int.MaxValue / 1000) return Even(mean); // nobody's clip
        long[] times = [.. begins.Where((begin, i) => i == 0 || begin != begins[i - 1])];
        Timeline timeline = Timeline.Of(times, ticks, new((int)tick), mean);
        return new(timeline.Rate, [.. begins.Select(timeline.Place)], timeline.Places);

        PngTimeline Even(FrameRate rate) => new(rate, [.. Enumerable.Range(0, frames)], frames);
    }
}
