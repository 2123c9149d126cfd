using System.CommandLine;
using Lia.Cli.Manifests;
using Lia.Evaluation;

namespace Lia.Cli.Commands;

/// <summary><c>lia evaluate FOLDER|VIDEO... [-o report.json]</c></summary>
internal static class EvaluateCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string[]> paths = new("CLIP")
        {
            Description = "videos, animated PNGs, folders of numbered pictures, or folders of these; absent with --manifest",
            Arity = ArgumentArity.ZeroOrMore,
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
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("evaluate",
            "Reconstructs each clip from its first frame, as the paper does, and measures how near the result is: L1, PSNR, SSIM, "
                + "MS-SSIM, LPIPS.")
        {
            paths, output, weights, quiet, json,
        };
        ManifestOptions manifests = new(command, "the rows of a file: column clip, and of --mode, --fit, --frames, --driving-crop and the "
            + "model's options any by its name; scores go to --status");
        EvaluationChoice choice = new(command);
        command.SetAction(parsed =>
        {
            bool isQuiet = parsed.GetValue(quiet), isJson = parsed.GetValue(json);
            string? report = parsed.GetValue(output);
            string[] named = parsed.GetValue(paths)!;
            if (manifests.Manifest(parsed) is { } manifest)
            {
                if (named.Length > 0 || report is not null)
                    throw new ArgumentException(
                        "The clips are those of the manifest, and scores go to --status: no CLIP or --output beside it.");
                return RunManifest(manifest);
            }
            if (named.Length == 0) throw new ArgumentException("There is no clip: give CLIP, or --manifest.");
            IReadOnlyList<string> clips = Clips.Find(named);
            if (report is not null && !report.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
                throw new MediaException($"{report}: the report is JSON; its name must end in .json.");
            Lpips? lpips = ReadLpips();
            using WarningLog log = new(context.Error);
            EvaluationReport scores;
            string device;
            try
            {
                using Animator animator = new(choice.ReadModel(parsed, log), choice.Read(parsed), context.Cancellation);
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

            Lpips? ReadLpips() => parsed.GetValue(weights) is { Length: > 0 } files ? Lpips.Load(files) : null;

            int RunManifest(string manifest)
            {
                using WarningLog warnings = new(context.Error);
                string? status = manifests.Status(parsed);
                EvaluateRows rows = new(manifest, parsed, ReadLpips(), status, warnings);
                return new ManifestRun(context, manifest, manifests.Shard(parsed), status, isQuiet, isJson)
                    .Run("evaluate", rows, Lanes.Of, overwrite: false, (lines, text) =>
                    {
                        lines.Write("sums", rows.Sums.Write);
                        if (rows.Sums.Mean is { } mean) text?.WriteLine(BatchStatusCommand.Describe(mean));
                    });
            }
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
        output.WriteLine($"{Nouns.Count(report.Clips.Count, "clip")}, {failed} failed, at "
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
                + $"{(value.Scores is { } scores ? $"{Nouns.Count(scores.Frames, "frame")}, PSNR {scores.Psnr:0.00}" : "failed")}");
    }
}
