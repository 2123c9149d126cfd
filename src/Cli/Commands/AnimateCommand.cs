using System.CommandLine;
using System.Text.Json;

namespace Lia.Cli.Commands;

/// <summary><c>lia animate SOURCE DRIVING -o OUT --model FILE</c></summary>
internal static class AnimateCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> source = new("SOURCE") { Description = "the picture to animate: PNG; with ffmpeg any picture" };
        Argument<string> driving = new("DRIVING") { Description = "the motion: a video, a folder of numbered pictures, an animated PNG or one picture" };
        Option<string> output = new("--output", "-o")
        {
            Description = "what to write, by extension: .mp4, .gif, .webp, .png or .apng (animated), NAME%05d.png or a folder (a picture for each frame)",
            HelpName = "OUT",
            Required = true,
        };
        Option<string> model = new("--model", "-m") { Description = "the checkpoint: safetensors, or a PyTorch file of the official program", HelpName = "FILE", Required = true };
        Option<Device> device = Options.Device();
        Option<Precision> precision = Options.Precision();
        Option<int> threads = Options.Threads();
        Option<MotionMode> mode = Options.Choice<MotionMode>("--mode", "relative: the motion since the first driving frame; absolute: the driving pose itself; auto: what the model was trained for");
        Option<Fit> fit = Options.Choice<Fit>("--fit", "how pictures become square: crop to the centre, stretch, or pad with black");
        Option<Range?> frames = Options.Frames();
        Option<int> batch = Options.Number("--batch", "frames computed together [default: the device's choice]", 1, 256);
        Option<float> strength = Options.Number("--strength", "factor on the motion: 0 is still, more than 1 exaggerates", -100f, 100f).Or(1);
        Option<bool> sideBySide = new("--side-by-side") { Description = "show source, driving frame and result next to each other" };
        Option<Normalization> normalise = Options.Choice<Normalization>("--normalise", "colours: fixed, or minmax, which stretches the whole clip's range as the official demonstration does");
        normalise.Aliases.Add("--normalize");
        Option<bool> noAudio = new("--no-audio") { Description = "leave the driving clip's sound out" };
        Option<FrameRate?> rate = Options.Rate("frames a second of the output: 25, 30000/1001 (the sound is then left out) [default: the driving clip's]");
        Option<string> dump = new("--dump") { Description = "also write the float32 frames [N, 3, S, S] before clamping, as tensor 'frames'", HelpName = "FILE.safetensors" };
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("animate", "Animates a picture with the motion of a video.")
        {
            source, driving, output, model, device, precision, threads, mode, fit, frames, batch, strength, sideBySide, normalise, noAudio, rate, dump, quiet, json,
        };
        command.SetAction(parsed =>
        {
            using WarningLog log = new(context.Error);
            AnimationOptions options = new()
            {
                Model = parsed.GetValue(model),
                Device = parsed.GetValue(device),
                Precision = parsed.GetValue(precision),
                Threads = parsed.GetValue(threads),
                Mode = parsed.GetValue(mode),
                Fit = parsed.GetValue(fit),
                Frames = parsed.GetValue(frames) ?? Range.All,
                Batch = parsed.GetValue(batch),
                MotionStrength = parsed.GetValue(strength),
                SideBySide = parsed.GetValue(sideBySide),
                Normalization = parsed.GetValue(normalise),
                Audio = !parsed.GetValue(noAudio),
                FrameRate = parsed.GetValue(rate),
                Dump = parsed.GetValue(dump),
                LoggerFactory = log,
            };
            AnimationSummary summary;
            using (ProgressReport progress = ProgressReport.Create(context, parsed.GetValue(quiet)))
            {
                summary = Native.Animate(parsed.GetValue(source)!, parsed.GetValue(driving)!, parsed.GetValue(output)!, options, progress, context.Cancellation);
            }
            if (parsed.GetValue(json)) WriteJson(context, summary, options);
            else if (!parsed.GetValue(quiet)) context.Output.WriteLine(Describe(summary));
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>The summary in one line.</summary>
    public static string Describe(AnimationSummary summary)
    {
        string frames = summary.Frames == 1 ? "1 frame" : $"{summary.Frames} frames";
        string sound = summary.HasAudio ? ", with sound" : "";
        double pace = summary.Elapsed > TimeSpan.Zero ? summary.Frames / summary.Elapsed.TotalSeconds : 0;
        return $"{summary.Output}: {frames} of {summary.Width}x{summary.Height} at {summary.FrameRate} frames/s{sound}, {summary.Mode.ToString().ToLowerInvariant()} motion, "
            + $"in {summary.Elapsed.TotalSeconds:0.0} s ({pace:0.00} frames/s) on {summary.DeviceName}";
    }

    private static void WriteJson(CliContext context, AnimationSummary summary, AnimationOptions options) => JsonOutput.Write(context.Output, json =>
    {
        json.WriteString("output", summary.Output);
        json.WriteString("model", options.Model);
        json.WriteNumber("frames", summary.Frames);
        json.WriteString("frameRate", summary.FrameRate.ToString());
        json.WriteNumber("width", summary.Width);
        json.WriteNumber("height", summary.Height);
        json.WriteBoolean("audio", summary.HasAudio);
        json.WriteString("mode", summary.Mode.ToString().ToLowerInvariant());
        json.WriteString("device", summary.DeviceName);
        json.WriteNumber("seconds", Math.Round(summary.Elapsed.TotalSeconds, 3));
        if (options.Dump is { } dump) json.WriteString("dump", dump);
        if (summary.Warning is { } warning) json.WriteString("warning", warning);
    });
}
