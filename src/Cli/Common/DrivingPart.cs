using System.CommandLine;

namespace Lia.Cli;

/// <summary>The part of driving frames to look at: a box, or, without one, what moves.</summary>
internal sealed record DrivingPart(PixelBox? Box)
{
    /// <summary>The option that asks for it.</summary>
    public static Option<DrivingPart?> Option() => new("--driving-crop")
    {
        Description = "the part of the driving frames to look at, or auto: the square that holds what moves in the clip [default: all of "
            + "them]",
        HelpName = "auto|X,Y,W,H",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (text == "auto") return new DrivingPart((PixelBox?)null);
            if (PixelBox.TryParse(text, out PixelBox box)) return new DrivingPart(box);
            result.AddError($"--driving-crop is auto or X,Y,W,H in whole pixels, such as 120,40,300,300, not '{text}'.");
            return null;
        },
    };

    /// <summary>Adds what was asked for, if it was.</summary>
    public static AnimationOptions Add(DrivingPart? part, AnimationOptions options) =>
        options with { DrivingCrop = part?.Box, AutoDrivingCrop = part is { Box: null } };
}
