using System.CommandLine;

namespace Lia.Cli;

/// <summary>What can be chosen about an evaluation: the options of <c>lia evaluate</c>, and the columns of its manifests.</summary>
internal sealed class EvaluationChoice
{
    private readonly Option<MotionMode> _mode = Options.Choice<MotionMode>("--mode",
        "relative: the motion since the first frame; absolute: the driving pose itself; auto: what the model was trained for");
    private readonly Option<Fit> _fit = Options.Fit();
    private readonly Option<DrivingPart?> _crop = DrivingPart.Option();
    private readonly Option<Range?> _frames = Options.Frames();
    private readonly ModelChoice _model;

    /// <summary>Gives a command these options.</summary>
    public EvaluationChoice(Command command)
    {
        foreach (Option option in (Option[])[_mode, _fit, _crop, _frames]) command.Options.Add(option);
        _model = new(command, isDemonstration: true);
    }

    /// <summary>The model that was asked for.</summary>
    public ModelOptions ReadModel(ParseResult parsed, WarningLog log) => _model.Read(parsed, log);

    /// <summary>What was asked for.</summary>
    public AnimationOptions Read(ParseResult parsed) => DrivingPart.Add(parsed.GetValue(_crop), new()
    {
        Mode = parsed.GetValue(_mode),
        Fit = parsed.GetValue(_fit),
        Frames = parsed.GetValue(_frames) ?? Range.All,
    });
}
