using System.CommandLine;
using Lia.Evaluation;

namespace Lia.Cli.Commands;

/// <summary><c>lia evaluate FOLDER|VIDEO... [-o report.json]</c></summary>
internal static class EvaluateCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string[]> paths = new("CLIP")
        {
            Description = "videos, animated PNGs, folders of numbered pictures, or folders of these",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string> output = new("--output", "-o")
        {
            Description = "the report to write; a clip that has scores in it already is not computed again",
            HelpName = "REPORT.json",
        };
        Option<string[]> weights = new("--lpips")
        {
            Description = "weights of AlexNet and of LPIPS, in one file or in two, for the perceptual distance (docs/formats.md names the "
                + "tensors)",
            HelpName = "FILE",
        };
        Option<MotionMode> mode = Options.Choice<MotionMode>("--mode",
            "relative: the motion since the first frame; absolute: the driving pose itself; auto: what the model was trained for");
        Option<Fit> fit = Options.Fit();
        Option<DrivingPart?> crop = DrivingPart.Option();
        Option<Range?> frames = Options.Frames();
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("evaluate",
            "Reconstructs each clip from its first frame, as the paper does, and measures how near the result is: L1, PSNR, SSIM, "
                + "MS-SSIM, LPIPS.")
        {
            paths, output, weights, mode, fit, crop, frames, quiet, json,
        };
        ModelChoice model = new(command, isOptional: true);
        command.SetAction(parsed =>
        {
            bool isQuiet = parsed.GetValue(quiet), isJson = parsed.GetValue(json);
            IReadOnlyList<string> clips = Clips.Find(parsed.GetValue(paths)!);
            string? report = parsed.GetValue(output);
            if (report is not null && !report.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
                throw new MediaException($"{report}: the report is JSON; its name must end in .json.");
            Lpips? lpips = parsed.GetValue(weights) is { Length: > 0 } files ? Lpips.Load(files) : null;
            using WarningLog log = new(context.Error);
            AnimationOptions options = new()
            {
                Mode = parsed.GetValue(mode),
                Fit = parsed.GetValue(fit),
                Frames = parsed.GetValue(frames) ?? Range.All,
            };
            EvaluationReport scores;
            string device;
            try
            {
                using Animator animator = new(model.Read(parsed, log), DrivingPart.Add(parsed.GetValue(crop), options),
                    context.Cancellation);
                device = animator.DeviceName;
                scores = animator.EvaluateEach(clips, report, lpips, null, isQuiet ? null
                    : new Teller(context.Error, clips.Count), null, context.Cancellation);
            }
            catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested && File.Exists(report))
            {
                context.Error.WriteLine($"lia: stopped; the clips done so far are in {report}");
                return ExitCode.Cancelled;
            }
            if (isJson) JsonOutput.Write(context.Output, scores.Write);
            else if (!isQuiet) WriteText(context.Output, scores, device);
            foreach (EvaluatedClip clip in scores.Clips.Where(clip => clip.Problem is not null))
                context.Error.WriteLine($"lia: {clip.Problem}");
            return scores.Clips.All(clip => clip.Problem is null) ? ExitCode.Success : ExitCode.BadInput;
        });
        return command;
    }

    private static void WriteText(TextWriter output, EvaluationReport report, string device)
    {
        bool hasLpips = report.Clips.Any(clip => clip.Scores?.Lpips is not null);
        string[] headings = ["clip", ">frames", ">L1", ">PSNR", ">SSIM", ">MS-SSIM"];
        TextTable table = new(hasLpips ? [.. headings, ">LPIPS"] : headings);
        foreach (EvaluatedClip clip in report.Clips) Add(clip.Clip, clip.Scores);
        if (report.Clips.Count > 1) Add("all frames", report.Overall);
        table.Write(output);
        output.WriteLine();
        int failed = report.Clips.Count(clip => clip.Problem is not null);
        output.WriteLine($"{report.Clips.Count} clip{(report.Clips.Count == 1 ? "" : "s")}, {failed} failed, at "
            + $"{report.Size}x{report.Size} on {device}; MS-SSIM over {report.MsSsimScales} scales");

        void Add(string name, ClipScores? scores)
        {
            string[] cells = scores is null
                ? [name, "failed", "-", "-", "-", "-"]
                : [name, $"{scores.Frames}", $"{scores.L1:0.0000}", $"{scores.Psnr:0.00}", $"{scores.Ssim:0.0000}",
                    $"{scores.MsSsim:0.0000}"];
            table.Add(hasLpips ? [.. cells, scores?.Lpips is { } lpips ? $"{lpips:0.0000}" : "-"] : cells);
        }
    }

    /// <summary>A line on standard error for every clip, as it is done.</summary>
    private sealed class Teller(TextWriter error, int total) : IProgress<EvaluatedClip>
    {
        private int _done;

        public void Report(EvaluatedClip value) =>
            error.WriteLine($"{++_done}/{total} {value.Clip}: "
                + $"{(value.Scores is { } scores ? $"{scores.Frames} frames, PSNR {scores.Psnr:0.00}" : "failed")}");
    }
}
