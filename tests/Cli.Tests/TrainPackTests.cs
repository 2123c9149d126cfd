using System.Diagnostics;
using System.Text.Json;
using Lia.Cli.Commands;
using Lia.Cli.Manifests;
using Lia.Training.Data;

namespace Lia.Cli.Tests;

/// <summary>lia train pack: the contract of manifests, with a pack for all of a shard's clips or rows.</summary>
public sealed class TrainPackTests : IDisposable
{
    private const int Clips = 9;

    private readonly string _folder = Directory.CreateTempSubdirectory("lia-cli-pack-").FullName;

    public TrainPackTests()
    {
        for (int clip = 0; clip < Clips; clip++) Clip(clip, Frames(clip));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static int Frames(int clip) => 3 + clip * 5 % 7;

    private string At(params ReadOnlySpan<string> names) => Path.Combine([_folder, .. names]);

    private string Frame(int clip, int frame) => At("data", $"c{clip}", $"{frame}.png");

    private void Clip(int clip, int frames, int size = 24)
    {
        Directory.CreateDirectory(At("data", $"c{clip}"));
        for (int frame = 0; frame < frames; frame++)
        {
            RgbImage image = new(size, size);
            new Random(100 * clip + frame).NextBytes(image.Pixels);
            image.Save(Frame(clip, frame));
        }
    }

    private Outcome Pack(params string[] more) => CliRunner.Run(["train", "pack", At("data"), "--size", "64", .. more]);

    /// <summary>A pack of all clips that can be read, by the library, without the contract.</summary>
    private string Whole()
    {
        TrainingPack.Write(At("data"), At("whole"), new PackOptions { Size = 64 });
        return At("whole");
    }

    private static void AssertSame(string expected, string actual)
    {
        using TrainingData one = new(expected), other = new(actual);
        Assert.Equal(one.Clips, other.Clips);
        Assert.Equal(one.Fingerprint, other.Fingerprint);
        byte[] a = new byte[one.PictureLength], b = new byte[one.PictureLength];
        for (int picture = 0; picture < one.Pictures; picture++)
        {
            one.Read(picture, a);
            other.Read(picture, b);
            Assert.Equal(a, b);
        }
    }

    private static IEnumerable<JsonElement> Events(string[] statuses, string what) =>
        statuses.SelectMany(ManifestWorkspace.Lines).Where(line => line.GetProperty("event").GetString() == what);

    private static string[] Visible(string folder) => [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file)!)
        .Where(file => !file.StartsWith('.')).Order(StringComparer.Ordinal)];

    [Fact]
    public void Shards_together_are_the_data_of_one_process()
    {
        string[] statuses = [.. Enumerable.Range(1, 4).Select(shard => At($"s{shard}.jsonl"))];
        foreach (int shard in (int[])[3, 1, 4, 2]) // in any order
        {
            Outcome outcome = Pack("-o", At("packs", "faces.liapack"), "--shard", $"{shard}/4", "--status", statuses[shard - 1]);
            Assert.True(outcome.Status == ExitCode.Success, outcome.Error);
            Assert.StartsWith($"{At("packs", $"faces.{shard}-of-4.liapack")}: ", outcome.OutputLines[0]);
            Assert.Matches($"^shard {shard}/4: [123] of 9 clips: [123] done, 0 done already, 0 failed$", outcome.OutputLines[^1]);
        }
        AssertSame(Whole(), At("packs"));
        Assert.Equal(Enumerable.Range(1, 4).Select(part => $"faces.{part}-of-4.liapack"), Visible(At("packs")));
        // Each has a quarter of the frames to within a clip, and says so.
        int all = Enumerable.Range(0, Clips).Sum(Frames);
        int[] works = [.. statuses.Select(status => ManifestWorkspace.Lines(status)[0].GetProperty("work").GetInt32())];
        Assert.Equal(all, works.Sum());
        Assert.All(works, work => Assert.InRange(work, all / 4.0 - 9, all / 4.0 + 9));
        StatusReport report = StatusReport.Read(statuses, DateTime.UtcNow);
        Assert.Equal((Clips, Clips, 0, 0, false), (report.Total, report.Done, report.Failed, report.Left, report.IsCutDifferently));
        Assert.Equal(Enumerable.Range(1, Clips), statuses.SelectMany(ManifestWorkspace.Computed).Order());
        foreach (JsonElement done in Events(statuses, "done"))
            Assert.Equal(Frames(done.GetProperty("row").GetInt32() - 1), done.GetProperty("frames").GetInt32());
        Outcome summed = CliRunner.Succeed(["batch", "status", "--json", .. statuses]);
        Assert.Equal(Clips, JsonDocument.Parse(summed.Output).RootElement.GetProperty("done").GetInt32());
    }

    [Fact]
    public void More_shards_than_clips_leave_empty_parts_so_that_none_is_missing()
    {
        foreach (int shard in Enumerable.Range(1, 12))
            Assert.Equal(ExitCode.Success, Pack("-o", At("packs", "faces.liapack"), "--shard", $"{shard}/12", "-q").Status);
        Assert.Equal(12, Visible(At("packs")).Length);
        AssertSame(Whole(), At("packs"));
    }

    [Fact]
    public void Rows_in_shards_are_those_of_one_process_and_the_first_row_decides_of_weight_maps()
    {
        string Row(int i, bool weighs) => $"{Frame(0, 0)},{Frame(i % 9, 1)},{(i % 2 == 0 ? "" : Frame(3, 1))},{Frame(i % 4, 0)},"
            + (weighs ? Frame(2, 0) : "");
        File.WriteAllLines(At("rows.csv"), ["source,driving,start,target,weights", .. Enumerable.Range(0, 10).Select(i => Row(i, i < 3))]);
        CliRunner.Succeed("train", "pack", At("rows.csv"), "--size", "64", "-o", At("one.liapack"), "-q");
        foreach (string shard in (string[])["1/3", "2/3", "3/3"])
            CliRunner.Succeed("train", "pack", At("rows.csv"), "--size", "64", "-o", At("packs", "r.liapack"), "--shard", shard, "-q");
        using (TrainingData one = new(At("one.liapack")), parts = new(At("packs")))
        {
            Assert.Equal((10, true), (parts.Rows, parts.HasWeights));
            byte[] a = new byte[one.PictureLength], b = new byte[one.PictureLength];
            for (int row = 0; row < 10; row++)
            {
                (PackedRow x, PackedRow y) = (one.Row(row), parts.Row(row));
                foreach ((int p, int q) in (ReadOnlySpan<(int, int)>)[(x.Source, y.Source), (x.Driving, y.Driving), (x.Start, y.Start),
                    (x.Target, y.Target)])
                {
                    one.Read(p, a);
                    parts.Read(q, b);
                    Assert.Equal(a, b);
                }
            }
        }

        File.WriteAllLines(At("rows.csv"), ["source,driving,start,target,weights", .. Enumerable.Range(0, 10).Select(i => Row(i, i > 8))]);
        Outcome outcome = CliRunner.Run("train", "pack", At("rows.csv"), "--size", "64", "-o", At("none", "r.liapack"), "--shard", "3/3");
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        Assert.Contains("rows.csv: row 10: it has a weight map, and the first row has none.", outcome.Error);
        using TrainingData unweighted = new(At("none", "r.3-of-3.liapack"));
        Assert.False(unweighted.HasWeights);
    }

    /// <summary>Of the frames that are packed, by the clip's name and the frame's number in it, whoever packs which share.</summary>
    [Fact]
    public void Labels_of_frames_go_with_their_frames()
    {
        // Every other frame is packed; of clip 5 nothing is known, and of every frame 4 the second number is not.
        File.WriteAllLines(At("l.jsonl"), Enumerable.Range(0, Clips).Where(clip => clip != 5).SelectMany(clip =>
            Enumerable.Range(0, Frames(clip)).Select(frame => $$"""{"clip":"c{{clip}}","frame":{{frame}},"Yaw":{{clip}}.5"""
                + (frame == 4 ? "}" : $$""","mouth":{{frame}},"#note":"x"}"""))));
        string[] labels = ["--every", "2", "--picture-labels", At("l.jsonl")];
        Assert.Equal(ExitCode.Success, Pack(["-o", At("one.liapack"), .. labels]).Status);
        foreach (string shard in (string[])["1/3", "2/3", "3/3"])
            Assert.Equal(ExitCode.Success, Pack(["-o", At("packs", "f.liapack"), "--shard", shard, .. labels]).Status);
        AssertSame(At("one.liapack"), At("packs"));
        using (TrainingData pack = new(At("packs")))
        {
            Assert.Equal(new PackShape(64, false, 2), pack.Shape);
            float[] told = new float[2];
            foreach (PackedClip clip in pack.Clips)
            {
                for (int i = 0; i < clip.Count; i++)
                {
                    pack.ReadNumbers(clip.First + i, told);
                    int number = clip.Name[1] - '0', frame = 2 * i;
                    Assert.Equal(number == 5 ? [float.NaN, float.NaN] : [number + 0.5f, frame == 4 ? float.NaN : frame], told);
                }
            }
        }
        // Other labels are other data, and packed again.
        Assert.Contains("9 done already", Pack(["-o", At("one.liapack"), .. labels]).Output);
        File.AppendAllText(At("l.jsonl"), """{"clip":"c5","frame":0,"yaw":1,"mouth":2}""");
        Assert.Contains("9 done, 0 done already", Pack(["-o", At("one.liapack"), .. labels]).Output);
    }

    [Fact]
    public void Labels_of_pictures_that_rows_name_go_with_them()
    {
        // An odd number of pixels: numbers lie anywhere.
        File.WriteAllLines(At("rows.csv"), ["source,driving,start,target", $"{Frame(0, 0)},{Frame(1, 0)},,{Frame(0, 1)}",
            $"{Frame(0, 1)},{Frame(2, 0)},{Frame(1, 0)},{Frame(2, 2)}"]);
        File.WriteAllLines(At("l.csv"), ["picture,yaw,pitch", $"{Frame(0, 0)},1,2", $"{Frame(1, 0)},-3e-1,", $"{Frame(2, 2)},nan,6",
            $"{Frame(8, 0)},7,8"]);
        CliRunner.Succeed("train", "pack", At("rows.csv"), "-o", At("r.liapack"), "--size", "64", "--crop", "1", "-q",
            "--picture-labels", At("l.csv"));
        using TrainingData pack = new(At("r.liapack"));
        float[] told = new float[2];
        float[] Told(int picture)
        {
            pack.ReadNumbers(picture, told);
            return [.. told];
        }
        (PackedRow first, PackedRow second) = (pack.Row(0), pack.Row(1));
        Assert.Equal([1, 2], Told(first.Source));
        Assert.Equal([-0.3f, float.NaN], Told(second.Start));
        Assert.Equal([float.NaN, 6], Told(second.Target));
        Assert.Equal([float.NaN, float.NaN], Told(second.Source));
        Assert.Equal((5, 2), (pack.Pictures, pack.Shape.Labels));
    }

    [Theory]
    [InlineData("l.csv: row 1 (line 2), column frame: there is nothing in it.", "clip,frame,yaw", "c0,,1")]
    [InlineData("l.csv: row 2 (line 3), column yaw: 'left' is no number.", "clip,frame,yaw", "c0,0,1", "c0,1,left")]
    [InlineData("l.csv: row 1 (line 2), column yaw: 'Infinity' is no number.", "clip,frame,yaw", "c0,0,Infinity")]
    [InlineData("l.csv: row 1 (line 2), column frame: '-1' is no number of a frame, counted from 0.", "clip,frame,yaw", "c0,-1,1")]
    [InlineData("l.csv: row 2 (line 3): there is another row of the same picture.", "clip,frame,yaw", "c0,0,1", "c0,0,1")]
    [InlineData("l.csv: there are 1 to 256 columns of numbers beside clip and frame, not 0.", "clip,frame", "c0,0")]
    [InlineData("l.csv: there are no rows in it.", "clip,frame,yaw")]
    [InlineData("there are labels, and none of them is of a picture that is packed.", "clip,frame,yaw", "c99,0,1")]
    [InlineData("column clip: there is nothing in it.", "picture,yaw", "c0/0.png,1")]
    public void Labels_that_make_no_sense_are_refused(string reason, params string[] lines)
    {
        File.WriteAllLines(At("l.csv"), lines);
        Outcome outcome = Pack("-o", At("p.liapack"), "--picture-labels", At("l.csv"));
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.Contains(reason, outcome.ErrorLines[^1]);
        Assert.False(File.Exists(At("p.liapack")));
    }

    [Fact]
    public void What_can_never_be_read_is_named_and_left_out_and_again_without_packing()
    {
        File.WriteAllText(Frame(4, 1), "no picture");
        File.WriteAllText(At("data", "d.mp4"), "no video");
        File.Delete(Frame(7, 1)); // a gap is none
        Clip(8, 1);
        foreach (string more in Directory.GetFiles(At("data", "c8")).Where(file => !file.EndsWith("0.png", StringComparison.Ordinal)))
            File.Delete(more);
        string[] command = ["-o", At("p.liapack"), "--status", At("s.jsonl")];
        Outcome outcome = Pack(command);
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        Assert.Contains($"lia: {Frame(4, 1)}: ", outcome.Error);
        Assert.Contains($"lia: {At("data", "c8")}: it has 1 frame, of two needed.", outcome.Error);
        Assert.Contains($"lia: {At("data", "d.mp4")}: ", outcome.Error);
        Assert.Contains("10 clips: 7 done, 0 done already, 3 failed", outcome.Output);
        AssertSame(Whole(), At("p.liapack"));

        DateTime written = File.GetLastWriteTimeUtc(At("p.liapack"));
        Outcome again = Pack([.. command, "--json"]);
        Assert.Equal(ExitCode.BadRows, again.Status);
        JsonElement json = JsonDocument.Parse(again.Output).RootElement;
        Assert.Equal((10, 0, 7, 3, 42), (Number("rows"), Number("done"), Number("skipped"), Number("failed"), Number("exitStatus")));
        Assert.Equal(7, json.GetProperty("pack").GetProperty("clips").GetInt32());
        Assert.Equal(3, json.GetProperty("failures").GetArrayLength());
        Assert.All(outcome.ErrorLines.Where(line => line.StartsWith("lia: /", StringComparison.Ordinal)),
            line => Assert.Contains(line, again.ErrorLines)); // with the reasons of before
        Assert.Equal(written, File.GetLastWriteTimeUtc(At("p.liapack")));
        Assert.All(Events([At("s.jsonl")], "failed"), line => Assert.False(line.GetProperty("retry").GetBoolean()));
        StatusReport report = StatusReport.Read([At("s.jsonl")], DateTime.UtcNow);
        Assert.Equal((10, 7, 3), (report.Total, report.Done, report.Failed));

        Clip(4, 3);
        Clip(8, 3);
        File.Delete(At("data", "d.mp4"));
        Assert.Equal(ExitCode.Success, Pack(command).Status);
        AssertSame(Whole(), At("p.liapack"));

        int Number(string name) => json.GetProperty(name).GetInt32();
    }

    [Fact]
    public void A_rerun_packs_only_what_is_missing_or_changed()
    {
        int runs = 0;
        Assert.True(Packs());
        Assert.False(Packs());
        Assert.False(Packs("--workers", "3"));
        Assert.True(Packs("--overwrite"));
        Clip(5, Frames(5), size: 25); // other pictures of the same names
        Assert.True(Packs());
        Assert.False(Packs());
        File.Delete(Frame(5, 0));
        Assert.True(Packs());
        Directory.Move(At("data", "c5"), At("data", "b5"));
        Assert.True(Packs());
        Assert.True(Packs("--every", "2"));
        Assert.True(Packs("--crop", "8"));
        Assert.True(Packs());
        File.Delete(At("p.liapack"));
        Assert.True(Packs());
        byte[] bytes = File.ReadAllBytes(At("p.liapack"));
        File.WriteAllBytes(At("p.liapack"), bytes[..^1]);
        Assert.True(Packs());
        bytes[0]++; // as long as it was, and no pack
        File.WriteAllBytes(At("p.liapack"), bytes);
        Assert.True(Packs());
        Directory.CreateDirectory(At("maps"));
        foreach (string clip in Directory.GetDirectories(At("data")))
        {
            string maps = Directory.CreateDirectory(At("maps", Path.GetFileName(clip))).FullName;
            foreach (string file in Directory.GetFiles(clip)) File.Copy(file, Path.Combine(maps, Path.GetFileName(file)));
        }
        Assert.True(Packs("--weight-maps", At("maps")));
        Assert.False(Packs("--weight-maps", At("maps")));
        File.Copy(Frame(1, 0), At("maps", "c1", "1.png"), overwrite: true);
        Assert.True(Packs("--weight-maps", At("maps")));
        Assert.True(Packs());
        AssertSame(Whole(), At("p.liapack"));

        bool Packs(params string[] more)
        {
            string status = At($"{++runs}.jsonl");
            Outcome outcome = Pack(["-o", At("p.liapack"), "--status", status, "-q", .. more]);
            Assert.True(outcome.Status == ExitCode.Success, outcome.Error);
            int computed = ManifestWorkspace.Computed(status).Length;
            Assert.True(computed is 0 or Clips, $"{computed} of {Clips}");
            return computed > 0;
        }
    }

    [Fact]
    public async Task Killed_at_any_moment_it_leaves_whole_lines_and_a_whole_pack_or_none()
    {
        for (int clip = 0; clip < Clips; clip++) Clip(clip, 40, size: 200); // so long that it is caught in the middle
        string status = At("s.jsonl");
        string[] command = ["train", "pack", At("data"), "--size", "64", "-o", At("packs", "p.liapack"), "--shard", "1/2", "--status",
            status, "--workers", "1", "-q"];
        for (int killed = 0; killed < 2; killed++)
        {
            using Process worker = CliRunner.Start(_folder, command);
            int seen = Packed();
            while (Packed() <= seen && !worker.HasExited) await Task.Delay(2, TestContext.Current.CancellationToken);
            worker.Kill();
            await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Empty(Visible(At("packs")));
            Assert.All(ManifestWorkspace.Lines(status), line => Assert.True(line.GetProperty("event").GetString()!.Length > 0));
        }
        // What is in no pack is not done.
        StatusReport stopped = StatusReport.Read([status], DateTime.UtcNow.AddMinutes(2));
        Assert.Equal((Clips, 0, Clips, 1), (stopped.Total, stopped.Done, stopped.Left, stopped.Silent));
        CliRunner.Succeed(command);
        CliRunner.Succeed([.. command[..8], "2/2", .. command[9..]]);
        AssertSame(Whole(), At("packs"));
        StatusReport whole = StatusReport.Read([status], DateTime.UtcNow);
        Assert.Equal((Clips, Clips, 0, 0), (whole.Total, whole.Done, whole.Left, whole.Silent));
        Assert.Empty(Directory.GetFiles(At("packs"), ".*.part"));

        int Packed() => File.Exists(status) ? ManifestWorkspace.Rows(status, "progress").Length : 0;
    }

    [Fact]
    public async Task Two_workers_at_one_shard_pack_it_once()
    {
        string status = At("s.jsonl");
        string[] command = ["train", "pack", At("data"), "--size", "64", "-o", At("p.liapack"), "--status", status, "-q"];
        Process[] workers = [CliRunner.Start(_folder, command), CliRunner.Start(_folder, command)];
        foreach (Process worker in workers)
        {
            await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(worker.ExitCode == 0, await worker.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            worker.Dispose();
        }
        Assert.Equal(Enumerable.Range(1, Clips), ManifestWorkspace.Computed(status).Order());
        Assert.Equal(2 * Clips, ManifestWorkspace.Rows(status, "done").Length);
        AssertSame(Whole(), At("p.liapack"));
    }

    [Fact]
    public async Task A_pack_that_another_worker_is_at_is_waited_for()
    {
        Task<Outcome> run;
        using (OutputRecord.TryHold(At("p.liapack")))
        {
            run = Task.Run(() => Pack("-o", At("p.liapack")), TestContext.Current.CancellationToken);
            await Task.Delay(1000, TestContext.Current.CancellationToken);
            Assert.False(run.IsCompleted);
            using CancellationTokenSource stop = new(500);
            Assert.Equal(ExitCode.Cancelled, CliRunner.Run(stop.Token, "train", "pack", At("data"), "-o", At("p.liapack")).Status);
            Assert.False(File.Exists(At("p.liapack")));
        }
        Outcome outcome = await run;
        Assert.Equal(ExitCode.Success, outcome.Status);
        Assert.Contains($"lia: {At("p.liapack")}: another worker is at it, and is waited for", outcome.Error);
    }

    [Fact]
    public void A_program_that_is_missing_here_is_for_another_time_and_nothing_is_written()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "programs are found by PATH elsewhere");
        File.WriteAllText(At("data", "a.mp4"), "a video, perhaps");
        File.WriteAllText(Frame(4, 0), "no picture");
        string dotnet = Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, "dotnet"))
            .First(File.Exists);
        ProcessStartInfo start = new(dotnet, [Path.Combine(AppContext.BaseDirectory, "lia.dll"), "train", "pack", At("data"), "-o",
            At("p.liapack"), "--status", At("s.jsonl"), "-q"]) { RedirectStandardError = true };
        start.Environment["PATH"] = _folder;
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == ExitCode.TryAgain, error);
        Assert.Contains("is needed and was not found", error);
        Assert.Empty(Directory.GetFiles(_folder, "*.liapack"));
        JsonElement failed = Assert.Single(Events([At("s.jsonl")], "failed"));
        Assert.Equal((1, true), (failed.GetProperty("row").GetInt32(), failed.GetProperty("retry").GetBoolean()));
        StatusReport report = StatusReport.Read([At("s.jsonl")], DateTime.UtcNow);
        Assert.Equal((10, 0, 0, 10, 1), (report.Total, report.Done, report.Failed, report.Left, report.Again));
    }

    [Fact]
    public void A_full_disk_is_no_clips_fault_and_is_for_another_time()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full");
        Outcome outcome = Pack("-o", At("p.liapack"), "--status", "/dev/full");
        Assert.Equal(ExitCode.TryAgain, outcome.Status);
        Assert.Contains("/dev/full: cannot be written", outcome.Error);
        Assert.Empty(Visible(_folder));

        // The pack's own disk.
        StringWriter error = new();
        CliContext context = new(TextWriter.Null, error, false, TestContext.Current.CancellationToken);
        ShardPlan<PackedUnit<string>> plan = ShardPlan<PackedUnit<string>>.Read(At("data"), new PackClips(At("data")), Shard.All,
            TestContext.Current.CancellationToken);
        using StatusFile status = new(At("s.jsonl"));
        PackRun run = new(context, At("p.liapack"), 1, false, new Progress<PackProgress>());
        ShardOutcome full = run.Run(plan, status, new Silent(), "", clip => [clip], (_, told) =>
            {
                told(0, 2, null);
                told(1, 0, new MediaException("bad"));
                throw new MediaException($"{At("p.liapack")}: cannot be written", new IOException("full", 28));
            });
        Assert.Equal(new ShardOutcome(0, 0, 1, 0, Clips - 1, false), full);
        Assert.Equal(ExitCode.TryAgain, full.ExitCode);
        Assert.Contains("p.liapack: cannot be written", error.ToString());
        Assert.Empty(ManifestWorkspace.Rows(At("s.jsonl"), "done"));
        // And it is not taken for done.
        Assert.Equal(ExitCode.Success, Pack("-o", At("p.liapack"), "-q").Status);
        AssertSame(Whole(), At("p.liapack"));
    }

    [Fact]
    public void Where_nothing_can_be_packed_there_is_no_pack()
    {
        Directory.Delete(At("data"), recursive: true);
        Clip(0, 1);
        Outcome outcome = Pack("-o", At("p.liapack"));
        Assert.Equal(ExitCode.BadRows, outcome.Status);
        Assert.Contains("there is no clip with two frames that can be read", outcome.Error);
        Assert.Empty(Visible(_folder));
    }

    [Fact]
    public void Stopped_it_leaves_nothing()
    {
        using CancellationTokenSource stop = new();
        StringWriter error = new() { NewLine = "\n" };
        using Watch lines = new(stop.Cancel, error);
        int status = Application.Run(["train", "pack", At("data"), "-o", At("p.liapack")],
            new CliContext(TextWriter.Null, lines, ErrorIsTerminal: false, stop.Token));
        Assert.Equal(ExitCode.Cancelled, status);
        Assert.EndsWith($"lia: stopped with {Clips} clips to go; the same command goes on from there\n", error.ToString());
        Assert.Empty(Visible(_folder));
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        Assert.Contains("parts of a pack are found by their names: call it NAME.liapack", Refuse("-o", At("p"), "--shard", "1/2"));
        Assert.Contains("--shard is I/N", Refuse("-o", At("p.liapack"), "--shard", "3/2"));
        Assert.Contains("cannot be written", Refuse("-o", Path.Combine(Frame(0, 0), "p.liapack")));
        File.WriteAllText(At("data", "d.gif"), "a clip");
        Assert.Contains("the pack would replace a clip", Refuse("-o", At("data", "d.gif")));
        Assert.Equal("a clip", File.ReadAllText(At("data", "d.gif")));
        Assert.Contains("there is no such file or folder", CliRunner.Run("train", "pack", At("nothing"), "-o", At("p.liapack")).Error);

        string Refuse(params string[] more)
        {
            Outcome outcome = Pack(more);
            Assert.Equal(ExitCode.BadInput, outcome.Status);
            return outcome.Error;
        }
    }

    private sealed class Silent : IRunTeller
    {
        public void Begin(RowJob job, int lanes) { }

        public void Progress(RowJob job, int lane, AnimationProgress progress) { }

        public void Done(PlannedRow job, string? description) { }

        public void Failed(PlannedRow job, string reason) { }

        public void DeviceFailed(string device, string reason, bool isGivenUp) { }
    }

    /// <summary>Does something at the first line.</summary>
    private sealed class Watch(Action first, TextWriter to) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            to.WriteLine(value);
            first();
        }
    }
}
