using System.Globalization;
using System.Text.Json;

namespace Lia.Bench;

/// <summary>Plans a run over many machines by simulation (docs/scale.md), and checks the simulation against status files of a run that was:
/// what a clip takes comes from some of its shards, what the whole run took is foretold.</summary>
internal static class Scale
{
    public static int Run(string[] arguments)
    {
        Dictionary<string, string> options = [];
        for (int i = 0; i + 1 < arguments.Length; i += 2) options[arguments[i]] = arguments[i + 1];
        if (options.TryGetValue("--check", out string? check))
            return Check(options["--calibrate"].Split(','), check.Split(','),
                int.Parse(options["--workers"], CultureInfo.InvariantCulture));
        ScaleModel model = new();
        model = model with
        {
            Clips = (int)Number("--clips", model.Clips),
            Frames = (int)Number("--frames", model.Frames),
            Gpus = (int)Number("--gpus", model.Gpus),
            Clip = Number("--clip-seconds", model.Clip),
            Frame = Number("--frame-seconds", model.Frame),
            Price = Number("--price", model.Price),
        };
        Show("as planned", model, true);
        foreach (int perGpu in (int[])[1, 3, 30, 100]) Show($"{perGpu} shards a GPU", model with { Shards = perGpu * model.Gpus });
        Show("10 times as many failures", model with { FailuresAnHour = 10 * model.FailuresAnHour });
        Show("a tenth of the machines slow", model with { SlowPart = 0.1 });
        Show("5,000 names a second", model with { NamesASecond = 5000 });
        Show("1 GB/s", model with { BytesASecond = 1e9 });
        Show("a minute to start", model with { Start = 60 });
        Show("10,000 GPUs", model with { Gpus = 10 * model.Gpus, Shards = 10 * model.Shards });
        return 0;

        double Number(string name, double unset) =>
            options.TryGetValue(name, out string? text) ? double.Parse(text, CultureInfo.InvariantCulture) : unset;
    }

    private static void Show(string name, ScaleModel model, bool isFirst = false)
    {
        ScaleRun run = ScaleSimulation.Run(model);
        double hours = model.Gpus * run.Seconds / 3600;
        if (isFirst) Console.WriteLine(
            $"{"",-30} {"minutes",8} {"GPU hours",10} {"cost",8} {"at work",8} {"starting",9} {"idle end",9} {"failures",9}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-30} {run.Seconds / 60,8:0.0} {hours,10:0} {hours * model.Price,8:0} "
            + $"{run.Busy / hours / 36,7:0.0}% {run.Starting / hours / 36,8:0.0}% {run.Idle / hours / 36,8:0.0}% {run.Failures,9}"));
    }

    private static int Check(string[] known, string[] all, int workers)
    {
        Shard[] measured = [.. known.Select(Read)], run = [.. all.Select(Read)];
        // The first row of a process loads the model; of the others, seconds = clip + frame * frames by least squares.
        (double Frames, double Seconds)[] rows = [.. measured.SelectMany(shard => shard.Rows.Skip(1))];
        double meanFrames = rows.Average(row => row.Frames), meanSeconds = rows.Average(row => row.Seconds);
        double frame = Math.Max(0, rows.Sum(row => (row.Frames - meanFrames) * (row.Seconds - meanSeconds)) / rows.Sum(row =>
            Math.Pow(row.Frames - meanFrames, 2)));
        double clip = meanSeconds - frame * meanFrames;
        double spread = Math.Sqrt(rows.Average(row => Math.Pow(Math.Log(row.Seconds / (clip + frame * row.Frames)), 2)));
        double begin = measured.Average(shard => (shard.End - shard.Begin).TotalSeconds - shard.Rows.Sum(row => clip + frame * row.Frames));
        // Between a worker's shards: the scheduler and the start of the program.
        double first = run.Min(shard => (shard.Begin - DateTime.UnixEpoch).TotalSeconds);
        double[] gaps = [.. run.Where(shard => run.Any(other => other.End < shard.Begin))
            .Select(shard => (shard.Begin - run.Where(other => other.End < shard.Begin).Max(other => other.End)).TotalSeconds)];
        double gap = gaps.Length == 0 ? 0 : gaps.Average();
        ScaleModel model = new()
        {
            Gpus = workers, Clip = clip, Frame = frame, Spread = Math.Min(1, spread), Start = begin + gap, ManifestRow = 0, SlowPart = 0,
            FailuresAnHour = 1e-9, BytesOfClip = 0, BytesOfRow = 0, NamesOfClip = 0,
        };
        int[][] shards = [.. run.Select(shard => shard.Rows.Select(row => (int)row.Frames).ToArray())];
        double[] foretold = [.. Enumerable.Range(1, 1000).Select(seed => ScaleSimulation.Run(model, shards, seed).Seconds - gap).Order()];
        double was = (run.Max(shard => shard.End) - DateTime.UnixEpoch).TotalSeconds - first;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a clip {clip:0.000} s and {frame:0.000} s a frame, spread {spread:0.00}; "
                + $"{begin:0.0} s until the first, {gap:0.0} s between shards"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{run.Sum(shard => shard.Rows.Length)} clips in {run.Length} shards on {workers} workers: foretold {foretold[500]:0.0} s "
                + $"({foretold[25]:0.0} to {foretold[974]:0.0} in 95 of 100 runs), measured {was:0.0} s, "
                + $"off by {100 * (foretold[500] / was - 1):+0;-0} %"));
        return was >= 0.75 * foretold[25] && was <= 1.25 * foretold[974] ? 0 : 1;
    }

    /// <summary>A shard's run in its status file.</summary>
    private static Shard Read(string file)
    {
        List<(double, double)> rows = [];
        DateTime begin = default, end = default;
        foreach (string line in File.ReadLines(file))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement status = json.RootElement;
            DateTime time = status.GetProperty("time").GetDateTime();
            switch (status.GetProperty("event").GetString())
            {
                case "begin":
                    begin = time;
                    break;
                case "done" when status.TryGetProperty("seconds", out JsonElement seconds):
                    rows.Add((status.GetProperty("frames").GetDouble(), seconds.GetDouble()));
                    break;
                case "end":
                    end = time;
                    break;
            }
        }
        return new(begin, end, [.. rows]);
    }

    private sealed record Shard(DateTime Begin, DateTime End, (double Frames, double Seconds)[] Rows);
}
