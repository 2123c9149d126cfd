using System.CommandLine;

namespace Lia.Cli.Manifests;

/// <summary>The options of a command that takes a manifest.</summary>
internal sealed class ManifestOptions
{
    private readonly Option<string> _manifest = new("--manifest")
    {
        HelpName = "FILE",
    };
    private readonly Option<Shard?> _shard = new("--shard")
    {
        Description = "the share I of N, I from 1: the same rows on every machine [default: all rows]",
        HelpName = "I/N",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (Manifests.Shard.TryParse(text, out Shard shard)) return shard;
            result.AddError($"--shard is I/N with I from 1 to N, such as 2/4, not '{text}'.");
            return null;
        },
    };
    private readonly Option<string> _status = new("--status")
    {
        Description = "append what happens to a file of JSON lines, for lia batch status",
        HelpName = "FILE.jsonl",
    };

    /// <summary>Gives a command these options.</summary>
    /// <param name="command">The command.</param>
    /// <param name="rows">What a row is; null where what has rows is an argument.</param>
    public ManifestOptions(Command command, string? rows)
    {
        _manifest.Description = $"{rows}: .csv, .jsonl or .parquet; exit status 42 when rows "
            + "can never succeed, 75 when some may another time";
        foreach (Option option in rows is null ? (Option[])[_shard, _status] : [_manifest, _shard, _status]) command.Options.Add(option);
        if (rows is null) return;
        foreach (Option option in (Option[])[_shard, _status]) option.Description = $"of a manifest: {option.Description}";
    }

    /// <summary>The manifest; null when there is none.</summary>
    /// <exception cref="ArgumentException">There is none, and options of one are given.</exception>
    public string? Manifest(ParseResult parsed)
    {
        string? manifest = parsed.GetValue(_manifest);
        if (manifest is null && (parsed.GetValue(_shard) is not null || parsed.GetValue(_status) is not null))
            throw new ArgumentException("--shard and --status are of a manifest: give --manifest.");
        return manifest;
    }

    /// <summary>The share that was asked for.</summary>
    public Shard Shard(ParseResult parsed) => parsed.GetValue(_shard) ?? Manifests.Shard.All;

    /// <summary>The status file.</summary>
    public string? Status(ParseResult parsed) => parsed.GetValue(_status);
}
