using System.CommandLine;

namespace Lia.Cli;

/// <summary>The options that load a model, which every command has that runs one.</summary>
internal sealed class ModelChoice
{
    private readonly bool _isDemonstration;
    private readonly Option<string> _model = Options.Model(), _weights = Options.Weights();
    private readonly Option<Device> _device = Options.Device();
    private readonly Option<Precision> _precision = Options.Precision();
    private readonly Option<int> _threads = Options.Threads(), _batch = Options.Batch();

    /// <summary>Gives a command these options.</summary>
    /// <param name="command">The command.</param>
    /// <param name="isDemonstration">Whether the demonstration model, which stands in where none is named, is the usual choice: else it is
    /// said that it does.</param>
    public ModelChoice(Command command, bool isDemonstration = false)
    {
        _isDemonstration = isDemonstration;
        foreach (Option option in (Option[])[_model, _weights, _device, _precision, _threads, _batch]) command.Options.Add(option);
    }

    /// <summary>What was asked for.</summary>
    public ModelOptions Read(ParseResult parsed, WarningLog log)
    {
        string? model = parsed.GetValue(_model);
        if (model is null && !_isDemonstration)
            log.Tell("no model is named (--model FILE): the demonstration model of drawn portraits is taken");
        return new()
        {
            Model = model ?? DemoFiles.Model,
            Generator = parsed.GetValue(_weights),
            Device = parsed.GetValue(_device),
            Precision = parsed.GetValue(_precision),
            Threads = parsed.GetValue(_threads),
            Batch = parsed.GetValue(_batch),
            LoggerFactory = log,
        };
    }

    /// <summary>What was asked for as arguments of another program: <c>--name=value</c>, paths in full.</summary>
    public IEnumerable<string> Spell(ParseResult parsed)
    {
        foreach (Option option in (Option[])[_weights, _device, _precision, _threads, _batch])
        {
            if (parsed.GetResult(option) is { Implicit: false } given) yield return $"{option.Name}={given.Tokens[0].Value}";
        }
        if (parsed.GetValue(_model) is { } model) yield return $"--model={Path.GetFullPath(model)}";
        else yield return $"--demonstration={DemoFiles.Model}";
    }
}
