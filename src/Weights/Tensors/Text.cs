using System.Text;

namespace Lia.Weights;

/// <summary>Text from untrusted files, made fit for a one-line message.</summary>
internal static class Text
{
    private const int Longest = 120;

    /// <summary>The text between quotes, control characters escaped and the middle of long text left out.</summary>
    public static string Quote(string text, bool quotes = true)
    {
        text = Shorten(text);
        StringBuilder result = new(text.Length + 2);
        if (quotes) result.Append('\'');
        foreach (char c in text)
        {
            if (char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029') result.Append($"\\u{(int)c:x4}");
            else result.Append(c);
        }
        if (quotes) result.Append('\'');
        return result.ToString();
    }

    /// <summary>The text, the middle of long text left out.</summary>
    public static string Shorten(string text) =>
        text.Length <= Longest ? text : $"{text.AsSpan(0, Longest - 20)}...{text.AsSpan(text.Length - 17)}";

    /// <summary>A shape as it is written in messages: <c>[1, 512, 4, 4]</c>.</summary>
    public static string Shape(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";
}
