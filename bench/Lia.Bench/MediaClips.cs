using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lia.Media.Files;
using Lia.Media.Imaging;
using Lia.Media.IO;
using Lia.Media.Raw;

namespace Lia.Bench;

/// <summary>
/// A clip of raw video on its way in and out, without a network: frames are read and fitted as an animation's are, and written as its
/// results are, each on one thread and one after the other. The first pass is that of a process that has just started, whose code the
/// runtime has not yet compiled a second time; published ahead of time (<c>-p:PublishReadyToRun=true</c>) it is as in <c>lia</c>. With
/// <c>--pace MS</c> a frame to be written comes so often, as from a network: the whole beyond that is what writing adds.
/// </summary>
internal static class MediaClips
{
    public static int Run(string[] arguments)
    {
        int size = arguments.Number("--size", 256), side = arguments.Number("--to", size), frames = arguments.Number("--frames", 1000);
        int passes = arguments.Number("--runs", 3);
        double pace = double.Parse(arguments.Option("--pace") ?? "0", CultureInfo.InvariantCulture);
        string sampling = arguments.Option("--sampling") ?? "420jpeg";
        Chroma chroma = sampling switch { "444" => Chroma.Sampling444, "422" => Chroma.Sampling422, _ => Chroma.Sampling420 };
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lia-media-");
        try
        {
            string input = Path.Combine(folder.FullName, "in.y4m");
            WriteClip(input, size, frames, sampling, chroma.FrameBytes(size, size));
            Console.WriteLine(
            "| | pass | first frame, ms | a frame: median | of the first tenth | best | MB/s | whole, ms | of it processor |");
            Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
            for (int pass = 0; pass < passes; pass++)
            {
                Print($"read C{sampling}", pass, chroma.FrameBytes(size, size), Read(input, side));
                foreach ((string name, RawOutput format, int bytes) in new[]
                {
                    ("C444", RawOutput.Yuv4Mpeg, 3 * side * side),
                    ("C420jpeg", RawOutput.Yuv4Mpeg420, 3 * side * side / 2),
                    ("rgb24", RawOutput.Rgb24, 3 * side * side),
                })
                {
                    string output = Path.Combine(folder.FullName, "out.y4m");
                    Print($"write {name}", pass, bytes, Write(output, format, side, frames, pace));
                    File.Delete(output);
                }
            }
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Times Read(string path, int side)
    {
        List<double> times = [];
        byte[] pixels = new byte[3 * side * side];
        TimeSpan busy = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        using IFrameReader reader = FrameReaders.Open(path, default, CancellationToken.None);
        FrameFitter fitter = new(side, Fit.Crop);
        for (long before = start; reader.Read() is RgbImage image;)
        {
            fitter.Fit(image, pixels);
            long now = Stopwatch.GetTimestamp();
            times.Add(Stopwatch.GetElapsedTime(before, now).TotalMilliseconds);
            before = now;
        }
        return new([.. times], start, busy);
    }

    private static Times Write(string path, RawOutput format, int side, int frames, double pace)
    {
        double[] times = new double[frames];
        byte[] pixels = new byte[3 * side * side];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 7 / 5);
        TimeSpan busy = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        using IFrameWriter writer = FrameWriters.Open(path, side, side, FrameRate.Default, null, format, null, CancellationToken.None);
        long step = (long)(pace / 1e3 * Stopwatch.Frequency), due = Stopwatch.GetTimestamp();
        for (int i = 0; i < frames; i++)
        {
            // A network that was kept waiting goes on from there.
            due = Math.Max(due, Stopwatch.GetTimestamp() - step) + step;
            while (Stopwatch.GetTimestamp() < due) Thread.SpinWait(20);
            long before = Stopwatch.GetTimestamp();
            writer.Write(pixels);
            times[i] = Stopwatch.GetElapsedTime(before).TotalMilliseconds;
        }
        writer.Complete();
        return new(times, start, busy);
    }

    private static void Print(string what, int pass, int bytes, Times times)
    {
        double[] frames = times.Frames;
        double median = frames.Median(), first = frames[..Math.Max(1, frames.Length / 10)].Median();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {what} | {pass} | {frames[0]:0.0} | {median:0.000} | {first:0.000} | {frames.Min():0.000} "
            + $"| {bytes / median / 1e3:0} | {times.End:0} | {times.Busy:0} |"));
    }

    private static void WriteClip(string path, int size, int frames, string sampling, int bytes)
    {
        using FileStream file = File.Create(path);
        file.Write(Encoding.ASCII.GetBytes($"YUV4MPEG2 W{size} H{size} F25:1 Ip A1:1 C{sampling}\n"));
        byte[] planes = new byte[bytes];
        for (int frame = 0; frame < frames; frame++)
        {
            for (int i = 0; i < bytes; i++) planes[i] = (byte)(i * 11 / 9 + frame);
            file.Write("FRAME\n"u8);
            file.Write(planes);
        }
    }

    private sealed class Times(double[] frames, long start, TimeSpan busy)
    {
        public double[] Frames => frames;

        public double End { get; } = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        public double Busy { get; } = (Environment.CpuUsage.TotalTime - busy).TotalMilliseconds;
    }
}
