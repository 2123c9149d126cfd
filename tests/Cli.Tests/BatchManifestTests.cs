using System.Diagnostics;
using System.Text.Json;
using Lia.Cli.Manifests;

namespace Lia.Cli.Tests;

/// <summary>lia batch --manifest: the contract that schedulers of clusters stand on.</summary>
public class BatchManifestTests(Workspace files) : IClassFixture<Workspace>
{
    private ManifestWorkspace Space(string name) => new(files, name);

    [Fact]
    public void Shards_together_do_every_row_once_as_animate_does()
    {
        ManifestWorkspace space = Space("shards");
        string manifest = space.Manifest("source,driving,output,strength,frames,side-by-side,loop",
            "SOURCE,DRIVING,OUT/a.png,,,,", "SOURCE,DRIVING,OUT/deep/b.apng,0.5,:4,true,", "SOURCE,DRIVING,OUT/c,-2,2:5,,2",
            $"SOURCE,{space.Clip("short", 2)},OUT/d.png,,,false,", "SOURCE,DRIVING,OUT/e.png,,,,");
        string status = space.At("s.jsonl");
        foreach (string shard in (string[])["1/2", "2/2"])
            Assert.Equal(ExitCode.Success, space.Batch(manifest, "--shard", shard, "--status", status, "--smooth", "3").Status);
        Assert.Equal([1, 2, 3, 4, 5], ManifestWorkspace.Computed(status).Order());
        // Expected are 10, 4, 6, 2 and 10 frames; neighbors have the same clip, so that 2 come last.
        int[] works = [.. ManifestWorkspace.Lines(status).Where(line => line.GetProperty("event").GetString() == "begin")
            .Select(line => line.GetProperty("work").GetInt32())];
        Assert.Equal([14, 18], works);
        Assert.Equal(32, ManifestWorkspace.Lines(status)[0].GetProperty("totalWork").GetInt32());

        (string Output, string[] Options)[] rows = [("a.png", []),
            ("deep/b.apng", ["--strength", "0.5", "--frames", ":4", "--side-by-side"]),
            ("e.png", [])];
        foreach ((string output, string[] options) in rows)
        {
            string alone = space.At("alone" + Path.GetExtension(output));
            CliRunner.Succeed(["animate", files.Source, files.Driving, "-o", alone, "-m", files.Model, "--smooth", "3", "-q", .. options]);
            Assert.Equal(File.ReadAllBytes(alone), File.ReadAllBytes(space.At(output)));
            File.Delete(alone);
        }
        Assert.Equal(6, Directory.GetFiles(space.At("c"), "*.png").Length);
    }

    [Fact]
    public void A_motion_is_encoded_once_a_shard()
    {
        ManifestWorkspace space = Space("once");
        string manifest = space.Manifest("source,driving,output,strength,frames", "SOURCE,DRIVING,OUT/a.png,,",
            $"SOURCE,{space.Clip("other", 3)},OUT/b.png,,", "SOURCE,DRIVING,OUT/c.png,2,", "SOURCE,DRIVING,OUT/d.png,,",
                "SOURCE,DRIVING,OUT/e.png,,:5");
        string status = space.At("s.jsonl");
        Assert.Equal(ExitCode.Success, space.Batch(manifest, "--status", status).Status);
        // Frames 0 to 5 have codes of their own as far as a recording goes. The clip with one row streams.
        Assert.Equal([1, 5], ManifestWorkspace.Lines(status).Where(line => line.TryGetProperty("stage", out JsonElement stage)
            && stage.GetString() == "encoding").Select(line => line.GetProperty("row").GetInt32()).Distinct().Order());
    }

