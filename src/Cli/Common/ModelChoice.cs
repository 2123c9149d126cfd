using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace Lia.Cli;

/// <summary>The options that load a model, which every command has that runs one.</summary>
internal sealed class ModelChoice
{
    private readonly Option<string> _model;
    private readonly Option<Device> _device = Options.Device();
    private readonly Option<Precision> _precision = Options.Precision();
    private readonly Option<int> _threads = Options.Threads(), _batch = Options.Batch();

    /// <summary>Gives a command these options.</summary>
    /// <param name="command">The command.</param>
    /// <param name="isOptional">Whether the demonstration model stands in where none is named.</param>
    public ModelChoice(Command command, bool isOptional = false)
    {
        _model = Options.Model(isOptional);
        foreach (Option option in (Option[])[_model, _device, _precision, _threads, _batch]) command.Options.Add(option);
    }

    /// <summary>What was asked for.</summary>
    public ModelOptions Read(ParseResult parsed, ILoggerFactory log) => new()
    {
        Model = parsed.GetValue(_model) ?? DemoFiles.Model,
        Device = parsed.GetValue(_device),
        Precision = parsed.GetValue(_precision),
        Threads = parsed.GetValue(_threads),
        Batch = parsed.GetValue(_batch),
        LoggerFactory = log,
    };
}
