using System.CommandLine;
using System.CommandLine.Parsing;

namespace Lia.Cli.Manifests;

/// <summary>The options of a command as columns of a manifest: a cell is what would stand behind the option, for a switch true or false.
/// What the command line says holds for the rows that say nothing.</summary>
internal sealed class RowOptions
{
    private const int MostKept = 1000;

    private readonly Command _command;
    private readonly string _manifest;
    private readonly Dictionary<string, Option> _options;
    private readonly Dictionary<string, string[]> _given = [];
    private readonly Dictionary<string, ParseResult> _known = [];

    /// <param name="command">Has the options of a row.</param>
    /// <param name="given">What the command line says.</param>
    /// <param name="manifest">The file, for messages.</param>
    public RowOptions(Command command, ParseResult given, string manifest)
    {
        (_command, _manifest) = (command, manifest);
        _options = command.Options.ToDictionary(option => option.Name.TrimStart('-'));
        foreach (Option option in given.CommandResult.Command.Options)
        {
            string column = option.Name.TrimStart('-');
            if (_options.TryGetValue(column, out Option? own) && given.GetResult(option) is { Implicit: false } result)
                _given[column] = IsSwitch(own) ? [own.Name] : [.. result.Tokens.Select(token => $"{own.Name}={token.Value}")];
        }
    }

    /// <summary>The names of the columns.</summary>
    public IReadOnlyCollection<string> Columns => _options.Keys;

    /// <summary>What a row asks for.</summary>
    /// <exception cref="MediaException">A cell is none of what its option takes.</exception>
    public ParseResult Parse(ManifestRow row)
    {
        Dictionary<string, string[]> arguments = new(_given);
        for (int i = 0; i < row.Columns.Length; i++)
        {
            if (row.Values[i] is { } cell && _options.TryGetValue(row.Columns[i], out Option? option))
                arguments[row.Columns[i]] = Arguments(row, row.Columns[i], option, cell);
        }
        string[] line = [.. arguments.OrderBy(argument => argument.Key, StringComparer.Ordinal).SelectMany(argument => argument.Value)];
        string key = string.Join('\0', line);
        if (_known.TryGetValue(key, out ParseResult? parsed)) return parsed;
        parsed = Read(line);
        if (parsed.Errors.Count > 0)
        {
            string? column = arguments.Keys.FirstOrDefault(name => Read(arguments[name]).Errors.Count > 0);
            throw row.Error(_manifest, column, parsed.Errors[0].Message);
        }
        if (_known.Count == MostKept) _known.Clear();
        return _known[key] = parsed;
    }

    private string[] Arguments(ManifestRow row, string column, Option option, string cell)
    {
        if (!IsSwitch(option)) return [$"{option.Name}={cell}"];
        return cell.ToLowerInvariant() switch
        {
            "true" or "yes" or "1" => [option.Name],
            "false" or "no" or "0" => [],
            _ => throw row.Error(_manifest, column, $"it is true or false, not '{cell}'."),
        };
    }

    private ParseResult Read(string[] arguments) =>
        _command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });

    private static bool IsSwitch(Option option) => option.ValueType == typeof(bool);
}
