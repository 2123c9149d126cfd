using System.Text.Json;
using Lia.Evaluation;
using Lia.Testing;

namespace Lia.Cli.Tests;

/// <summary>lia evaluate: the library's scores as a table, as JSON and in a report that goes on where it stopped.</summary>
public class EvaluateCommandTests(Workspace files) : IClassFixture<Workspace>
{
    [Fact]
    public void The_table_shows_each_clip_and_the_mean_over_all_frames()
    {
        string other = files.At("take2");
        Directory.CreateDirectory(other);
        for (int i = 0; i < 3; i++) File.Copy(Path.Combine(files.Driving, $"{3 * i:d4}.png"), Path.Combine(other, $"{i}.png"),
            overwrite: true);
        Outcome outcome = CliRunner.Succeed("evaluate", files.Driving, other, "-m", files.Model);
        using Animator animator = Animator();
        ClipScores[] scores = [animator.Evaluate(files.Driving), animator.Evaluate(other)];
        string[] lines = outcome.OutputLines;
        Assert.Equal(["clip", "frames", "L1", "PSNR", "SSIM", "MS-SSIM"], Words(lines[0]));
        Assert.Equal(Row(files.Driving, scores[0]), Words(lines[2]));
        Assert.Equal(Row(other, scores[1]), Words(lines[3]));
        Assert.Equal(Row("all frames", ClipScores.Mean(scores)!), Words(lines[4]));
        Assert.StartsWith("2 clips, 0 failed, at 64x64 on CPU", lines[5]);
        Assert.EndsWith("MS-SSIM over 3 scales", lines[5]);
        Assert.Equal(["1/2 ", "2/2 "], outcome.ErrorLines.Select(line => line[..4]));

        static string[] Row(string name, ClipScores scores) =>
            [.. Words(name), $"{scores.Frames}", $"{scores.L1:0.0000}", $"{scores.Psnr:0.00}", $"{scores.Ssim:0.0000}",
                $"{scores.MsSsim:0.0000}"];
    }

    [Fact]
    public void The_report_is_what_json_prints_and_a_rerun_does_not_compute_it_again()
    {
        string report = files.At("report.json");
        string printed = CliRunner.Succeed("evaluate", files.Driving, "-m", files.Model, "-o", report, "--json", "--quiet").Output;
        Assert.Equal(File.ReadAllText(report), printed);
        using Animator animator = Animator();
        Assert.Equal(animator.Evaluate(files.Driving), EvaluationReport.Load(report).Overall);

        // Scores that the clip does not have show that it is not looked at again.
        File.WriteAllText(report, printed.Replace(JsonDocument.Parse(printed).RootElement.GetProperty("overall").GetProperty("psnr")
            .GetRawText(), "12.5", StringComparison.Ordinal));
        Assert.Contains("12.50", CliRunner.Succeed("evaluate", files.Driving, "-m", files.Model, "-o", report).Output);
        Outcome refused = CliRunner.Run("evaluate", files.Driving, "-m", files.Model, "-o", report, "--fit", "pad");
        Assert.Equal((ExitCode.BadInput, $"lia: {report}: this report was made with the fit crop, not pad; name another file.\n"),
            (refused.Status, refused.Error));
    }

    [Fact]
    public void A_clip_that_fails_is_told_at_the_end_and_the_rest_is_scored()
    {
        string broken = files.At("broken.mp4"), report = files.At("some.json");
        File.WriteAllText(broken, "no video");
        Outcome outcome = CliRunner.Run("evaluate", broken, files.Driving, "-m", files.Model, "-o", report);
        Assert.Equal(ExitCode.BadInput, outcome.Status);
        Assert.StartsWith($"lia: {broken}: ", outcome.ErrorLines[^1]);
        Assert.Equal([broken, "failed", "-", "-", "-", "-"], Words(outcome.OutputLines[2]));
        Assert.Contains("2 clips, 1 failed", outcome.Output);
        Assert.Equal([null, 10], EvaluationReport.Load(report).Clips.Select(clip => clip.Scores?.Frames));
    }

    [Fact]
    public void The_demonstration_model_reconstructs_the_clip_beside_it()
    {
        Outcome outcome = CliRunner.Succeed("evaluate", TestData.Sample("driving.png"), "--frames", "0:24", "--json", "--quiet");
        JsonElement overall = JsonDocument.Parse(outcome.Output).RootElement.GetProperty("overall");
        Assert.Equal(24, overall.GetProperty("frames").GetInt32());
        Assert.True(overall.GetProperty("psnr").GetDouble() > 30, overall.ToString());
        Assert.True(overall.GetProperty("ssim").GetDouble() > 0.9, overall.ToString());
    }

    [Fact]
    public void A_stopped_evaluation_says_where_its_scores_are()
    {
        string report = files.At("stopped.json");
        CliRunner.Succeed("evaluate", files.Driving, "-m", files.Model, "-o", report);
        Outcome outcome = CliRunner.Run(new CancellationToken(true), "evaluate", files.Driving, "-m", files.Model, "-o", report);
        Assert.Equal((ExitCode.Cancelled, $"lia: stopped; the clips done so far are in {report}\n"), (outcome.Status, outcome.Error));
    }

    private Animator Animator() => new(new ModelOptions { Model = files.Model, Device = Device.Cpu });

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
