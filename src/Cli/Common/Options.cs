using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Lia.Cli;

/// <summary>Options that several commands share, and how their values are read.</summary>
internal static class Options
{
    /// <summary>An option whose values are the names of an enumeration in lower case; unset is the first.</summary>
    public static Option<T> Choice<T>(string name, string description) where T : struct, Enum
    {
        string[] names = [.. Enum.GetNames<T>().Select(value => value.ToLowerInvariant())];
        return new Option<T>(name)
        {
            Description = $"{description} [default: {names[0]}]",
            HelpName = string.Join('|', names),
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                int index = Array.IndexOf(names, text.ToLowerInvariant());
                if (index >= 0) return Enum.GetValues<T>()[index];
                result.AddError($"{name} is {string.Join(", ", names[..^1])} or {names[^1]}, not '{text}'.{Spelling.Hint(text, names)}");
                return default;
            },
        };
    }

    /// <summary>An option with a number in a range; unset is zero.</summary>
    public static Option<T> Number<T>(string name, string description, T least, T most) where T : struct, System.Numerics.INumber<T> =>
        new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (T.TryParse(text, NumberStyles.Float & ~NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out T value)
                && value >= least && value <= most) return value;
            result.AddError($"{name} is a number from {least} to {most}, not '{text}'.");
            return default;
        },
    };

    /// <summary>Gives a number option a default, which the help shows.</summary>
    public static Option<T> Or<T>(this Option<T> option, T unset)
    {
        option.DefaultValueFactory = _ => unset;
        return option;
    }

    public static Option<string> Model() => new("--model", "-m")
    {
        Description = "the checkpoint: safetensors (of several files their index), or a PyTorch file of the official program "
            + "[default: the demonstration model of drawn portraits, which lies beside the program]",
        HelpName = "FILE",
    };

    public static Option<string> Weights() => new("--weights")
    {
        Description = "which generator of a checkpoint that holds several: g, g_ema [default: the only one, or gen]",
        HelpName = "NAME",
    };

    public static Option<string> Motion() => new("--motion")
    {
        Description = "the motion from a motion file (lia motion extract) instead of a driving clip",
        HelpName = "FILE.safetensors",
    };

    public static Option<Fit> Fit() => Choice<Fit>("--fit", "how pictures become square: crop to the center, stretch, or pad with black");

    public static Option<int> Batch() => Number("--batch", "frames computed together [default: the device's choice]", 1, 256);

    public static Option<Device> Device() => new("--device")
    {
        Description = "what computes: cuda:N and cuda:N,M name GPUs as lia info does, cuda:all takes each; ilgpu: the exact kernels by "
            + "ILGPU's own compiler, on other makers' GPUs too [default: auto]",
        HelpName = "auto|cpu|cuda|cuda:N|cuda:N,M|cuda:all|ilgpu",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (Lia.Device.Read(text, out Device device) is { } problem)
                result.AddError($"--device {problem}{Spelling.Hint(text, ["auto", "cpu", "cuda", "ilgpu"])}");
            return device;
        },
    };

    public static Option<Precision> Precision() =>
        Choice<Precision>("--precision", "exact: float32; fast: half-precision operands where the device has them");

    public static Option<int> Threads() => Number("--threads", "CPU threads [default: every core]", 1, 1024);

    public static Option<bool> Quiet() => new("--quiet", "-q") { Description = "no progress and no summary" };

    public static Option<bool> Json() => new("--json") { Description = "the result as JSON on standard output" };

    public static Option<PixelBox?> Crop() => new("--crop")
    {
        Description = "the part of the source to animate, in pixels: a square around the face, usually [default: all of it]",
        HelpName = "X,Y,W,H",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (PixelBox.TryParse(text, out PixelBox box)) return box;
            result.AddError($"--crop is X,Y,W,H in whole pixels, such as 120,40,300,300, not '{text}'.");
            return null;
        },
    };

    /// <summary><c>A:B</c>, either end may be left out: frames from A, before B.</summary>
    public static Option<Range?> Frames() => new("--frames")
    {
        Description = "driving frames to use, counted from 0, the end excluded: 0:48, 10:, :100 [default: all]",
        HelpName = "A:B",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            string[] ends = text.Split(':');
            if (ends.Length == 2 && End(ends[0], 0, out int start) && End(ends[1], int.MaxValue, out int end) && start < end)
                return start..(ends[1].Length == 0 ? ^0 : end);
            result.AddError($"--frames is A:B with A below B, either may be left out, not '{text}'.");
            return null;

            static bool End(string text, int absent, out int value)
            {
                value = absent;
                return text.Length == 0 || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
            }
        },
    };

    /// <summary>Reads the number of a start frame.</summary>
    public static bool TryParseFrame(string text, out StartFrame frame)
    {
        bool isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        frame = isNumber ? StartFrame.At(number) : default;
        return isNumber;
    }

    /// <summary>A rate such as <c>25</c> or <c>30000/1001</c>.</summary>
    public static Option<FrameRate?> Rate(string description) => new("--fps")
    {
        Description = description,
        HelpName = "RATE",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (FrameRate.TryParse(text, out FrameRate rate)) return rate;
            result.AddError($"--fps is a rate such as 25, 29.97 or 30000/1001, not '{text}'.");
            return null;
        },
    };
}
