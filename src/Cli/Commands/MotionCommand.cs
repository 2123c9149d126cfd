using System.CommandLine;
using System.Diagnostics;
using Lia.Media.IO;

namespace Lia.Cli.Commands;

/// <summary><c>lia motion extract DRIVING -o M.safetensors --model FILE</c></summary>
internal static class MotionCommand
{
    public static Command Create(CliContext context) =>
        new("motion", "Motion files: the motion of a clip without its pictures.") { Extract(context) };

    private static Command Extract(CliContext context)
    {
        Argument<string> driving = new("DRIVING")
        {
            Description = "the motion: a video, a folder of numbered pictures, an animated PNG or one picture",
        };
        Option<string> output = new("--output", "-o")
        {
            Description = "the motion file to write",
            HelpName = "FILE.safetensors",
            Required = true,
        };
        Option<Fit> fit = Options.Fit();
        Option<DrivingPart?> crop = DrivingPart.Option();
        Option<Range?> frames = Options.Frames();
        Option<StartFrame?> start = new("--start-frame")
        {
            Description = "the driving frame where relative motion starts unless animate says otherwise [default: the first used]",
            HelpName = "N",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (Options.TryParseFrame(text, out StartFrame frame)) return frame;
                result.AddError($"--start-frame is a frame number here (best depends on the source), not '{text}'.");
                return null;
            },
        };
        Option<FrameRate?> rate = Options.Rate("frames a second: 25, 30000/1001 [default: the driving clip's]");
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("extract", "Writes the motion codes of a clip to a motion file, for lia animate --motion.")
        {
            driving, output, fit, crop, frames, start, rate, quiet, json,
        };
        ModelChoice model = new(command);
        command.SetAction(parsed =>
        {
            string from = parsed.GetValue(driving)!, to = parsed.GetValue(output)!;
            Files.RequireSafetensors(to);
            if (Outputs.Same(from, to)) throw new MediaException($"{to}: the output would replace the driving file; choose another name.");
            using WarningLog log = new(context.Error);
            ModelOptions options = model.Read(parsed, log);
            if (Outputs.Same(options.Model!, to))
                throw new MediaException($"{to}: the output would replace the model; choose another name.");
            new PendingFile(to).Dispose(); // Whether it can be written is known before the work.

            MotionClip clip;
            Stopwatch watch;
            using (ProgressReport progress = ProgressReport.Create(context, parsed.GetValue(quiet)))
            {
                using Animator animator = new(options, DrivingPart.Add(parsed.GetValue(crop), new AnimationOptions
                {
                    Fit = parsed.GetValue(fit),
                    Frames = parsed.GetValue(frames) ?? Range.All,
                    StartFrame = parsed.GetValue(start),
                    FrameRate = parsed.GetValue(rate),
                }), context.Cancellation);
                watch = Stopwatch.StartNew();
                clip = animator.ExtractMotion(from, null, progress, context.Cancellation);
            }
            clip.Save(to);
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(context.Output, json =>
                {
                    json.WriteString("output", to);
                    json.WriteString("model", options.Model);
                    json.WriteString("fingerprint", clip.Fingerprint);
                    json.WriteNumber("frames", clip.Count);
                    json.WriteNumber("directions", clip.Directions);
                    json.WriteString("frameRate", clip.FrameRate.ToString());
                    json.WriteNumber("start", clip.Start);
                    json.WriteString("device", clip.Device);
                    json.WriteNumber("seconds", Math.Round(watch.Elapsed.TotalSeconds, 3));
                });
            }
            else if (!parsed.GetValue(quiet))
            {
                double seconds = watch.Elapsed.TotalSeconds;
                context.Output.WriteLine($"{to}: the motion of {Nouns.Count(clip.Count, "frame")} at "
                    + $"{clip.FrameRate} frames/s, {clip.Directions} values each, in {seconds:0.0} s ({clip.Count / seconds:0.00} "
                    + $"frames/s) on {clip.Device}");
            }
            return ExitCode.Success;
        });
        return command;
    }
}
