using System.CommandLine;

namespace Lia.Cli;

/// <summary>The options about what part of a picture is animated.</summary>
internal sealed class FramingOptions
{
    private readonly Option<bool> _sourceVideo = new("--source-video")
    {
        Description = "SOURCE is a clip: its frame i moves as driving frame i does, until the shorter ends",
    };
    private readonly Option<PixelBox?> _crop = Options.Crop();
    private readonly Option<DrivingPart?> _drivingCrop = DrivingPart.Option();
    private readonly Option<bool> _pasteBack = new("--paste-back")
    {
        Description = "put the animated square back into the full source picture, with an edge that fades over a sixteenth of its side",
    };

    /// <summary>Gives a command these options.</summary>
    public FramingOptions(Command command)
    {
        foreach (Option option in (Option[])[_sourceVideo, _crop, _drivingCrop, _pasteBack]) command.Options.Add(option);
    }

    /// <summary>Whether sources are clips.</summary>
    public bool IsSourceClip(ParseResult parsed) => parsed.GetValue(_sourceVideo);

    /// <summary>Adds what was asked for.</summary>
    public AnimationOptions Read(ParseResult parsed, AnimationOptions options) =>
        DrivingPart.Add(parsed.GetValue(_drivingCrop), options) with
    {
        Crop = parsed.GetValue(_crop),
        PasteBack = parsed.GetValue(_pasteBack),
    };
}
