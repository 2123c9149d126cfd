using System.CommandLine;
using Lia.Cli.Manifests;
using Lia.Evaluation;

namespace Lia.Cli.Commands;

/// <summary><c>lia batch status FILE.jsonl...</c></summary>
internal static class BatchStatusCommand
{
    private const int MostFailures = 20;

    public static Command Create(CliContext context)
    {
        Argument<string[]> files = new("FILE")
        {
            Description = "status files that --status wrote, of all shards",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> json = Options.Json();
        Command command = new("status", "Sums up status files: rows done, failed, running and left, the rate, the time left.") { files,
            json };
        command.SetAction(parsed =>
        {
            StatusReport report = StatusReport.Read(parsed.GetValue(files)!, DateTime.UtcNow);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Output, report.Write);
            else WriteText(context.Output, report);
            if (report.Damaged > 0)
                context.Error.WriteLine($"lia: warning: {report.Damaged} line{(report.Damaged == 1 ? " is" : "s are")} no status lines");
            if (report.IsCutDifferently) context.Error.WriteLine("lia: warning: the manifest, or files it names, changed between the "
                + "starts of shards: rows may be nobody's; run all shards once more when these are over");
            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteText(TextWriter output, StatusReport report)
    {
        TextTable table = new(">rows", ">done", ">failed", ">running", ">left", ">rows a minute", ">time left");
        table.Add($"{report.Total}", $"{report.Done}", $"{report.Failed}", $"{report.Running}", $"{report.Left}",
            report.RowsAMinute > 0 ? $"{report.RowsAMinute:0.0}" : "-", report.TimeLeft is { } left ? ProgressReport.Duration(left) : "-");
        table.Write(output);
        if (report.Again > 0) output.WriteLine($"{report.Again} of those left failed and are to be tried again");
        if (report.Silent > 0)
            output.WriteLine($"{report.Silent} run{(report.Silent == 1 ? " has" : "s have")} said nothing for a minute, and no end");
        foreach ((int row, string name, string reason) in report.Failures.Take(MostFailures))
            output.WriteLine($"row {row} failed: {name}: {reason}");
        if (report.Failures.Count > MostFailures) output.WriteLine($"and {report.Failures.Count - MostFailures} more; --json lists all");
        if (report.Scores is { } scores) output.WriteLine(Describe(scores));
    }

    /// <summary>Mean scores in a line.</summary>
    public static string Describe(ClipScores scores) =>
        $"{Nouns.Count(scores.Frames, "frame")}: L1 {scores.L1:0.0000}, PSNR {scores.Psnr:0.00}, SSIM {scores.Ssim:0.0000}, "
            + $"MS-SSIM {scores.MsSsim:0.0000}" + (scores.Lpips is { } lpips ? $", LPIPS {lpips:0.0000}" : "");
}
