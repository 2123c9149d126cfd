using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// Simulated cameras, each a session of one <see cref="LiveGroup"/> with a picture of its own and frames by its own clock: how many are
/// served, and how long from a frame's submission to its result. A frame that waits gives way to the camera's next and is counted as
/// dropped.
/// </summary>
internal static class LiveCameras
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    public static int Run(string[] arguments)
    {
        if (arguments.Option("--lia") is not null) return LivePipe.Run(arguments);
        int size = arguments.Number("--size", 256), rate = arguments.Number("--rate", 25);
        TimeSpan time = TimeSpan.FromSeconds(arguments.Number("--seconds", 5));
        using SyntheticCheckpoint? synthetic = arguments.Option("--model") is null ? new(ModelArchitecture.Official(size), 1) : null;
        using Animator animator = new(new ModelOptions
        {
            Model = arguments.Option("--model"),
            Weights = synthetic,
            Device = Device.Parse(arguments.Option("--device") ?? "cuda"),
            Precision = Enum.Parse<Precision>(arguments.Option("--mode") ?? "fast", ignoreCase: true),
        }, new() { Mode = MotionMode.Relative });
        LiveGroupOptions options = new() { MostFrames = arguments.Number("--most", 0) };
        if (arguments.Option("--gather") is { } gather)
            options = options with { GatherTime = TimeSpan.FromMilliseconds(double.Parse(gather, CultureInfo.InvariantCulture)) };
        Console.WriteLine(
            $"{animator.DeviceName}, {animator.Size}x{animator.Size}, {rate} frames a second each, {time.TotalSeconds:0} s, gather time "
            + $"{options.GatherTime.TotalMilliseconds} ms");
        Console.WriteLine();
        Console.WriteLine("| sessions | frames/s asked | served | dropped | p50, ms | p99, ms | longest, ms | frames a pass |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        List<Row> rows = [];
        foreach (int sessions in arguments.Numbers("--sessions", 1, 8, 32, 100, 128))
        {
            Row row = Measure(animator, options, sessions, rate, time).GetAwaiter().GetResult();
            rows.Add(row);
            Console.WriteLine(
                $"| {row.Sessions} | {sessions * rate} | {row.Served:0} | {row.Dropped} | {row.P50:0.00} | {row.P99:0.00} | "
                + $"{row.Longest:0.00} | {row.FramesAPass:0.0} |");
        }
        if (arguments.Option("--json") is { } path) File.WriteAllText(path, JsonSerializer.Serialize(rows, JsonSerializerOptions.Web));
        return 0;
    }

    private static async Task<Row> Measure(Animator animator, LiveGroupOptions options, int count, int rate, TimeSpan time)
    {
        using LiveGroup group = animator.LiveGroup(options);
        RgbImage[] frames = [.. Enumerable.Range(0, 8).Select(i => Picture(animator.Size, i))];
        List<LiveSession> sessions = [];
        try
        {
            for (int i = 0; i < count; i++) sessions.Add(await group.OpenAsync(Picture(animator.Size, 100 + i), newestOnly: true));
            await Film(sessions, frames, rate, WarmUp);
            (long passes, long computed) = (group.Passes, group.Frames);
            (List<double> latencies, int dropped, double seconds) = await Film(sessions, frames, rate, time);
            latencies.Sort();
            double Percentile(int percent) => latencies.Count == 0 ? double.NaN : latencies[(latencies.Count - 1) * percent / 100];
            return new(count, latencies.Count / seconds, dropped, Percentile(50), Percentile(99), Percentile(100),
                (double)(group.Frames - computed) / Math.Max(1, group.Passes - passes));
        }
        finally
        {
            foreach (LiveSession session in sessions) session.Dispose();
        }
    }

    /// <summary>All cameras at once; milliseconds of the frames that came through, how many did not, and how long it took.</summary>
    private static async Task<(List<double> Latencies, int Dropped, double Seconds)> Film(
        List<LiveSession> sessions, RgbImage[] frames, int rate, TimeSpan time)
    {
        Random random = new(1);
        double period = 1000.0 / rate;
        int each = Math.Max(1, (int)(time.TotalSeconds * rate));
        List<double> latencies = [];
        int dropped = 0;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(sessions.Select(session =>
        {
            double phase = random.NextDouble() * period;
            return Task.Run(() => Camera(session, phase));
        }));
        return (latencies, dropped, Stopwatch.GetElapsedTime(start).TotalSeconds);

        async Task Camera(LiveSession session, double phase)
        {
            List<Task> results = [];
            for (int i = 0; i < each; i++)
            {
                double wait = phase + i * period - Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (wait > 0) await Task.Delay(TimeSpan.FromMilliseconds(wait));
                results.Add(Submit(session, frames[i % frames.Length]));
            }
            await Task.WhenAll(results);
        }

        async Task Submit(LiveSession session, RgbImage frame)
        {
            long submitted = Stopwatch.GetTimestamp();
            RgbImage? result = await session.ProcessAsync(frame);
            double latency = Stopwatch.GetElapsedTime(submitted).TotalMilliseconds;
            lock (latencies)
            {
                if (result is null) dropped++;
                else latencies.Add(latency);
            }
        }
    }

    /// <summary>Smooth, so that motion stays small.</summary>
    private static RgbImage Picture(int size, int seed)
    {
        RgbImage picture = new(size, size);
        for (int i = 0; i < picture.Pixels.Length; i++)
        {
            int pixel = i / 3, x = pixel % size, y = pixel / size;
            picture.Pixels[i] = (byte)(127 + 60 * Math.Sin((x + 7 * seed) * 0.05 + i % 3) + 60 * Math.Cos((y - 5 * seed) * 0.04));
        }
        return picture;
    }

    private sealed record Row(int Sessions, double Served, int Dropped, double P50, double P99, double Longest, double FramesAPass);
}
