using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Lia.Cli;

/// <summary>The options of a clip, which every command that animates has.</summary>
internal sealed class ClipOptions
{
    private const int MostLoops = 10_000;

    private readonly Option<string> _model = Options.Model();
    private readonly Option<Device> _device = Options.Device();
    private readonly Option<Precision> _precision = Options.Precision();
    private readonly Option<int> _threads = Options.Threads();
    private readonly Option<MotionMode> _mode = Options.Choice<MotionMode>("--mode", "relative: the motion since the start frame; absolute: the driving pose itself; auto: what the model was trained for");
    private readonly Option<Fit> _fit = Options.Fit();
    private readonly Option<Range?> _frames = Options.Frames();
    private readonly Option<int> _batch = Options.Batch();
    private readonly Option<float> _strength = Options.Number("--strength", "factor on the motion: 0 is still, more than 1 exaggerates", -100f, 100f).Or(1);
    private readonly Option<int> _smooth = new("--smooth")
    {
        Description = "smooth the motion over a window of N frames, odd, with raised cosine weights [default: 1, which leaves it as it is]",
        HelpName = "N",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int window) && window is >= 1 and <= 255 && window % 2 == 1) return window;
            result.AddError($"--smooth is an odd number from 1 to 255, not '{text}'.");
            return 1;
        },
    };
    private readonly Option<StartFrame?> _startFrame = new("--start-frame")
    {
        Description = "the driving frame where relative motion starts: a number, or best, the one whose pose is nearest to the source's [default: the first used]",
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
    private readonly Option<bool> _sideBySide = new("--side-by-side") { Description = "show source, driving frame and result next to each other" };
    private readonly Option<Normalization> _normalise = Options.Choice<Normalization>("--normalise", "colours: fixed, or minmax, which stretches the whole clip's range as the official demonstration does");
    private readonly Option<bool> _noAudio = new("--no-audio") { Description = "leave the driving clip's sound out" };
    private readonly FramingOptions _framing;
    private readonly Option<FrameRate?> _rate = Options.Rate("frames a second of the output: 25, 30000/1001 (the sound is then left out) [default: the driving clip's]");

    /// <summary>Gives a command these options.</summary>
    public ClipOptions(Command command)
    {
        _normalise.Aliases.Add("--normalize");
        foreach (Option option in (Option[])[_model, _device, _precision, _threads, _mode, _fit, _frames, _batch, _strength, _smooth, _startFrame, _loop, _pingPong, _sideBySide, _normalise, _noAudio, _rate])
            command.Options.Add(option);
        _framing = new(command);
    }

    /// <summary>What was asked for.</summary>
    public AnimationOptions Read(ParseResult parsed, ILoggerFactory log) => _framing.Read(parsed, new()
    {
        Model = parsed.GetValue(_model),
        Device = parsed.GetValue(_device),
        Precision = parsed.GetValue(_precision),
        Threads = parsed.GetValue(_threads),
        Mode = parsed.GetValue(_mode),
        Fit = parsed.GetValue(_fit),
        Frames = parsed.GetValue(_frames) ?? Range.All,
        Batch = parsed.GetValue(_batch),
        MotionStrength = parsed.GetValue(_strength),
        SmoothingWindow = Math.Max(1, parsed.GetValue(_smooth)),
        StartFrame = parsed.GetValue(_startFrame),
        Loops = Math.Max(1, parsed.GetValue(_loop)),
        PingPong = parsed.GetValue(_pingPong),
        SideBySide = parsed.GetValue(_sideBySide),
        Normalization = parsed.GetValue(_normalise),
        Audio = !parsed.GetValue(_noAudio),
        FrameRate = parsed.GetValue(_rate),
        LoggerFactory = log,
    });
}
