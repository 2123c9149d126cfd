using System.Globalization;
using System.Text.Json;
using Lia.Studio.Live;
using Lia.Studio.Problems;

namespace Lia.Studio.Animations;

/// <summary>What moves the source.</summary>
internal enum Motive
{
    /// <summary>A clip.</summary>
    Driving,
    /// <summary>A motion file.</summary>
    Motion,
    /// <summary>The model's motion directions.</summary>
    Directions,
}

/// <summary>What is to be done, read from options with the names of the command line.</summary>
internal sealed class AnimationPlan
{
    private const int MostLoops = 1000, MostSteps = 1000, MostEdits = 256, MostRows = 2160;
    private const float DefaultDelta = 3;

    private readonly List<string> _arguments = [];

    private AnimationPlan()
    {
    }

    public AnimationOptions Options { get; private set; } = new();

    /// <summary>The extension of the result, without a point.</summary>
    public string Format { get; private set; } = "";

    public bool SourceIsClip { get; private set; }

    public IReadOnlyList<MotionEdit> Directions { get; private set; } = [];

    public IReadOnlyList<IReadOnlyList<MotionEdit[]>> Sweeps { get; private set; } = [];

    /// <summary>The same as arguments of the command line.</summary>
    public IReadOnlyList<string> Arguments => _arguments;

    /// <summary>What results may be written as.</summary>
    /// <param name="hasFfmpeg">Whether ffmpeg is there.</param>
    public static string[] Formats(bool hasFfmpeg) =>
        hasFfmpeg ? ["mp4", "mov", "mkv", "webm", "gif", "webp", "png", "y4m"] : ["png", "y4m"];

    /// <summary>Reads options.</summary>
    /// <param name="options">An object.</param>
    /// <param name="motive">What moves the source.</param>
    /// <param name="directions">How many the model has.</param>
    /// <param name="hasFfmpeg">Whether ffmpeg is there.</param>
    /// <exception cref="ProblemException">Something is not understood, or makes no sense together.</exception>
    public static AnimationPlan Read(JsonElement options, Motive motive, int directions, bool hasFfmpeg)
    {
        if (options.ValueKind != JsonValueKind.Object) throw ProblemException.Bad("The options are a JSON object.");
        AnimationPlan plan = new();
        foreach (JsonProperty member in options.EnumerateObject()) plan.Add(member.Name, member.Value, motive, directions);
        string[] formats = Formats(hasFfmpeg);
        bool isPicture = motive == Motive.Directions && plan.Sweeps.Count == 0;
        if (plan.Format.Length == 0) plan.Format = isPicture ? "png" : formats[0] == "mp4" ? "mp4" : "png";
        if (!formats.Contains(plan.Format))
            throw ProblemException.Bad($"format is {string.Join(", ", formats)} here, not '{plan.Format}'.");
        if (isPicture)
        {
            if (plan.Directions.Count == 0) throw ProblemException.Bad(
                "There is no motion: send driving or motion, or give direction or sweep among the options.");
            if (plan.Format != "png") throw ProblemException.Bad("One picture is written as png.");
            if (plan.Options.FrameRate is not null) throw ProblemException.Bad("fps is for a sweep; one picture has no rate.");
        }
        try
        {
            plan.Options.Validate();
        }
        catch (ArgumentException failure)
        {
            throw ProblemException.Bad(failure.Message);
        }
        return plan;
    }

    /// <summary>A direction of the command line: <c>I</c> or <c>I:DELTA</c>.</summary>
    public static MotionEdit Edit(string text, int directions)
    {
        string[] parts = text.Split(':');
        float delta = DefaultDelta;
        if (parts.Length > 2 || !Whole(parts[0], out int direction) || (parts.Length == 2 && !Decimal(parts[1], out delta)))
            throw ProblemException.Bad($"direction is I or I:DELTA, a direction counted from 0 and a number, not '{text}'.");
        return new(Known(direction, directions), Limits.Delta(delta));
    }

    private static IReadOnlyList<MotionEdit[]> Sweep(string text, int directions)
    {
        string[] parts = text.Split(':');
        if (Whole(parts[0], out int direction))
        {
            if (parts.Length == 1) return MotionEdit.Sweep(Known(direction, directions));
            if (parts.Length == 4 && Decimal(parts[1], out float from) && Decimal(parts[2], out float to) && Whole(parts[3], out int steps)
                && steps is >= 2 and <= MostSteps)
                return MotionEdit.Sweep(Known(direction, directions), Limits.Delta(from), Limits.Delta(to), steps);
        }
        throw ProblemException.Bad($"sweep is I or I:FROM:TO:STEPS, with 2 to {MostSteps} steps, not '{text}'.");
    }

    private static int Known(int direction, int directions) => direction < directions ? direction
        : throw ProblemException.Bad($"There is no motion direction {direction}: this model's are 0 to {directions - 1}.");

