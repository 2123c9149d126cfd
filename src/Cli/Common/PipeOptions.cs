using System.CommandLine;

namespace Lia.Cli;

/// <summary>The options about raw video, and <c>-</c>, which means the standard streams.</summary>
internal sealed class PipeOptions
{
    /// <summary>Standard input or output in the place of a file.</summary>
    public const string Standard = "-";

    private readonly Option<RawInput> _inputFormat = Options.Choice<RawInput>("--input-format",
        "what DRIVING is, when it is raw video; auto: yuv4mpeg is recognized, a stream with --input-size is rgb24");
    private readonly Option<FrameSize?> _inputSize = new("--input-size")
    {
        Description = "the size of raw RGB24 driving frames, which need --fps too",
        HelpName = "WxH",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (FrameSize.TryParse(text, out FrameSize size)) return size;
            result.AddError($"--input-size is WxH, such as 640x480, not '{text}'.");
            return null;
        },
    };
    private readonly Option<RawOutput> _outputFormat = Options.Choice<RawOutput>("--output-format",
        "how standard output, .y4m and .rgb are written; auto: yuv4mpeg with full color (4:4:4), .rgb as rgb24");

    /// <summary>Gives a command these options.</summary>
    public PipeOptions(Command command)
    {
        foreach (Option option in (Option[])[_inputFormat, _inputSize, _outputFormat]) command.Options.Add(option);
    }

    /// <summary>What was asked for.</summary>
    public RawChoice Read(ParseResult parsed) =>
        new(parsed.GetValue(_inputFormat), parsed.GetValue(_inputSize), parsed.GetValue(_outputFormat));
}

/// <summary>What is known of raw video.</summary>
/// <param name="Input">What the driving frames are.</param>
/// <param name="Size">Their size, where they do not say it.</param>
/// <param name="Output">How frames are written.</param>
internal sealed record RawChoice(RawInput Input, FrameSize? Size, RawOutput Output)
{
    /// <summary>What is not as it is when nobody says anything, for a hash.</summary>
    public string Text => this == new RawChoice(default, null, default) ? "" : $"{Input} {Size} {Output}\n";

    /// <summary>The driving frames of a file.</summary>
    public Driving Driving(string path) => Lia.Driving.Raw(path, Input, Size);

    /// <summary>The driving frames of a stream.</summary>
    public Driving Driving(Stream stream) => Lia.Driving.Raw(stream, Input, Size);

    /// <summary>A file or folder to write.</summary>
    public Output To(string path) => Lia.Output.Raw(path, Output);

    /// <summary>A stream to write.</summary>
    public Output To(Stream stream) => Lia.Output.Raw(stream, Output);
}
