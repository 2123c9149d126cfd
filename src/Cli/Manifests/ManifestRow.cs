namespace Lia.Cli.Manifests;

/// <summary>A row of a manifest.</summary>
/// <param name="Number">Counts the rows from 1; a line of column names is none.</param>
/// <param name="Line">Where it begins in a file of text, counted from 1; 0 elsewhere.</param>
/// <param name="Columns">Names in lower case with hyphens, as options have them.</param>
/// <param name="Values">The cells; null where there is nothing.</param>
internal sealed record ManifestRow(int Number, long Line, string[] Columns, string?[] Values)
{
    /// <summary>Why the row could not be read; null if it could.</summary>
    public string? Problem { get; init; }

    /// <summary>A cell, null where there is nothing.</summary>
    public string? this[string column]
    {
        get
        {
            int index = Array.IndexOf(Columns, column);
            return index < 0 ? null : Values[index];
        }
    }

    /// <summary>The error for a row, or a cell of it: which, and in which file.</summary>
    /// <param name="manifest">The file.</param>
    /// <param name="column">The cell's; null where it is the row.</param>
    /// <param name="problem">What is wrong, a sentence.</param>
    public MediaException Error(string manifest, string? column, string problem) => new(
        $"{manifest}: row {Number}{(Line > 0 ? $" (line {Line})" : "")}{(column is null ? "" : $", column {column}")}: {problem}");
}
