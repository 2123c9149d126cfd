using System.Text.Json;
using Lia.Cli.Manifests;
using Lia.Evaluation;

namespace Lia.Cli.Tests;

/// <summary>lia evaluate --manifest: scores a row, sums that shards can be added up by.</summary>
public sealed class EvaluateManifestTests(Workspace files) : IClassFixture<Workspace>
{
    [Fact]
    public void Shards_scores_add_up_to_those_of_one_evaluation()
    {
        ManifestWorkspace space = new(files, "evaluate");
        string[] clips = [space.Clip("a", 3), space.Clip("b", 5), space.Clip("c", 2)];
        string manifest = space.Manifest(["clip,fit", .. clips.Select(clip => $"{clip},pad"), "OUT/none,pad"]);
        string[] status = [space.At("1.jsonl"), space.At("2.jsonl")];
        Outcome first = Run(1), second = Run(2);
        Assert.Equal((ExitCode.Success, ExitCode.BadRows), (first.Status, second.Status));
        string report = space.At("report.json");
        CliRunner.Succeed(["evaluate", .. clips, "-m", files.Model, "-o", report, "--fit", "pad", "-q"]);
        ClipScores expected = EvaluationReport.Load(report).Overall!;

        JsonElement[] sums = [.. status.SelectMany(ManifestWorkspace.Lines).Where(line => line.GetProperty("event").GetString() == "sums")];
        Assert.Equal((2, 3, 10), (sums.Length, sums.Sum(sum => sum.GetProperty("clips").GetInt32()),
            sums.Sum(sum => sum.GetProperty("frames").GetInt32())));
        Assert.Equal(expected.Psnr, sums.Sum(sum => sum.GetProperty("psnr").GetDouble()) / 10, 9);
        Assert.Equal(expected.L1, sums.Sum(sum => sum.GetProperty("l1").GetDouble()) / 10, 9);
        ClipScores merged = StatusReport.Read(status, DateTime.UtcNow).Scores!;
        Assert.Equal(expected.Frames, merged.Frames);
        Assert.Equal(expected.Ssim, merged.Ssim, 9);
        Assert.Equal(expected.MsSsim, merged.MsSsim, 9);
        Assert.Contains($"10 frames: L1 {expected.L1:0.0000}, PSNR {expected.Psnr:0.00}",
            CliRunner.Succeed(["batch", "status", .. status]).Output);

        // A rerun computes nothing but what failed, and its sums are the same.
        Assert.Equal(ExitCode.BadRows, Run(2).Status);
        Outcome again = Run(1);
        Assert.Contains("0 done, ", again.Output);
        sums = [.. ManifestWorkspace.Lines(status[0]).Where(line => line.GetProperty("event").GetString() == "sums")];
        Assert.Equal(sums[0].GetProperty("psnr").GetDouble(), sums[1].GetProperty("psnr").GetDouble());
        // Other options are other scores.
        Assert.Contains("0 done already", Run(1, "--frames", ":2").Output);

        Outcome Run(int shard, params string[] more) => CliRunner.Run(["evaluate", "--manifest", manifest, "-m", files.Model, "--shard",
            $"{shard}/2", "--status", status[shard - 1], .. more]);
    }

    [Fact]
    public void What_is_of_a_manifest_and_what_is_not_exclude_each_other()
    {
        ManifestWorkspace space = new(files, "evaluate-exclude");
        string manifest = space.Manifest("clip");
        Assert.Equal(ExitCode.BadInput, CliRunner.Run("evaluate", files.Driving, "--manifest", manifest).Status);
        Assert.Equal(ExitCode.BadInput, CliRunner.Run("evaluate", "--manifest", manifest, "-o", space.At("r.json")).Status);
        Assert.Contains("There is no clip", CliRunner.Run("evaluate").Error);
    }
}
