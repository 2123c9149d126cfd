using System.Text.Json;
using Lia.Media.IO;

namespace Lia.Cli.Manifests;

/// <summary>Reads manifests: CSV (RFC 4180), JSON lines and Parquet, by the extensions of their names. What reads a format is loaded with
/// the first file of it.</summary>
internal static class ManifestFile
{
    /// <summary>Columns that begin so are the user's own, and passed over.</summary>
    public const char OwnColumn = '#';

    /// <summary>The rows, read as they are asked for. A row that cannot be understood says so (<see
    /// cref="ManifestRow.Problem"/>).</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MediaException">It cannot be read, is none of these formats, or its columns make no sense.</exception>
    public static IEnumerable<ManifestRow> Read(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".csv" => CsvManifest.Read(path),
        ".jsonl" or ".ndjson" => ReadJsonLines(path),
        ".parquet" => ParquetManifest.Read(path),
        _ => throw new MediaException($"{path}: a manifest is .csv, .jsonl or .parquet."),
    };

    /// <summary>Whether all rows of a file have the same columns, which are named once.</summary>
    public static bool HasHeader(string path) => Path.GetExtension(path).ToLowerInvariant() is ".csv" or ".parquet";

    /// <summary>Column names as options have them: <c>Start_Frame</c> is <c>start-frame</c>.</summary>
    /// <exception cref="MediaException">A name is empty, or that of two columns.</exception>
    public static string[] Names(string path, IEnumerable<string> names)
    {
        string[] all = [.. names.Select(Name)];
        for (int i = 0; i < all.Length; i++)
        {
            if (all[i].Length == 0) throw new MediaException($"{path}: column {i + 1} has no name.");
            if (Array.IndexOf(all, all[i]) < i) throw new MediaException($"{path}: two columns are called {all[i]}.");
        }
        return all;
    }

    private static string Name(string name) => name.Trim().ToLowerInvariant().Replace('_', '-');

    private static IEnumerable<ManifestRow> ReadJsonLines(string path)
    {
        using StreamReader reader = new(Inputs.OpenFile(path));
        int number = 0;
        string[] columns = [];
        for (long line = 1; reader.ReadLine() is { } text; line++)
        {
            if (string.IsNullOrWhiteSpace(text)) continue;
            ManifestRow row = ReadObject(text, ++number, line);
            // Rows have the same columns, usually: then they are kept once.
            if (row.Columns.AsSpan().SequenceEqual(columns)) row = row with { Columns = columns };
            columns = row.Columns;
            yield return row;
        }
    }

    private static ManifestRow ReadObject(string text, int number, long line)
    {
        ManifestRow none = new(number, line, [], []);
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            if (json.RootElement.ValueKind != JsonValueKind.Object) return none with { Problem = "it is no JSON object." };
            List<string> names = [];
            List<string?> values = [];
            foreach (JsonProperty member in json.RootElement.EnumerateObject())
            {
                string name = Name(member.Name);
                if (name.StartsWith(OwnColumn)) continue;
                if (names.Contains(name)) return none with { Problem = $"{name} is there twice." };
                if (member.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
                    return none with { Problem = $"column {name}: a cell is text, a number, true, false or null." };
                names.Add(name);
                values.Add(member.Value.ValueKind == JsonValueKind.Null || member.Value.ToString() is not { Length: > 0 } value ? null
                    : member.Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.ToLowerInvariant() : value);
            }
            return new(number, line, [.. names], [.. values]);
        }
        catch (JsonException failure)
        {
            return none with { Problem = $"it is no JSON object: {Outputs.OneLine(failure.Message)}" };
        }
    }
}
