using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Lia.Cli.Tests;

/// <summary>deploy/slurm on a real Slurm: clips in array tasks, with a worker and a node's daemon killed meanwhile.</summary>
public sealed class SlurmTests(Workspace files) : IClassFixture<Workspace>
{
    private const int Rows = 40, Shards = 4;

    [Fact]
    public async Task Forty_clips_in_four_tasks_are_there_once_though_a_worker_and_a_daemon_are_killed()
    {
        Assert.SkipWhen(SlurmCluster.Missing is not null,
            $"there is no {SlurmCluster.Missing}: install slurm-wlm and munge to see batches run under Slurm");
        ManifestWorkspace space = new(files, "slurm");
        string manifest = Manifest("out"), status = space.At("status");
        using SlurmCluster cluster = await SlurmCluster.Start();
        string[] jobs = (await cluster.Run(Path.Combine(DocumentationTests.Root, "deploy", "slurm", "submit.sh"), $"{Shards}",
            status, "batch", "--manifest", manifest, "--model", files.Model, "--threads", "1", "--quiet"))
            .Split(' ', StringSplitOptions.TrimEntries);
        Assert.Equal(2, jobs.Length);

        // As soon as somebody works, a node's daemon goes, and a worker in the middle of its rows.
        await SlurmCluster.Until(() => Task.FromResult(Lines().Any(line => Event(line) == "done")), "the first row", cluster);
        cluster.KillNode("n2");
        string? killed = null;
        await SlurmCluster.Until(() => Task.FromResult((killed = KillOne()) is not null), "a worker in the middle of its rows", cluster);
        await Task.Delay(1000, TestContext.Current.CancellationToken);
        cluster.StartNode("n2");
        await SlurmCluster.Until(async () => (await cluster.Run("squeue", "-h")).Trim().Length == 0, "the queue to be empty", cluster);

        // The worker that was killed said no end, and another run took up its shard.
        JsonElement[] lines = Lines();
        Assert.DoesNotContain(lines, line => Text(line, "run") == killed && Event(line) == "end");
        string shard = Text(lines.Single(line => Event(line) == "begin" && Text(line, "run") == killed), "shard");
        Assert.Contains(lines, line => Event(line) == "begin" && Text(line, "shard") == shard && Text(line, "run") != killed);

        // The report's word, and its own log's.
        JsonElement report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(status, "report.json"),
            TestContext.Current.CancellationToken))
            .RootElement;
        Assert.Equal((Rows, Rows, 0, 0), (report.GetProperty("rows").GetInt32(), report.GetProperty("done").GetInt32(),
            report.GetProperty("failed").GetInt32(), report.GetProperty("left").GetInt32()));
        Assert.Contains("rows  done", await File.ReadAllTextAsync(Path.Combine(status, $"lia-report-{jobs[1]}.log"),
            TestContext.Current.CancellationToken));

        // Every output is there, once, as one process makes it.
        Assert.Equal(ExitCode.Success, CliRunner.Run("batch", "--manifest", Manifest("alone"), "-m", files.Model, "--threads", "1",
            "-q").Status);
        string[] names = [.. Enumerable.Range(0, Rows).Select(row => $"{row}.png")];
        Assert.Equal(names.Order(), Directory.GetFiles(space.At("out"), "*", new EnumerationOptions { AttributesToSkip = 0 })
            .Select(file => Path.GetFileName(file)!).Where(name => !name.EndsWith(".lia", StringComparison.Ordinal)).Order());
        foreach (string name in names)
            Assert.Equal(await File.ReadAllBytesAsync(space.At($"alone/{name}"), TestContext.Current.CancellationToken),
                await File.ReadAllBytesAsync(space.At($"out/{name}"), TestContext.Current.CancellationToken));

        string Manifest(string folder)
        {
            string path = space.At($"{folder}.csv");
            File.WriteAllLines(path, ["source,driving,output,frames,loop,strength", .. Enumerable.Range(0, Rows).Select(row =>
                $"{files.Source},{files.Driving},{space.At($"{folder}/{row}.png")},{Frames(row)},{1 + row / 100.0}")]);
            return path;
        }

        // Played often enough that a worker is caught in the middle of its rows on a fast machine, too.
        static string Frames(int row) => $":{2 + row % 3},20";

        // Lines that somebody is about to write are not there yet.
        JsonElement[] Lines() => !Directory.Exists(status) ? []
            : [.. Directory.GetFiles(status, "*.jsonl").SelectMany(ManifestWorkspace.Lines)];

        string? KillOne()
        {
            foreach (JsonElement[] run in Lines().GroupBy(line => Text(line, "run")).Select(run => run.ToArray()))
            {
                if (run.All(line => Event(line) != "done") || run.Any(line => Event(line) == "end")) continue;
                string name = Text(run[0], "run");
                try
                {
                    using Process worker = Process.GetProcessById(int.Parse(name.Split('-')[^2], CultureInfo.InvariantCulture));
                    worker.Kill();
                    worker.WaitForExit(5000);
                }
                catch (ArgumentException)
                {
                    continue; // It has just come to its end.
                }
                if (Lines().All(line => Text(line, "run") != name || Event(line) != "end")) return name;
            }
            return null;
        }
    }

    /// <summary>Clips packed in the tasks of an array are the data that one process packs, a bad one among them.</summary>
    [Fact]
    public async Task Data_is_packed_in_an_array_without_gpus()
    {
        Assert.SkipWhen(SlurmCluster.Missing is not null, $"there is no {SlurmCluster.Missing}: install slurm-wlm and munge");
        const int Clips = 12, Parts = 3, Bad = 5;
        ManifestWorkspace space = new(files, "slurm-pack");
        for (int clip = 0; clip < Clips; clip++) space.Clip(Path.Combine("data", $"c{clip}"), 2 + clip % 4);
        File.WriteAllText(space.At($"data/c{Bad}/0001.png"), "no picture");
        using SlurmCluster cluster = await SlurmCluster.Start();
        await cluster.Run(Path.Combine(DocumentationTests.Root, "deploy", "slurm", "submit.sh"), $"{Parts}", space.At("status"), "train",
            "pack", space.At("data"), "-o", space.At("packs/faces.liapack"), "--size", "64", "--quiet");
        await SlurmCluster.Until(async () => (await cluster.Run("squeue", "-h")).Trim().Length == 0, "the queue to be empty", cluster);

        JsonElement report = JsonDocument.Parse(await File.ReadAllTextAsync(space.At("status/report.json"),
            TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal((Clips, Clips - 1, 1, 0), (report.GetProperty("rows").GetInt32(), report.GetProperty("done").GetInt32(),
            report.GetProperty("failed").GetInt32(), report.GetProperty("left").GetInt32()));
        Assert.Contains($"c{Bad}", report.GetProperty("failures")[0].GetProperty("name").GetString());
        Assert.Equal(ExitCode.BadRows, CliRunner.Run("train", "pack", space.At("data"), "-o", space.At("one.liapack"), "--size", "64",
            "-q").Status);
        using Lia.Training.Data.TrainingData parts = new(space.At("packs")), one = new(space.At("one.liapack"));
        Assert.Equal((Clips - 1, one.Fingerprint), (parts.Clips.Length, parts.Fingerprint));
    }

    private static string Event(JsonElement line) => Text(line, "event");

    private static string Text(JsonElement line, string name) => line.GetProperty(name).GetString()!;
}
