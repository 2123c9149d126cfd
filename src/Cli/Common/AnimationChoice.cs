using System.CommandLine;

namespace Lia.Cli;

/// <summary>All that can be chosen about one animation: the options of <c>lia animate</c>, and the columns of a manifest.</summary>
internal sealed class AnimationChoice
{
    private readonly ClipOptions _clip;
    private readonly PipeOptions _pipe;
    private readonly Option<string> _dump = new("--dump")
    {
        Description = "also write the float32 frames [N, 3, S, S] before clamping, as tensor 'frames'",
        HelpName = "FILE.safetensors",
    };

    /// <summary>Gives a command these options.</summary>
    public AnimationChoice(Command command)
    {
        _clip = new(command);
        _pipe = new(command);
        command.Add(_dump);
    }

    /// <summary>The model that was asked for.</summary>
    public ModelOptions ReadModel(ParseResult parsed, WarningLog log) => _clip.ReadModel(parsed, log);

    /// <summary>The source as it is meant: a picture, or a clip.</summary>
    public Source ReadSource(ParseResult parsed, string path) => _clip.ReadSource(parsed, path);

    /// <summary>What was asked for.</summary>
    public AnimationOptions Read(ParseResult parsed) => _clip.Read(parsed) with { Dump = parsed.GetValue(_dump) };

    /// <summary>What was said of raw video.</summary>
    public RawChoice ReadRaw(ParseResult parsed) => _pipe.Read(parsed);
}
