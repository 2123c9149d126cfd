using System.CommandLine;
using System.Text.Json;

namespace Lia.Cli.Commands;

/// <summary><c>lia animate SOURCE DRIVING -o OUT --model FILE</c>, or <c>--motion FILE</c> instead of DRIVING</summary>
internal static class AnimateCommand
{
    public static Command Create(CliContext context)
    {
        Argument<string> source = new("SOURCE")
            { Description = "the picture to animate: PNG, JPEG, WebP, BMP, TGA, TIFF, GIF; with ffmpeg any picture" };
        Argument<string?> driving = new("DRIVING")
        {
            Description = "the motion: a video, a folder of numbered pictures, an animated PNG, one picture, or - for raw video on "
                + "standard input; absent with --motion",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string> output = new("--output", "-o")
        {
            Description =
                "what to write, by extension: .mp4, .mov, .mkv, .webm, .gif, .webp, .png or .apng (animated), .jpg (one picture), "
                + "NAME%05d.png or a folder (a picture for each frame), .y4m or .rgb (raw); - is raw video on standard output",
            HelpName = "OUT",
            Required = true,
        };
        Option<string> motion = Options.Motion();
        Option<bool> profile = new("--profile")
        {
            Description = "also tell how long each stage was busy, and what came before the first frame",
        };
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("animate", "Animates a picture with the motion of a video.") { source, driving, output, motion };
        AnimationChoice clip = new(command);
        command.Add(profile);
        command.Add(quiet);
        command.Add(json);
        command.SetAction(parsed =>
        {
            TimeSpan started = ProfileReport.SinceProcessStart();
            string picture = parsed.GetValue(source)!, target = parsed.GetValue(output)!;
            string? video = parsed.GetValue(driving), codes = parsed.GetValue(motion);
            RequireOne(video, "DRIVING", codes);
            using WarningLog log = new(context.Error);
            ModelOptions model = clip.ReadModel(parsed, log);
            AnimationOptions options = clip.Read(parsed);
            bool isQuiet = parsed.GetValue(quiet), isPiped = target == PipeOptions.Standard;
            // Where frames go, nothing else may.
            TextWriter results = isPiped ? context.Error : context.Output;
            LatencyReport latency = new();
            AnimationSummary? summary = null;
            try
            {
                using ProgressReport progress = ProgressReport.Create(context, isQuiet);
                summary = Animate(progress);
            }
            catch (OperationCanceledException) when (isPiped && context.Cancellation.IsCancellationRequested)
            {
                context.Error.WriteLine("lia: stopped");
                return ExitCode.Cancelled;
            }
            finally
            {
                if (!isQuiet) latency.Write(context.Error, summary?.Latency);
            }
            bool isOnePicture = summary.Frames == 1 && codes is null && video != PipeOptions.Standard && options.Frames.Equals(Range.All);
            if (isOnePicture) log.Warn("DRIVING is one picture: is the order right? It is SOURCE DRIVING.");
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(results, json =>
                {
                    WriteSummary(json, summary, model);
                    if (options.Dump is { } dump) json.WriteString("dump", dump);
                    if (parsed.GetValue(profile)) ProfileReport.Write(json, summary.Profile, started, context.Timeline);
                });
            }
            else if (!isQuiet)
            {
                results.WriteLine(Describe(summary));
                if (parsed.GetValue(profile)) ProfileReport.Write(results, summary.Profile, started, context.Timeline);
            }
            return ExitCode.Success;

            AnimationSummary Animate(ProgressReport progress)
            {
                RawChoice raw = clip.ReadRaw(parsed);
                Output to = isPiped ? raw.To(context.OpenOutput()) : raw.To(target);
                Driving from = codes is not null ? MotionClip.Load(codes)
                    : video == PipeOptions.Standard ? raw.Driving(context.OpenInput()) : raw.Driving(video!);
                return Native.Animate(clip.ReadSource(parsed, picture), from, to, model, options, latency.Beside(progress),
                    context.Cancellation);
            }
        });
        return command;
    }

    /// <exception cref="ArgumentException">The motion is given twice, or not at all.</exception>
    public static void RequireOne(string? driving, string name, string? motion)
    {
        if (driving is null && motion is null) throw new ArgumentException($"There is no motion: give {name} or --motion.");
        if (driving is not null && motion is not null)
            throw new ArgumentException($"There are two motions: give {name} or --motion, not both.");
    }

    /// <summary>The summary in one line.</summary>
    public static string Describe(AnimationSummary summary)
    {
        string sound = summary.HasAudio ? ", with sound" : "", box = summary.DrivingCrop is { } crop ? $", driving crop {crop}" : "";
        double pace = summary.Elapsed > TimeSpan.Zero ? summary.Frames / summary.Elapsed.TotalSeconds : 0;
        return $"{summary.Output}: {Nouns.Count(summary.Frames, "frame")} of {summary.Width}x{summary.Height} "
            + $"at {summary.FrameRate} frames/s{sound}, {summary.Mode.ToString().ToLowerInvariant()} motion{box}, "
            + $"in {summary.Elapsed.TotalSeconds:0.0} s ({pace:0.00} frames/s) on {summary.DeviceName}";
    }

    /// <summary>The summary as members of a JSON object.</summary>
    public static void WriteSummary(Utf8JsonWriter json, AnimationSummary summary, ModelOptions model)
    {
        json.WriteString("output", summary.Output);
        json.WriteString("model", model.Model);
        json.WriteNumber("frames", summary.Frames);
        json.WriteString("frameRate", summary.FrameRate.ToString());
        json.WriteNumber("width", summary.Width);
        json.WriteNumber("height", summary.Height);
        json.WriteBoolean("audio", summary.HasAudio);
        json.WriteString("mode", summary.Mode.ToString().ToLowerInvariant());
        if (summary.StartFrame is { } start) json.WriteNumber("startFrame", start);
        if (summary.DrivingCrop is { } box) json.WriteString("drivingCrop", box.ToString());
        if (summary.Latency is { } latency)
        {
            json.WriteStartObject("latencyMilliseconds");
            json.WriteNumber("p50", Math.Round(latency.Median.TotalMilliseconds, 3));
            json.WriteNumber("p99", Math.Round(latency.P99.TotalMilliseconds, 3));
            json.WriteNumber("longest", Math.Round(latency.Longest.TotalMilliseconds, 3));
            json.WriteEndObject();
        }
        json.WriteString("device", summary.DeviceName);
        json.WriteNumber("seconds", Math.Round(summary.Elapsed.TotalSeconds, 3));
        if (summary.Warning is { } warning) json.WriteString("warning", warning);
    }
}
