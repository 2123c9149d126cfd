using System.Text;

namespace Lia.Cli;

/// <summary>
/// One line on a terminal that is drawn over itself:
/// <code>
/// [##########..............] 12/24 frames, 5.62 frames/s, 0:02 left
/// </code>
/// It is as wide as the terminal is at that moment, and wiped at the end.
/// </summary>
internal sealed class ProgressBar : ProgressReport
{
    private const string ToStartOfLine = "\r", EraseToEndOfLine = "\e[K";
    private const int WidestBar = 40;

    private readonly TextWriter _terminal;
    private readonly Func<int> _width;
    private readonly Timer _timer;
    private readonly Lock _gate = new();
    private AnimationProgress? _latest;
    private string _shown = "";
    private bool _isOver;

    /// <param name="terminal">Where to draw.</param>
    /// <param name="width">Columns of the terminal.</param>
    public ProgressBar(TextWriter terminal, Func<int> width)
    {
        (_terminal, _width) = (terminal, width);
        // Frames come in batches; in between, the line still follows the terminal's width.
        _timer = new Timer(_ => Draw(), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(200));
    }

    public override void Report(AnimationProgress value)
    {
        lock (_gate) _latest = value;
        Draw();
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            if (!_isOver) _terminal.Write(ToStartOfLine + EraseToEndOfLine);
            _isOver = true;
        }
        _timer.Dispose();
        base.Dispose();
    }

    /// <summary>The line for a terminal of a width, never as wide as the terminal: the cursor would wrap.</summary>
    internal static string Line(AnimationProgress? progress, int width)
    {
        if (progress is not { } value) return Cut("loading the model", width);
        string words = Words(value);
        int bar = Math.Min(WidestBar, width - words.Length - 4);
        if (value.Total is not > 0 || bar < 5) return Cut(words, width);
        int done = (int)((long)bar * Math.Min(value.Frames, value.Total.Value) / value.Total.Value);
        return new StringBuilder("[").Append('#', done).Append('.', bar - done).Append("] ").Append(words).ToString();
    }

    private static string Cut(string text, int width) => text.Length < width ? text : text[..Math.Max(0, width - 1)];

    private void Draw()
    {
        lock (_gate)
        {
            string line = Line(_latest, _width());
            if (_isOver || line == _shown) return;
            _shown = line;
            _terminal.Write(ToStartOfLine + line + EraseToEndOfLine);
        }
    }
}