    [Fact]
    public void A_rerun_does_only_what_is_missing_or_changed()
    {
        ManifestWorkspace space = Space("rerun");
        string[] lines = ["source,driving,output,strength", $"{space.At("p.png")},DRIVING,OUT/a.png,", "SOURCE,DRIVING,OUT/b.png,",
            "SOURCE,DRIVING,OUT/c,"];
        File.Copy(files.Source, space.At("p.png"));
        string manifest = space.Manifest(lines);
        int runs = 0;
        Assert.Equal([1, 2, 3], Again());
        Assert.Equal([], Again());
        Assert.Equal([], Again("--threads", "2"));
        Outcome said = space.Batch(manifest);
        Assert.Equal("3 rows: 0 done, 3 done already, 0 failed", said.OutputLines[^1]);

        byte[] before = File.ReadAllBytes(space.At("b.png"));
        lines[2] = "SOURCE,DRIVING,OUT/b.png,2";
        space.Manifest(lines);
        Assert.Equal([2], Again());
        Assert.NotEqual(before, File.ReadAllBytes(space.At("b.png")));

        File.Copy(Path.Combine(files.Driving, "0003.png"), space.At("p.png"), overwrite: true);
        Assert.Equal([1], Again());
        File.Delete(space.At("a.png"));
        Assert.Equal([1], Again());
        File.WriteAllText(space.At("b.png"), "cut short");
        Assert.Equal([2], Again());
        Directory.Delete(space.At("c"), recursive: true);
        Assert.Equal([3], Again());
        Assert.Equal([1, 2, 3], Again("--fit", "pad", "--fps", "12"));
        Assert.Equal([1, 2, 3], Again("--fit", "pad", "--fps", "12", "--overwrite"));

        // Another model under the same name.
        string model = space.At("m.safetensors");
        File.Copy(files.Model, model);
        Assert.Equal([1, 2, 3], Again("-m", model));
        Assert.Equal([], Again("-m", model));
        using (Lia.Weights.SyntheticCheckpoint other = new(Workspace.Narrow, 4))
            Lia.Weights.SafetensorsWriter.Write(model, other, other.Metadata);
        Assert.Equal([1, 2, 3], Again("-m", model));

        int[] Again(params string[] more)
        {
            string status = space.At($"{++runs}.jsonl");
            string[] command = ["batch", "--manifest", manifest, "--status", status, "-q", .. more.Contains("-m") ? []
                : (string[])["-m", files.Model]];
            CliRunner.Succeed([.. command, .. more]);
            return [.. ManifestWorkspace.Computed(status).Order()];
        }
    }

    [Fact]
    public void What_somebody_else_made_in_a_folder_is_not_deleted()
    {
        ManifestWorkspace space = Space("theirs");
        Directory.CreateDirectory(space.At("c"));
        File.WriteAllText(space.At("c/00000.png"), "somebody's");
        Outcome outcome = space.Batch(space.Manifest("source,driving,output", "SOURCE,DRIVING,OUT/c"));
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        outcome = space.Batch(space.Manifest("source,driving,output,loop", "SOURCE,DRIVING,OUT/c,2"));
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        Assert.Contains("the folder is not empty", outcome.Error);
        Assert.Equal("somebody's", File.ReadAllText(space.At("c/00000.png")));
    }

