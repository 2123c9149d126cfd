using System.Globalization;
using Lia.Media.IO;

namespace Lia.Media.Ffmpeg;

/// <summary>When the frames of a video show, by the time stamps of its packets; nothing is decoded for it.</summary>
/// <param name="Timeline">The grid that its frames are put on.</param>
/// <param name="Start">Place 0 of the grid, in seconds of the file's own time.</param>
/// <param name="IsShown">
/// Whether the time stamps say when frames are shown; some containers tell only in which order they are decoded.
/// </param>
internal sealed record ClipTiming(Timeline Timeline, double Start, bool IsShown)
{
    // A packet counts as a frame of this size, however small it is. A file of nothing then has no more than a million.
    private const int LeastExtent = 64;

    // What is taken for a jump, in seconds.
    private const double JumpBack = 0.1, JumpAhead = 10;

    /// <summary>Asks ffprobe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="probe">What is known of it.</param>
    /// <param name="cancellationToken">Stops ffprobe.</param>
    /// <returns>Null for a video without time stamps, or with such as jump: its frames follow one another at the rate it says.</returns>
    /// <exception cref="MediaException">ffprobe fails, or the file has more packets than a file of its length may have.</exception>
    public static ClipTiming? Of(string path, VideoProbe probe, CancellationToken cancellationToken)
    {
        using SafeInput input = new(path);
        using ChildProcess ffprobe = ChildProcess.Start("ffprobe",
        [
            "-v", "error", .. SafeInput.Limits, "-select_streams", $"{probe.Index}", "-of", "csv=p=0",
            "-show_entries", "packet=pts,dts,duration,flags", "-i", input.Url,
        ], path, feeds: false, cancellationToken);
        using StreamReader reader = new(ffprobe.Output, System.Text.Encoding.ASCII);
        ClipTiming? timing = Parse(reader, path, new FileInfo(path).Length, probe);
        ffprobe.WaitForSuccess();
        return timing;
    }

    /// <summary>Understands ffprobe's list of packets; lines that are none are passed over.</summary>
    /// <param name="lines">What it wrote: a line <c>pts,dts,duration,flags</c> for each packet.</param>
    /// <param name="path">The file, for error messages.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="probe">What else is known of it.</param>
    internal static ClipTiming? Parse(TextReader lines, string path, long bytes, VideoProbe probe)
    {
        if (probe.Tick is not { } tick) return null;
        WorkLimit limit = new(path, bytes);
        List<(long Time, long Duration)> packets = [];
        long? last = null;
        bool isShown = true;
        while (ReadLine(lines) is { } line)
        {
            string[] fields = line.Split(',');
            if (fields.Length < 4) continue;
            limit.Take(1, LeastExtent, LeastExtent);
            if (fields[3].Contains('D', StringComparison.Ordinal)) continue; // decoded for the sake of others, and not shown
            long? shown = Ticks(fields[0]), decoded = Ticks(fields[1]) ?? shown;
            if ((shown ?? decoded) is not { } time) continue;
            isShown &= shown is not null;
            if (probe.MayJump)
            {
                if ((decoded - last) / tick.Value is < -JumpBack or > JumpAhead) return null;
                last = decoded;
            }
            packets.Add((time, Ticks(fields[2]) is > 0 and long duration ? duration : 0));
        }
        if (packets.Count == 0) return null;
        packets.Sort();
        List<long> times = [];
        foreach ((long time, _) in packets)
            if (times.Count == 0 || time != times[^1]) times.Add(time);
        ReadOnlySpan<long> all = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(times);
        if ((all[^1] - all[0]) / tick.Value > int.MaxValue / 1000) return null; // nobody's clip
        Timeline timeline = Timeline.Of(all, End(all, packets[^1].Duration, tick, probe), tick, probe.Nominal);
        return new(timeline, (all[0] + timeline.Origin) / tick.Value, isShown);
    }

    /// <summary>
    /// Where the last frame ends. It says how long it lasts, but of repeated frames that a file leaves out there it says nothing: then
    /// it stays as long as the one before, if the file is that long.
    /// </summary>
    private static long End(ReadOnlySpan<long> times, long duration, FrameRate tick, VideoProbe probe)
    {
        long last = times[^1], before = times.Length > 1 ? last - times[^2] : 0;
        if (probe.End is not { } end) return last + Math.Max(duration, before);
        double rest = end * tick.Value - last;
        return last + Math.Max(Math.Max(duration, 1), rest < before ? (long)Math.Max(0, rest) : before);
    }

    /// <summary>A line, or its beginning if it is longer than any of a packet.</summary>
    private static string? ReadLine(TextReader reader)
    {
        const int Longest = 256;
        System.Text.StringBuilder line = new();
        int c;
        while ((c = reader.Read()) >= 0 && c != '\n')
            if (line.Length < Longest) line.Append((char)c);
        return c < 0 && line.Length == 0 ? null : line.ToString();
    }

    // Half of what a number can be, so that sums and differences can be made.
    private static long? Ticks(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            && value is > long.MinValue / 4 and < long.MaxValue / 4 ? value : null;
}
