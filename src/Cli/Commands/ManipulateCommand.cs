using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using Lia.Media.IO;

namespace Lia.Cli.Commands;

/// <summary><c>lia manipulate SOURCE -o OUT --direction I[:delta] ... [--sweep I[:from:to:steps]] [--sheet]</c></summary>
internal static class ManipulateCommand
{
    private const float DefaultDelta = 3, MostDelta = 100;
    private const int MostSteps = 1000, SheetSteps = 7;
    private static readonly FrameRate DefaultRate = new(10);

    public static Command Create(CliContext context)
    {
        Argument<string> source = new("SOURCE") { Description = "the picture to move: PNG; with ffmpeg any picture" };
        Option<string> output = new("--output", "-o")
        {
            Description = "what to write: a .png; a sweep is written as animate writes a clip (.mp4, .gif, .webp, .png, .apng, "
                + "NAME%05d.png or a folder)",
            HelpName = "OUT",
            Required = true,
        };
        Option<MotionEdit[]> direction = new("--direction", "-d")
        {
            Description = $"move along motion direction I, counted from 0, by DELTA [default: {DefaultDelta}]; several add up, and in a "
                + "sweep or sheet they apply to every picture",
            HelpName = "I[:DELTA]",
            CustomParser = result => Each(result, ParseEdit),
        };
        Option<IReadOnlyList<MotionEdit[]>[]> sweep = new("--sweep", "-s")
        {
            Description = "a clip of STEPS pictures with the deltas FROM to TO along direction I [default: "
                    + $"{MotionEdit.SweepFrom}:{MotionEdit.SweepTo}:{MotionEdit.SweepSteps}, as the official program]; several follow "
                    + "each other",
            HelpName = "I[:FROM:TO:STEPS]",
            CustomParser = result => Each(result, ParseSweep),
        };
        Option<bool> sheet = new("--sheet")
        {
            Description = $"one labeled picture instead of a clip: a row for each sweep, or for every direction from -{DefaultDelta} to "
                + $"{DefaultDelta}; a column for each delta",
        };
        Option<Fit> fit = Options.Fit();
        Option<PixelBox?> crop = Options.Crop();
        Option<FrameRate?> rate = Options.Rate("frames a second of a sweep: 25, 30000/1001 [default: 10]");
        Option<bool> quiet = Options.Quiet(), json = Options.Json();

        Command command = new("manipulate", "Moves a picture along the model's motion directions, without a driving clip.")
        {
            source, output, direction, sweep, sheet, fit, crop, rate, quiet, json,
        };
        ModelChoice model = new(command, isDemonstration: true);
        command.SetAction(parsed =>
        {
            string from = parsed.GetValue(source)!, to = parsed.GetValue(output)!;
            MotionEdit[] fixedEdits = parsed.GetValue(direction) ?? [];
            IReadOnlyList<MotionEdit[]>[] sweeps = parsed.GetValue(sweep) ?? [];
            bool isSheet = parsed.GetValue(sheet), isClip = sweeps.Length > 0 && !isSheet;
            if (fixedEdits.Length == 0 && sweeps.Length == 0 && !isSheet)
                throw new ArgumentException("There is nothing to do: give --direction, --sweep or --sheet.");
            if (!isClip && !to.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
                throw new MediaException($"{to}: the output is one picture; its name must end in .png.");
            if (!isClip && parsed.GetValue(rate) is not null) throw new ArgumentException("--fps is for a sweep; one picture has no rate.");
            if (Outputs.Same(from, to)) throw new MediaException($"{to}: the output would replace the source; choose another name.");

            using WarningLog log = new(context.Error);
            using ProgressReport progress = ProgressReport.Create(context, parsed.GetValue(quiet));
            Stopwatch watch = Stopwatch.StartNew();
            RgbImage picture = RgbImage.Load(from, context.Cancellation);
            using Animator animator = new(model.Read(parsed, log), new()
            {
                Fit = parsed.GetValue(fit),
                Crop = parsed.GetValue(crop),
            }, context.Cancellation);
            FrameRate framesPerSecond = parsed.GetValue(rate) ?? DefaultRate;
            string written;
            int pictures;
            if (isSheet)
            {
                if (sweeps.Length == 0) sweeps = [.. Enumerable.Range(0, animator.Directions).Select(i =>
                    MotionEdit.Sweep(i, -DefaultDelta, DefaultDelta, SheetSteps))];
                DirectionSheet drawn = new(sweeps, animator.Size);
                foreach (RgbImage frame in Moved(sweeps)) drawn.Add(frame);
                drawn.Save(to);
                pictures = sweeps.Length * sweeps[0].Count;
                written = $"{Nouns.Count(sweeps.Length, "direction")}, {Nouns.Count(sweeps[0].Count, "picture")} each";
            }
            else if (isClip)
            {
                using ClipWriter writer = new(to, animator.Size, animator.Size, framesPerSecond, context.Cancellation);
                foreach (RgbImage frame in Moved(sweeps)) writer.Write(frame);
                writer.Complete();
                pictures = sweeps.Sum(one => one.Count);
                written = Nouns.Count(pictures, "frame");
            }
            else
            {
                animator.Manipulate(picture, fixedEdits, null, context.Cancellation).Save(to);
                pictures = 1;
                written = "1 picture";
            }
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(context.Output, json =>
                {
                    json.WriteString("output", to);
                    json.WriteString("model", animator.ModelOptions.Model);
                    json.WriteString("kind", isSheet ? "sheet" : isClip ? "sweep" : "picture");
                    json.WriteNumber("pictures", pictures);
                    if (isClip) json.WriteString("frameRate", framesPerSecond.ToString());
                    json.WriteNumber("size", animator.Size);
                    json.WriteString("device", animator.DeviceName);
                    json.WriteNumber("seconds", Math.Round(watch.Elapsed.TotalSeconds, 3));
                });
            }
            else if (!parsed.GetValue(quiet))
                context.Output.WriteLine($"{to}: {written} of {animator.Size}x{animator.Size} on {animator.DeviceName}");
            return ExitCode.Success;

            IEnumerable<RgbImage> Moved(IEnumerable<IReadOnlyList<MotionEdit[]>> sweeps)
            {
                MotionEdit[][] frames = [.. sweeps.SelectMany(one => one).Select(step => (MotionEdit[])[.. fixedEdits, .. step])];
                return animator.ManipulateFrames(picture, frames, null, progress, context.Cancellation);
            }
        });
        return command;
    }