    [Fact]
    public void Bad_rows_name_file_row_and_column_and_the_others_are_done()
    {
        ManifestWorkspace space = Space("bad");
        string manifest = space.Manifest("source,driving,motion,output,crop,side-by-side,work",
            "SOURCE,DRIVING,,OUT/1.png,\"1,2,3\",,", // 1: not a box
            "SOURCE,DRIVING,,OUT/2.png,,perhaps,",   // 2: not a switch's
            "SOURCE,DRIVING,,,,,",                   // 3: no output
            "SOURCE,,,OUT/4.png,,,",                 // 4: no motion
            "SOURCE,DRIVING,DRIVING,OUT/5.png,,,",   // 5: two
            "SOURCE,DRIVING,,OUT/6.png,,",           // 6: a cell is missing
            "SOURCE,DRIVING,,OUT/good.png,,,3",      // 7
            "SOURCE,DRIVING,,OUT/./good.png,,,",     // 8: the same output
            "OUT/good.png,DRIVING,,OUT/9.png,,,",    // 9: an output as source
            "OUT/nothing.png,DRIVING,,OUT/10.png,,,",
            "SOURCE,-,,OUT/11.png,,,",
            "SOURCE,DRIVING,,OUT/%03d.png,,,",
            "SOURCE,DRIVING,,OUT/13.bmp,,,",
            "SOURCE,DRIVING,,OUT/14.png,,,many");
        string status = space.At("s.jsonl");
        Outcome outcome = space.Batch(manifest, "--status", status);
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        string[] problems =
        [
            $"{manifest}: row 1 (line 2), column crop: --crop is X,Y,W,H in whole pixels",
            $"{manifest}: row 2 (line 3), column side-by-side: it is true or false, not 'perhaps'.",
            $"{manifest}: row 3 (line 4), column output: there is nothing in it.",
            $"{manifest}: row 4 (line 5), column driving: there is no motion",
            $"{manifest}: row 5 (line 6), column motion: there are two motions",
            $"{manifest}: row 6 (line 7): it has 6 cells, and there are 7 columns.",
            $"{manifest}: row 8 (line 9), column output: row 7 has the same output.",
            $"{manifest}: row 9 (line 10), column source: {space.At("good.png")} is the output of row 7.",
            $"{space.At("nothing.png")}: there is no such file.",
            $"{manifest}: row 11 (line 12), column driving: a row has no standard streams",
            $"{manifest}: row 12 (line 13), column output: of numbered pictures",
            $"{space.At("13.bmp")}: an output is .mp4",
            $"{manifest}: row 14 (line 15), column work: it is a number of frames",
        ];
        foreach (string problem in problems) Assert.Contains($"lia: {problem}", outcome.Error);
        Assert.Equal(problems.Length, outcome.ErrorLines.Count(line => line.StartsWith("lia: ", StringComparison.Ordinal)));
        Assert.Equal([7], ManifestWorkspace.Computed(status));
        Assert.Equal(Enumerable.Range(1, 14).Except([7]), ManifestWorkspace.Rows(status, "failed").Order());
        Assert.All(ManifestWorkspace.Lines(status).Where(line => line.GetProperty("event").GetString() == "failed"),
            line => Assert.False(line.GetProperty("retry").GetBoolean()));
        Assert.Equal("14 rows: 1 done, 0 done already, 13 failed", outcome.OutputLines[^1]);
        // Of all failures none is left behind.
        Assert.Equal(["good.png"], Directory.GetFiles(space.Folder, "*.png").Select(Path.GetFileName));
        Assert.Empty(Directory.GetFiles(space.Folder, "*.part"));
    }

    [Theory]
    [InlineData("source,driving,output,strenght", "column strenght: there is no such column. Did you mean 'strength'?")]
    [InlineData("source,driving", "there is no column output.")]
    [InlineData("source,driving,output,json", "column json: there is no such column.")]
    public void Columns_that_make_no_sense_refuse_the_whole_manifest(string header, string problem)
    {
        ManifestWorkspace space = Space("columns");
        string cells = string.Join(',', header.Split(',').Select(_ => "x"));
        Outcome outcome = space.Batch(space.Manifest(header, cells, cells));
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.StartsWith($"lia: {space.At("m.csv")}: {problem}", outcome.Error);
    }

    [Fact]
    public void Without_its_device_a_shard_is_to_be_tried_again_whatever_else_is_wrong()
    {
        ManifestWorkspace space = Space("no-device");
        string status = space.At("s.jsonl"), manifest = space.Manifest("source,driving,output,crop", "SOURCE,DRIVING,OUT/a.png,",
            "SOURCE,DRIVING,OUT/b.png,",
            "SOURCE,DRIVING,OUT/c.png,no box");
        Outcome outcome = space.Batch(manifest, "--device", "cuda:99", "--status", status, "--json", "-q");
        Assert.Equal(ExitCode.TryAgain, outcome.Status);
        JsonElement json = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.Equal((3, 0, 1, 2), (json.GetProperty("rows").GetInt32(), json.GetProperty("done").GetInt32(),
            json.GetProperty("failed").GetInt32(), json.GetProperty("again").GetInt32() + json.GetProperty("left").GetInt32()));
        Assert.Contains("lia: warning: the device cuda:99 failed and is given up: The device cuda:99 cannot be used", outcome.Error);
        JsonElement[] failed = [.. ManifestWorkspace.Lines(status).Where(line => line.GetProperty("event").GetString() == "failed")];
        Assert.Contains(failed, line => line.GetProperty("row").GetInt32() == 3 && !line.GetProperty("retry").GetBoolean());
        Assert.Contains(failed, line => line.GetProperty("row").GetInt32() == 1 && line.GetProperty("retry").GetBoolean());
        Assert.Equal(ExitCode.BadRows, space.Batch(manifest).Status);
    }

