using CsvHelper;
using Lia.Media.IO;

namespace Lia.Cli.Manifests;

/// <summary>A manifest of separated values with a line of column names: commas, semicolons, tabs or bars, as its first lines have
/// them.</summary>
internal static class CsvManifest
{
    /// <summary>As <see cref="ManifestFile.Read"/>.</summary>
    public static IEnumerable<ManifestRow> Read(string path)
    {
        string? broken = null;
        CsvReaderOptions options = new()
        {
            // One quotation mark too many is one row's, not that of all that follow.
            AllowLineBreaksInQuotes = false,
            TrackLineNumbers = true,
            PoolStrings = true,
            OnMalformedRecord = record => broken = record.Reason switch
            {
                CsvMalformedReason.TextAfterClosingQuote => "there is text after a closing quotation mark.",
                CsvMalformedReason.StrayQuote => "there is a quotation mark in a cell that does not begin with one.",
                _ => "a quotation mark is not closed.",
            },
        };
        using CsvReader reader = CsvReader.Create(Inputs.OpenFile(path), options, false);
        string[] columns = ManifestFile.Names(path, reader.Headers.ToArray());
        if (columns.Length == 0) throw new MediaException($"{path}: there is no line of column names.");
        int[] taken = [.. Enumerable.Range(0, columns.Length).Where(i => !columns[i].StartsWith(ManifestFile.OwnColumn))];
        string[] known = [.. taken.Select(i => columns[i])];
        while (Next())
        {
            int number = (int)reader.RowNumber, cells = reader.FieldCount;
            string? problem = broken ?? (cells == columns.Length ? null
                : $"it has {Nouns.Count(cells, "cell")}, and there are {columns.Length} columns.");
            yield return problem is not null ? new(number, reader.LineNumber, [], []) { Problem = problem }
                : new(number, reader.LineNumber, known, [.. taken.Select(i => reader.IsEmpty(i) ? null : reader.GetString(i))]);
        }

        bool Next()
        {
            broken = null;
            return reader.Read();
        }
    }
}