    private static bool Whole(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool Decimal(string text, out float value) => float.TryParse(
        text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);

    private void Add(string name, JsonElement value, Motive motive, int directions)
    {
        bool isForDirections = name is "format" or "fit" or "crop" or "fps" or "direction" or "sweep";
        if (motive == Motive.Directions && !isForDirections) throw ProblemException.Bad(Known(name)
            ? $"{name} is for a clip, and there is neither driving nor motion." : $"There is no option '{name}'.");
        if (motive != Motive.Directions && (name is "direction" or "sweep"))
            throw ProblemException.Bad($"{name} moves a picture without a clip, and there is one.");
        switch (name)
        {
            case "format":
                Format = Text(name, value).ToLowerInvariant();
                break; // The name of the output says it.
            case "mode":
                Options = Options with { Mode = Limits.Mode(Say(name, Text(name, value))) };
                break;
            case "strength":
                float strength = Limits.Strength(Number(name, value));
                Options = Options with { MotionStrength = strength };
                Say(name, Written(strength));
                break;
            case "smooth":
                Options = Options with { SmoothingWindow = Limits.Smooth(Integer(name, value)) };
                Say(name, value.GetRawText());
                break;
            case "start-frame":
                Options = Options with { StartFrame = Limits.Start(value.ValueKind == JsonValueKind.Number ? value.GetRawText()
                    : Text(name, value)) };
                Say(name, value.ToString());
                break;
            case "loop":
                int loops = Integer(name, value);
                if (loops is < 1 or > MostLoops) throw ProblemException.Bad($"loop is a number from 1 to {MostLoops}.");
                Options = Options with { Loops = loops };
                Say(name, value.GetRawText());
                break;
            case "size":
                int rows = Integer(name, value);
                if (rows is < 1 or > MostRows) throw ProblemException.Bad($"size is a number from 1 to {MostRows}.");
                Options = Options with { OutputHeight = rows };
                Say(name, value.GetRawText());
                break;
            case "quality":
                int quality = Integer(name, value);
                if (quality is < 1 or > 100) throw ProblemException.Bad("quality is a number from 1 to 100.");
                Options = Options with { Quality = quality };
                Say(name, value.GetRawText());
                break;
            case "ping-pong":
                Options = Options with { PingPong = Flag(name, value) };
                break;
            case "frames":
                Options = Options with { Frames = Frames(Say(name, Text(name, value))) };
                break;
            case "fps":
                string rate = Say(name, value.ValueKind == JsonValueKind.Number ? value.GetRawText() : Text(name, value));
                Options = Options with
                {
                    FrameRate = FrameRate.TryParse(rate, out FrameRate parsed) ? parsed
                        : throw ProblemException.Bad($"fps is a rate such as 25, 29.97 or 30000/1001, not '{rate}'."),
                };
                break;
            case "fit":
                Options = Options with { Fit = Limits.Fit(Say(name, Text(name, value))) };
                break;
            case "crop":
                Options = Options with { Crop = Limits.Box(Say(name, Text(name, value)), name) };
                break;
            case "driving-crop":
                string part = Say(name, Text(name, value));
                Options = part == "auto" ? Options with { AutoDrivingCrop = true } : Options with { DrivingCrop = Limits.Box(part, name) };
                break;
            case "paste-back":
                Options = Options with { PasteBack = Flag(name, value) };
                break;
            case "side-by-side":
                Options = Options with { SideBySide = Flag(name, value) };
                break;
            case "source-video":
                SourceIsClip = Flag(name, value);
                break;
            case "no-audio":
                Options = Options with { Audio = !Flag(name, value) };
                break;
            case "normalize":
                Options = Options with { Normalization = Limits.Choice<Normalization>(Say(name, Text(name, value)), name) };
                break;
            case "background":
                string color = Say(name, Text(name, value));
                Options = Options with
                {
                    Background = RgbColor.TryParse(color, out RgbColor background) ? background
                        : throw ProblemException.Bad($"background is a color such as #3c6e71 or white, not '{color}'."),
                };
                break;
            case "direction":
                Directions = [.. Texts(name, value).Select(text => Edit(Say(name, text), directions))];
                break;
            case "sweep":
                Sweeps = [.. Texts(name, value).Select(text => Sweep(Say(name, text), directions))];
                break;
            default:
                throw ProblemException.Bad($"There is no option '{name}'.");
        }
    }

    private static bool Known(string name) => name is "mode" or "strength" or "smooth" or "start-frame" or "loop" or "ping-pong" or "frames"
        or "driving-crop" or "paste-back" or "side-by-side" or "source-video" or "no-audio" or "normalize" or "background"
        or "size" or "quality";

    private string Say(string name, string value)
    {
        // An argument that begins with a dash would be another option.
        if (value.StartsWith('-')) _arguments.Add($"--{name}={value}");
        else _arguments.AddRange([$"--{name}", value]);
        return value;
    }

    private bool Flag(string name, JsonElement value)
    {
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) throw ProblemException.Bad($"{name} is true or false.");
        if (value.ValueKind == JsonValueKind.True) _arguments.Add($"--{name}");
        return value.ValueKind == JsonValueKind.True;
    }

    private static string Text(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 200 } text ? text
            : throw ProblemException.Bad($"{name} is a text.");

    private static string[] Texts(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is > 0 and <= MostEdits
            ? [.. value.EnumerateArray().Select(text => Text(name, text))]
            : throw ProblemException.Bad($"{name} is an array of texts.");

    private static float Number(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) ? number
            : throw ProblemException.Bad($"{name} is a number.");

    private static int Integer(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw ProblemException.Bad($"{name} is a whole number.");

    /// <summary>A number as the command line takes it: without an exponent, and exactly this one.</summary>
    private static string Written(float value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.Contains('E', StringComparison.Ordinal)
            ? decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture) : text;
    }

    private static Range Frames(string text)
    {
        string[] ends = text.Split(':');
        int first = 0, end = int.MaxValue;
        if (ends.Length != 2 || (ends[0].Length > 0 && !Whole(ends[0], out first)) || (ends[1].Length > 0 && !Whole(ends[1], out end))
            || first >= end) throw ProblemException.Bad($"frames is A:B with A below B, either may be left out, not '{text}'.");
        return first..(ends[1].Length == 0 ? ^0 : end);
    }
}