    [Fact]
    public void A_full_disk_is_no_rows_fault()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full");
        ManifestWorkspace space = Space("full");
        Outcome outcome = space.Batch(space.Manifest("source,driving,output", "SOURCE,DRIVING,OUT/a.png"), "--status", "/dev/full");
        Assert.Equal(ExitCode.TryAgain, outcome.Status);
        Assert.Contains("/dev/full: cannot be written", outcome.Error);
    }

    [Fact]
    public async Task Two_workers_at_the_same_rows_do_each_once()
    {
        ManifestWorkspace space = Space("two");
        string manifest = space.Manifest(["source,driving,output", .. Enumerable.Range(0, 12).Select(i => $"SOURCE,DRIVING,OUT/{i}.png")]);
        string status = space.At("s.jsonl");
        string[] command = ["batch", "--manifest", manifest, "-m", files.Model, "--threads", "1", "--status", status, "-q"];
        Process[] workers = [CliRunner.Start(space.Folder, command), CliRunner.Start(space.Folder, command)];
        foreach (Process worker in workers)
        {
            await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(worker.ExitCode == 0, await worker.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            worker.Dispose();
        }
        Assert.Equal(Enumerable.Range(1, 12), ManifestWorkspace.Computed(status).Order());
        Assert.Equal(24, ManifestWorkspace.Rows(status, "done").Length);
        CliRunner.Succeed("animate", files.Source, files.Driving, "-o", space.At("alone.png"), "-m", files.Model, "-q");
        for (int i = 0; i < 12; i++) Assert.Equal(File.ReadAllBytes(space.At("alone.png")), File.ReadAllBytes(space.At($"{i}.png")));
    }

    [Fact]
    public async Task A_row_that_is_held_is_waited_for_after_the_others()
    {
        ManifestWorkspace space = Space("held");
        string manifest = space.Manifest("source,driving,output", "SOURCE,DRIVING,OUT/a.png", "SOURCE,DRIVING,OUT/b.png"),
            status = space.At("s.jsonl");
        Task<Outcome> run;
        using (OutputRecord.TryHold(space.At("a.png")))
        {
            Assert.Null(OutputRecord.TryHold(space.At("a.png")));
            run = Task.Run(() => space.Batch(manifest, "--status", status), TestContext.Current.CancellationToken);
            while (!File.Exists(space.At("b.png"))) await Task.Delay(20, TestContext.Current.CancellationToken);
            await Task.Delay(500, TestContext.Current.CancellationToken);
            Assert.False(File.Exists(space.At("a.png")));
        }
        Assert.Equal(ExitCode.Success, (await run).Status);
        Assert.Equal([2, 1], ManifestWorkspace.Computed(status));
    }

    [Fact]
    public async Task Killed_at_any_moment_it_leaves_whole_lines_and_whole_outputs()
    {
        const int Rows = 16; // so many that some are left, though a busy machine sees late that one is done
        ManifestWorkspace space = Space("killed");
        string clip = space.Clip("long", 40);
        string manifest = space.Manifest(["source,driving,output", .. Enumerable.Range(0, Rows).Select(i => $"SOURCE,{clip},OUT/{i}.png")]);
        string status = space.At("s.jsonl");
        string[] command = ["batch", "--manifest", manifest, "-m", files.Model, "--threads", "1", "--status", status, "-q"];
        for (int killed = 0; killed < 3; killed++)
        {
            using Process worker = CliRunner.Start(space.Folder, command);
            int seen = Done();
            while (Done() <= seen && !worker.HasExited) await Task.Delay(5, TestContext.Current.CancellationToken);
            worker.Kill();
            await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.All(ManifestWorkspace.Lines(status), line => Assert.True(line.GetProperty("event").GetString()!.Length > 0));
        }
        StatusReport stopped = StatusReport.Read([status], DateTime.UtcNow.AddMinutes(2));
        Assert.InRange(stopped.Done, 3, Rows - 1);
        Assert.Equal((Rows, Rows - stopped.Done, 0, 1), (stopped.Total, stopped.Left, stopped.Running, stopped.Silent));
        CliRunner.Succeed(command);
        StatusReport whole = StatusReport.Read([status], DateTime.UtcNow);
        Assert.Equal((Rows, 0, 0), (whole.Done, whole.Left, whole.Silent));
        CliRunner.Succeed("animate", files.Source, clip, "-o", space.At("alone.png"), "-m", files.Model, "-q");
        for (int i = 0; i < Rows; i++) Assert.Equal(File.ReadAllBytes(space.At("alone.png")), File.ReadAllBytes(space.At($"{i}.png")));
        Assert.Empty(Directory.GetFiles(space.Folder, ".*.part"));

        int Done() => File.Exists(status) ? ManifestWorkspace.Computed(status).Length : 0;
    }

    [Fact]
    public void What_is_of_a_manifest_and_what_is_not_exclude_each_other()
    {
        ManifestWorkspace space = Space("exclude");
        string manifest = space.Manifest("source,driving,output");
        Assert.Contains("no SOURCE, --output or --format beside it", Refuse("batch", files.Source, "--manifest", manifest));
        Assert.Contains("no SOURCE, --output or --format beside it", Refuse("batch", "-o", space.Folder, "--manifest", manifest));
        Assert.Contains("give --manifest", Refuse("batch", files.Source, "-o", space.Folder, "--driving", files.Driving, "--shard", "1/2"));
        Assert.Contains("There is no source", Refuse("batch", "-o", space.Folder, "--driving", files.Driving));
        Assert.Contains("There is no output", Refuse("batch", files.Source, "--driving", files.Driving));
        Assert.Contains("--shard is I/N", Refuse("batch", "--manifest", manifest, "--shard", "3/2"));
        Assert.Equal("0 rows: 0 done, 0 done already, 0 failed", Assert.Single(space.Batch(manifest).OutputLines));

        static string Refuse(params string[] command)
        {
            Outcome outcome = CliRunner.Run(command);
            Assert.Equal(ExitCode.BadInput, outcome.Status);
            return outcome.Error;
        }
    }

    [Fact]
    public void A_motion_file_and_the_command_line_stand_in_where_rows_say_nothing()
    {
        ManifestWorkspace space = Space("defaults");
        string motion = space.At("talk.safetensors");
        CliRunner.Succeed("motion", "extract", files.Driving, "-o", motion, "-m", files.Model, "-q");
        string manifest = space.Manifest("source,output,driving,motion,strength", "SOURCE,OUT/a.png,,,",
            $"SOURCE,OUT/b.png,,{motion},1.5", "SOURCE,OUT/c.png,DRIVING,,");
        Assert.Equal(ExitCode.Success, space.Batch(manifest, "--motion", motion, "--strength", "0.5").Status);
        CliRunner.Succeed("animate", files.Source, files.Driving, "-o", space.At("alone.png"), "-m", files.Model, "-q", "--strength",
            "0.5");
        Assert.Equal(File.ReadAllBytes(space.At("alone.png")), File.ReadAllBytes(space.At("a.png")));
        Assert.Equal(File.ReadAllBytes(space.At("alone.png")), File.ReadAllBytes(space.At("c.png")));
        Assert.NotEqual(File.ReadAllBytes(space.At("alone.png")), File.ReadAllBytes(space.At("b.png")));
    }

    [Fact]
    public void Stopped_it_says_how_much_is_left()
    {
        ManifestWorkspace space = Space("stopped");
        string manifest = space.Manifest(["source,driving,output", .. Enumerable.Range(0, 4).Select(i => $"SOURCE,DRIVING,OUT/{i}.png")]);
        using CancellationTokenSource cancellation = new();
        StringWriter error = new() { NewLine = "\n" };
        using Watch lines = new(cancellation.Cancel);
        int status = Application.Run(["batch", "--manifest", manifest, "-m", files.Model],
            new CliContext(lines, error, ErrorIsTerminal: false, cancellation.Token));
        Assert.Equal(ExitCode.Cancelled, status);
        Assert.EndsWith("lia: stopped with 3 rows to go; the same command goes on from there\n", error.ToString());
    }

    private sealed class Watch(Action first) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            first();
        }
    }
}
