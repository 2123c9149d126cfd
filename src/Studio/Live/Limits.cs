using System.Globalization;
using Lia.Studio.Problems;

namespace Lia.Studio.Live;

/// <summary>What values may be, as the command line has it.</summary>
internal static class Limits
{
    /// <summary>The largest strength, and the largest delta of a direction.</summary>
    public const float MostStrength = 100, MostDelta = 100;

    public static float Strength(float value) => float.IsFinite(value) && MathF.Abs(value) <= MostStrength ? value
        : throw ProblemException.Bad($"The strength is a number from -{MostStrength} to {MostStrength}.");

    public static float Delta(float value) => float.IsFinite(value) && MathF.Abs(value) <= MostDelta ? value
        : throw ProblemException.Bad($"The delta of a direction is a number from -{MostDelta} to {MostDelta}.");

    public static int Smooth(int value) => value is >= 1 and <= 255 && value % 2 == 1 ? value
        : throw ProblemException.Bad("smooth is an odd number from 1 to 255.");

    public static StartFrame Start(string text) => text == "best" ? StartFrame.Best
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int frame) ? StartFrame.At(frame)
        : throw ProblemException.Bad("start-frame is best or a frame number.");

    public static MotionMode Mode(string text) => Choice<MotionMode>(text, "mode");

    public static Fit Fit(string text) => Choice<Fit>(text, "fit");

    public static PixelBox Box(string text, string name) => PixelBox.TryParse(text, out PixelBox box) ? box
        : throw ProblemException.Bad($"{name} is X,Y,W,H in whole pixels, such as 120,40,300,300.");

    /// <summary>One of an enumeration's names, in any case; a number is none.</summary>
    public static T Choice<T>(string text, string name) where T : struct, Enum
    {
        string[] names = [.. Enum.GetNames<T>().Select(value => value.ToLowerInvariant())];
        int index = Array.IndexOf(names, text.ToLowerInvariant());
        return index >= 0 ? Enum.GetValues<T>()[index]
            : throw ProblemException.Bad($"{name} is {string.Join(", ", names[..^1])} or {names[^1]}.");
    }
}