    private static T[] Each<T>(ArgumentResult result, Func<ArgumentResult, string, T> parse) =>
        [.. result.Tokens.Select(token => parse(result, token.Value))];

    private static MotionEdit ParseEdit(ArgumentResult result, string text)
    {
        string[] parts = text.Split(':');
        float delta = DefaultDelta;
        if (parts.Length <= 2 && Index(parts[0], out int direction) && (parts.Length == 1 || Delta(parts[1], out delta)))
            return new(direction, delta);
        result.AddError($"--direction is I or I:DELTA, a direction counted from 0 and a number from -{MostDelta} to {MostDelta}, not "
            + $"'{text}'.");
        return default;
    }

    private static IReadOnlyList<MotionEdit[]> ParseSweep(ArgumentResult result, string text)
    {
        string[] parts = text.Split(':');
        if (Index(parts[0], out int direction))
        {
            if (parts.Length == 1) return MotionEdit.Sweep(direction);
            if (parts.Length == 4 && Delta(parts[1], out float from) && Delta(parts[2], out float to) && Index(parts[3], out int steps)
                && steps is >= 2 and <= MostSteps)
                return MotionEdit.Sweep(direction, from, to, steps);
        }
        result.AddError($"--sweep is I or I:FROM:TO:STEPS, a direction counted from 0, numbers from -{MostDelta} to {MostDelta} and 2 to "
            + $"{MostSteps} steps, not '{text}'.");
        return [];
    }

    private static bool Index(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool Delta(string text, out float value) =>
        float.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value)
            && MathF.Abs(value) <= MostDelta;
}
