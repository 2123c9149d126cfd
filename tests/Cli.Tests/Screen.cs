using System.Text;

namespace Lia.Cli.Tests;

/// <summary>What somebody sees on a terminal: text, carriage returns, and the few control sequences that this program has; others are a
/// failure.</summary>
/// <param name="columns">Its width.</param>
/// <param name="breaksAnew">Whether lines too long for a new width are broken, as most terminals do; else they are cut.</param>
internal sealed class Screen(int columns, bool breaksAnew)
{
    // A line that was broken by the right edge is one here; the cursor is at a letter of it.
    private readonly List<StringBuilder> _lines = [new()];
    private string _unfinished = "";
    private int _row, _column, _columns = columns;
    private bool _breaks = true;

    /// <summary>The rows that are not empty, as they are seen.</summary>
    public string[] Rows => [.. _lines.SelectMany(line => Broken(line.ToString())).Where(row => row.Length > 0)];

    public void Resize(int columns)
    {
        _columns = columns;
        if (breaksAnew) return;
        // Rows are rows: what was broken once stays so, and the rest beyond the edge is lost.
        foreach (StringBuilder line in _lines) line.Length = Math.Min(line.Length, columns);
        _column = Math.Min(_column, columns - 1);
    }

    public void Write(string text)
    {
        text = _unfinished + text;
        _unfinished = "";
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\e')
            {
                int end = text.AsSpan(i).IndexOfAnyInRange('A', 'z') is > 0 and int at && text[i + at] == '['
                    ? text.AsSpan(i + 2).IndexOfAnyInRange('A', 'z') : -1;
                if (end < 0)
                {
                    _unfinished = text[i..];
                    return;
                }
                Obey(text[(i + 1)..(i + 3 + end)]);
                i += 2 + end;
            }
            else if (text[i] == '\r') _column -= _column % _columns;
            else if (text[i] == '\n') (_row, _column) = (AppendLine(), 0);
            else Put(text[i]);
        }
    }

    private void Obey(string sequence)
    {
        switch (sequence)
        {
            case "[J":
                _lines.RemoveRange(_row + 1, _lines.Count - _row - 1);
                _lines[_row].Length = Math.Min(_lines[_row].Length, _column);
                break;
            case "[?7l": _breaks = false; break;
            case "[?7h": _breaks = true; break;
            default: throw new InvalidOperationException($"control sequence ESC {sequence}");
        }
    }

    private void Put(char letter)
    {
        // Without breaking, what would be beyond the edge replaces the last letter of the row.
        int rowEnd = _column - _column % _columns + _columns - 1;
        StringBuilder line = _lines[_row];
        if (line.Length <= _column) line.Append(' ', _column + 1 - line.Length);
        line[_column] = letter;
        if (_breaks || _column < rowEnd) _column++;
    }

    private int AppendLine()
    {
        if (_row == _lines.Count - 1) _lines.Add(new());
        return _row + 1;
    }

    private IEnumerable<string> Broken(string line) => line.Chunk(_columns).Select(row => new string(row).TrimEnd());
}
