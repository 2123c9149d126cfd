namespace Lia.Cli;

/// <summary>Columns of plain text, the same on a terminal and in a pipe: nothing is wrapped, cut or colored.</summary>
/// <param name="headings">Column headings; those that begin with a <c>&gt;</c> are set flush right.</param>
internal sealed class TextTable(params string[] headings)
{
    private readonly List<string[]> _rows = [];

    public void Add(params string[] cells) => _rows.Add(cells);

    public void Write(TextWriter output)
    {
        bool[] isRight = [.. headings.Select(heading => heading.StartsWith('>'))];
        string[] titles = [.. headings.Select(heading => heading.TrimStart('>'))];
        int[] widths = [.. titles.Select((title, column) =>
            Math.Max(title.Length, _rows.Count == 0 ? 0 : _rows.Max(row => row[column].Length)))];
        Line(titles);
        Line([.. widths.Select(width => new string('-', width))]);
        foreach (string[] row in _rows) Line(row);

        void Line(string[] cells) =>
            output.WriteLine(string.Join("  ",
                cells.Select((cell, column) => isRight[column] ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd());
    }
}
