using System.Numerics;

namespace Lia.Media.IO;

/// <summary>
/// A steady grid of times for frames that need not come steadily. Frame files show each frame from its own time until the next one's;
/// what is computed from them has one rate. The grid's rate is the lowest that every frame has a place of its own in, so that
/// dropped and repeated frames keep their time; a clip that has no such grid gets one that is never off by more than 20 ms.
/// </summary>
/// <param name="Rate">Places a second.</param>
/// <param name="Origin">Where place 0 is, in ticks from the first frame; at most half a place before or behind it.</param>
/// <param name="Places">How many there are, up to where the last frame ends.</param>
/// <param name="LastPlace">Where the last frame begins.</param>
internal sealed record Timeline(FrameRate Rate, double Origin, int Places, int LastPlace)
{
    private double _ticks = 1; // from one place to the next
    // Rates that clips have. One that a file says, and one that its time stamps have in common, stand for those within a hundredth.
    private static readonly FrameRate[] Usual =
    [
        new(5), new(6), new(10), new(12), new(25, 2), new(15), new(20), new(24000, 1001), new(24), new(25), new(30000, 1001), new(30),
        new(48), new(50), new(60000, 1001), new(60),
    ];

    // A frame's time may be off by so much of a place, and so many seconds: time stamps are rounded, and cameras are not exact.
    private const double Tolerance = 0.25, LongestTolerance = 0.01;

    // Without a grid that fits, a frame is shown up to half a place too early or too late.
    private const double SlowestGuess = 25;

    // Beyond this and twice as many places as frames, no grid is worth its repeated frames.
    private const double FastestGrid = 60;

    /// <summary>Finds the grid.</summary>
    /// <param name="times">When each frame begins, in ticks, ascending and all different; at least one.</param>
    /// <param name="end">When the last one ends.</param>
    /// <param name="tick">Ticks a second.</param>
    /// <param name="nominal">The rate that the file says, if it does.</param>
    public static Timeline Of(ReadOnlySpan<long> times, long end, FrameRate tick, FrameRate? nominal)
    {
        if (times.Length == 1) return new(nominal ?? FrameRate.Default, 0, 1, 0);
        FrameRate rate = Choose(times, tick, nominal);
        Fits(times, tick, rate, out double phase, out _);
        Timeline timeline = new(rate, phase * tick.Value / rate.Value, 0, 0) { _ticks = tick.Value / rate.Value };
        int last = timeline.Place(times[^1] - times[0]);
        return timeline with { Places = Math.Max(timeline.Place(end - times[0]), last + 1), LastPlace = last };
    }

    /// <summary>The place that is nearest to a time.</summary>
    /// <param name="ticks">From the first frame.</param>
    public int Place(long ticks) => (int)Math.Clamp(Math.Round((ticks - Origin) / _ticks), 0, int.MaxValue - 1);

    private static FrameRate Choose(ReadOnlySpan<long> times, FrameRate tick, FrameRate? nominal)
    {
        double mean = (times.Length - 1) * tick.Value / (times[^1] - times[0]), most = Math.Max(FastestGrid, 2 * mean);
        // Of a clip that lacks next to nothing, what the file says is exact.
        if (nominal is { } said && Math.Abs(said.Value / mean - 1) < 0.05 && Fits(times, tick, said, out _, out _)) return said;
        List<FrameRate> own = [];
        if (nominal is { } clock) own.Add(clock);
        long common = 0;
        for (int i = 1; i < times.Length && common != 1; i++)
            common = (long)BigInteger.GreatestCommonDivisor(common, times[i] - times[0]);
        if (FrameRate.Of(tick.Numerator, (Int128)tick.Denominator * common) is { } exact
            && !own.Exists(rate => IsNear(rate.Value, exact.Value)))
            own.Add(exact);
        IEnumerable<FrameRate> candidates = own.Concat(Usual.Where(usual => !own.Exists(rate => IsNear(rate.Value, usual.Value))))
            .Where(rate => rate.Value >= 0.995 * mean && rate.Value <= most).OrderBy(rate => rate.Value);
        FrameRate? best = null;
        double least = double.MaxValue;
        foreach (FrameRate candidate in candidates)
        {
            if (best is { } found && !IsNear(candidate.Value, found.Value)) break;
            if (Fits(times, tick, candidate, out _, out double off) && off < least) (best, least) = (candidate, off);
        }
        if (best is { } grid) return grid;

        if (FrameRate.Of((Int128)(times.Length - 1) * tick.Numerator, (Int128)(times[^1] - times[0]) * tick.Denominator) is { } steady
            && Fits(times, tick, steady, out _, out _)) return steady;
        return Guess(times, tick, most);
    }

    /// <summary>Without a grid: what most frames last, or a part of it.</summary>
    private static FrameRate Guess(ReadOnlySpan<long> times, FrameRate tick, double most)
    {
        long[] gaps = new long[times.Length - 1];
        for (int i = 0; i < gaps.Length; i++) gaps[i] = times[i + 1] - times[i];
        Array.Sort(gaps);
        double typical = tick.Value / gaps[gaps.Length / 2];
        FrameRate? usual = Usual.Where(rate => IsNear(rate.Value, typical)).Select(rate => (FrameRate?)rate).FirstOrDefault();
        double value = usual?.Value ?? typical, parts = Math.Ceiling(SlowestGuess / value);
        if (value * parts > most) return new((int)Math.Round(1000 * most), 1000);
        return usual is { } known ? new((int)(known.Numerator * parts), known.Denominator)
            : new((int)Math.Round(1000 * value * parts), 1000);
    }

    /// <summary>Whether every frame has a place of its own.</summary>
    /// <param name="times">In ticks.</param>
    /// <param name="tick">Ticks a second.</param>
    /// <param name="rate">Places a second.</param>
    /// <param name="phase">How far behind the first frame place 0 is, in places: the mean over all frames, round the circle.</param>
    /// <param name="off">How far a frame is from its place at most, in places; where they do not fit, of those looked at.</param>
    private static bool Fits(ReadOnlySpan<long> times, FrameRate tick, FrameRate rate, out double phase, out double off)
    {
        double sine = 0, cosine = 0, places = rate.Value / tick.Value, tolerance = Math.Min(Tolerance, LongestTolerance * rate.Value);
        foreach (long time in times)
        {
            double place = (time - times[0]) * places;
            (double s, double c) = Math.SinCos(2 * Math.PI * (place - Math.Floor(place)));
            (sine, cosine) = (sine + s, cosine + c);
        }
        phase = Math.Atan2(sine, cosine) / (2 * Math.PI);
        off = 0;
        double before = -1;
        foreach (long time in times)
        {
            double place = (time - times[0]) * places - phase, whole = Math.Round(place);
            off = Math.Max(off, Math.Abs(place - whole));
            if (off > tolerance || whole <= before) return false;
            before = whole;
        }
        return true;
    }

    private static bool IsNear(double a, double b) => Math.Abs(a / b - 1) < 0.01;
}
