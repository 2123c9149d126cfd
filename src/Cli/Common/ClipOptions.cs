using System.CommandLine;
using System.Globalization;

namespace Lia.Cli;

/// <summary>The options of a clip, which every command that animates has.</summary>
internal sealed class ClipOptions
{
    private const int MostLoops = 10_000;

    private readonly ModelChoice _model;
    private readonly Option<MotionMode> _mode = Options.Choice<MotionMode>("--mode",
        "relative: the motion since the start frame; absolute: the driving pose itself; auto: what the model was trained for");
    private readonly Option<Fit> _fit = Options.Fit();
    private readonly Option<Range?> _frames = Options.Frames();
    private readonly Option<float> _strength = Options.Number("--strength", "factor on the motion: 0 is still, more than 1 exaggerates",
        -100f, 100f).Or(1);
    private readonly Option<int> _smooth = new("--smooth")
    {
        Description = "smooth the motion over a window of N frames, odd, with raised cosine weights [default: 1, which leaves it as it is]",
        HelpName = "N",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int window) && window is >= 1 and <= 255
                && window % 2 == 1) return window;
            result.AddError($"--smooth is an odd number from 1 to 255, not '{text}'.");
            return 1;
        },
    };
    private readonly Option<StartFrame?> _startFrame = new("--start-frame")
    {
        Description = "the driving frame where relative motion starts: a number, or best, the one whose pose is nearest to the source's "
            + "[default: the first used]",
        HelpName = "best|N",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (text == "best") return StartFrame.Best;
            if (Options.TryParseFrame(text, out StartFrame frame)) return frame;
            result.AddError($"--start-frame is best or a frame number, not '{text}'.");
            return null;
        },
    };
    private readonly Option<int> _loop = Options.Number("--loop", "play the motion N times [default: 1]", 1, MostLoops);
    private readonly Option<bool> _pingPong = new("--ping-pong") { Description = "play the motion forwards and backwards" };
    private readonly Option<bool> _sideBySide = new("--side-by-side")
    {
        Description = "show source, driving frame and result next to each other",
    };
    private readonly Option<Normalization> _normalize = Options.Choice<Normalization>("--normalize",
        "colors: fixed, or minmax, which stretches the whole clip's range as the official demonstration does");
    private readonly Option<Normalization> _normalise; // its name before 0.2
    private readonly Option<bool> _noAudio = new("--no-audio") { Description = "leave the driving clip's sound out" };
    private readonly Option<RgbColor?> _background = new("--background")
    {
        Description = "what transparent pixels of pictures show: #rrggbb or a name such as white [default: the colors stored for them]",
        HelpName = "COLOR",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (RgbColor.TryParse(text, out RgbColor color)) return color;
            result.AddError($"--background is a color such as #3c6e71 or white, not '{text}'.");
            return null;
        },
    };
    private readonly Option<int> _size = Options.Number("--size",
        "rows of the output's frames, whose width follows [default: the model's size; the source's with --paste-back]", 1, 8192);
    private readonly Option<int> _quality = Options.Number("--quality",
        "how near the output is to the frames: 1, small, to 100, large; of mp4, mov, mkv, webm (68 unless given), webp (90), gif (100)", 1,
        100);
    private readonly FramingOptions _framing;
    private readonly Option<FrameRate?> _rate = Options.Rate(
        "frames a second of the output: 25, 30000/1001 (the sound is then left out) [default: the driving clip's]");

    /// <summary>Gives a command these options.</summary>
    public ClipOptions(Command command)
    {
        _model = new(command);
        _normalise = Options.Choice<Normalization>("--normalise", "colors");
        _normalise.Hidden = true;
        Option[] own = [_mode, _fit, _frames, _strength, _smooth, _startFrame, _loop, _pingPong, _sideBySide, _normalize, _normalise,
            _noAudio, _rate, _background, _size, _quality];
        foreach (Option option in own) command.Options.Add(option);
        _framing = new(command);
    }

    /// <summary>The model that was asked for.</summary>
    public ModelOptions ReadModel(ParseResult parsed, WarningLog log) => _model.Read(parsed, log);

    /// <summary>The source as it is meant: a picture, or a clip.</summary>
    public Source ReadSource(ParseResult parsed, string path) => _framing.IsSourceClip(parsed) ? Source.Clip(path) : path;

    /// <summary>Whether sources are clips.</summary>
    public bool IsSourceClip(ParseResult parsed) => _framing.IsSourceClip(parsed);

    private static int? Given(ParseResult parsed, Option<int> option) => parsed.GetResult(option) is null ? null : parsed.GetValue(option);

    /// <summary>What was asked for.</summary>
    public AnimationOptions Read(ParseResult parsed) => _framing.Read(parsed, new()
    {
        Mode = parsed.GetValue(_mode),
        Fit = parsed.GetValue(_fit),
        Frames = parsed.GetValue(_frames) ?? Range.All,
        MotionStrength = parsed.GetValue(_strength),
        SmoothingWindow = Math.Max(1, parsed.GetValue(_smooth)),
        StartFrame = parsed.GetValue(_startFrame),
        Loops = Math.Max(1, parsed.GetValue(_loop)),
        PingPong = parsed.GetValue(_pingPong),
        SideBySide = parsed.GetValue(_sideBySide),
        Normalization = parsed.GetValue(parsed.GetResult(_normalise) is null ? _normalize : _normalise),
        Audio = !parsed.GetValue(_noAudio),
        FrameRate = parsed.GetValue(_rate),
        Background = parsed.GetValue(_background),
        OutputHeight = Given(parsed, _size),
        Quality = Given(parsed, _quality),
    });
}
