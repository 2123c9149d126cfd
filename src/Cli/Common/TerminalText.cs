using System.Globalization;
using System.Text;

namespace Lia.Cli;

/// <summary>
/// The way of all text to people. File names, metadata and what decoders say come from untrusted files: a control character in them could
/// drive the
/// terminal, a mark of writing direction make a name read as another, a line break make up a message. They are written as <c>\u001b</c>.
/// </summary>
/// <param name="inner">Where text goes.</param>
internal sealed class TerminalText(TextWriter inner) : TextWriter(CultureInfo.InvariantCulture)
{
    private const char ZeroWidthNonJoiner = '\u200c', ZeroWidthJoiner = '\u200d'; // belong to scripts and to emoji

    /// <summary>For what is ours or escaped already, and drives the terminal: a progress bar, JSON.</summary>
    public TextWriter Raw => inner;

    /// <summary>What is drawn on the terminal and gives way to text; null when nothing is.</summary>
    public ProgressBar? Bar { get; set; }

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        string text = Escape(buffer, keepsLines: true);
        Put(() => inner.Write(text));
    }

    public override void WriteLine() => Put(inner.WriteLine);

    /// <summary>Writes one line: there is none within it.</summary>
    public override void WriteLine(string? value) => WriteLine(value.AsSpan());

    public override void WriteLine(ReadOnlySpan<char> buffer)
    {
        string text = Escape(buffer, keepsLines: false);
        Put(() => inner.WriteLine(text));
    }

    public override void Flush() => inner.Flush();

    private void Put(Action write)
    {
        if (Bar is { } bar) bar.GiveWay(write);
        else write();
    }

    /// <summary>Text that is shown and does nothing.</summary>
    /// <param name="text">Any.</param>
    /// <param name="keepsLines">Whether line breaks stay.</param>
    internal static string Escape(ReadOnlySpan<char> text, bool keepsLines)
    {
        StringBuilder escaped = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool isLine = c == '\n' || c == '\r' && i + 1 < text.Length && text[i + 1] == '\n';
            if (c == '\t' || isLine && keepsLines) escaped.Append(c);
            else if (i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1]))
            {
                char low = text[++i];
                if (IsUnseen(CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(c, low))))
                    escaped.Append(Number(c)).Append(Number(low));
                else escaped.Append(c).Append(low);
            }
            else if (IsUnseen(char.GetUnicodeCategory(c)) && c is not (ZeroWidthNonJoiner or ZeroWidthJoiner)) escaped.Append(Number(c));
            else escaped.Append(c);
        }
        return escaped.ToString();

        static string Number(char c) => $"\\u{(int)c:x4}";
    }

    private static bool IsUnseen(UnicodeCategory category) => category is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
