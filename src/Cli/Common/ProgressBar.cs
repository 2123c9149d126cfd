using System.Text;

namespace Lia.Cli;

/// <summary>
/// One line on a terminal that is drawn over itself:
/// <code>
/// [##########..............] 12/24 frames, 5.62 frames/s, 0:02 left
/// </code>
/// It is as wide as the terminal is at that moment, gives way to whole lines of text, and is wiped at the end.
/// <para>
/// The cursor rests where the line begins, and everything from there on is wiped before the next is drawn. So it stays one line on
/// terminals that break long lines anew when they become narrower (the cursor stays at the beginning of the line, whose rest now lies
/// below) as on those that cut them. Spectre.Console 0.57 clears the screen and all that can be scrolled back to instead, and takes
/// 0.2 s to start.
/// </para>
/// </summary>
internal sealed class ProgressBar : ProgressReport
{
    private const string Wipe = "\r\e[J";
    // A line drawn for a width that has just changed is cut by the terminal, not broken: the cursor stays in its row.
    private const string BreakNoLines = "\e[?7l", BreakLines = "\e[?7h", ToStartOfLine = "\r";
    private const int WidestBar = 40;

    private readonly TerminalText _terminal;
    private readonly Func<int> _width;
    private readonly Timer _timer;
    private readonly Lock _gate = new();
    private (string Words, long Done, long? Total)? _latest;
    private string _shown = "";
    private int _shownWidth;
    private bool _isOver;

    /// <param name="terminal">Where to draw.</param>
    /// <param name="width">Columns of the terminal.</param>
    public ProgressBar(TerminalText terminal, Func<int> width)
    {
        (_terminal, _width) = (terminal, width);
        terminal.Bar = this;
        // Frames come in batches; in between, the line still follows the terminal's width.
        _timer = new Timer(_ => Draw(), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(200));
    }

    public override void Report(AnimationProgress value) => Show(Words(value), value.Frames, value.Total);

    /// <summary>Shows how far something is.</summary>
    /// <param name="words">In words.</param>
    /// <param name="done">How much is done ...</param>
    /// <param name="total">... of how much; null where that is not known, and there is no bar.</param>
    public void Show(string words, long done, long? total)
    {
        lock (_gate) _latest = (words, done, total);
        Draw();
    }

    /// <summary>Writes whole lines in the place of the bar, which is drawn again below them.</summary>
    public void GiveWay(Action write)
    {
        lock (_gate)
        {
            if (!_isOver) _terminal.Raw.Write(Wipe);
            _shown = "";
            write();
        }
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            if (!_isOver) _terminal.Raw.Write(Wipe);
            _isOver = true;
            _terminal.Bar = null;
        }
        _timer.Dispose();
        base.Dispose();
    }

    /// <summary>The line for a terminal of a width, never as wide as the terminal: some break a full line.</summary>
    internal static string Line(AnimationProgress? progress, int width) =>
        Line(progress is { } value ? (Words(value), value.Frames, value.Total) : null, width);

    private static string Line((string Words, long Done, long? Total)? progress, int width)
    {
        if (progress is not { } value) return Cut("loading the model", width);
        int bar = Math.Min(WidestBar, width - value.Words.Length - 4);
        if (value.Total is not > 0 || bar < 5) return Cut(value.Words, width);
        int full = (int)(bar * Math.Min(value.Done, value.Total.Value) / value.Total.Value);
        return new StringBuilder("[").Append('#', full).Append('.', bar - full).Append("] ").Append(value.Words).ToString();
    }

    private static string Cut(string text, int width) => text.Length < width ? text : text[..Math.Max(0, width - 1)];

    private void Draw()
    {
        lock (_gate)
        {
            int width = _width();
            string line = Line(_latest, width);
            // A terminal that was narrower for a moment may have cut the same line.
            if (_isOver || (line, width) == (_shown, _shownWidth)) return;
            (_shown, _shownWidth) = (line, width);
            _terminal.Raw.Write(Wipe + BreakNoLines + line + BreakLines + ToStartOfLine);
        }
    }
}
