namespace Lia.PtxEmulator.Parser;

internal enum TokenKind : byte { Word, Number, Text, Punctuation, End }

/// <param name="Kind">What it is.</param>
/// <param name="Text">Its characters; a word keeps its dots and double colons (<c>ld.shared::cta.u32</c>, <c>%tid.x</c>).</param>
/// <param name="Line">1-based line.</param>
/// <param name="Start">Position of its first character.</param>
/// <param name="End">Position after its last character.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line, int Start, int End)
{
    public bool Is(string text) => Kind != TokenKind.Text && Text == text;
}

/// <summary>Cuts PTX text into words, numbers, strings and punctuation; comments and white space vanish.</summary>
internal static class Lexer
{
    public static List<Token> Tokenize(string ptx)
    {
        var tokens = new List<Token>();
        int line = 1;
        int i = 0;
        while (i < ptx.Length)
        {
            char c = ptx[i];
            if (c == '\n') { line++; i++; }
            else if (char.IsWhiteSpace(c)) i++;
            else if (c == '/' && Peek(ptx, i + 1) == '/')
            {
                while (i < ptx.Length && ptx[i] != '\n') i++;
            }
            else if (c == '/' && Peek(ptx, i + 1) == '*')
            {
                int end = ptx.IndexOf("*/", i + 2, StringComparison.Ordinal);
                if (end < 0) throw new PtxSyntaxException(line, "comment is not closed");
                line += ptx.AsSpan(i, end - i).Count('\n');
                i = end + 2;
            }
            else if (c == '"')
            {
                int end = ptx.IndexOf('"', i + 1);
                if (end < 0) throw new PtxSyntaxException(line, "string is not closed");
                tokens.Add(new Token(TokenKind.Text, ptx[(i + 1)..end], line, i, end + 1));
                line += ptx.AsSpan(i, end - i).Count('\n');
                i = end + 1;
            }
            else if (char.IsAsciiDigit(c))
            {
                int start = i;
                // A sign belongs to a number only inside a decimal exponent; hexadecimal digits may be an 'e' too.
                bool hexadecimal = c == '0' && Peek(ptx, i + 1) is 'x' or 'X' or 'f' or 'F' or 'd' or 'D';
                while (i < ptx.Length && (char.IsAsciiLetterOrDigit(ptx[i]) || ptx[i] == '.' ||
                    (!hexadecimal && ptx[i] is '+' or '-' && ptx[i - 1] is 'e' or 'E'))) i++;
                tokens.Add(new Token(TokenKind.Number, ptx[start..i], line, start, i));
            }
            else if (IsWordStart(c))
            {
                int start = i++;
                while (i < ptx.Length)
                {
                    if (IsWordPart(ptx[i])) i++;
                    else if (ptx[i] == ':' && Peek(ptx, i + 1) == ':') i += 2;
                    else break;
                }
                tokens.Add(new Token(TokenKind.Word, ptx[start..i], line, start, i));
            }
            else if ("{}[](),;:+-!|@<>=".Contains(c))
            {
                tokens.Add(new Token(TokenKind.Punctuation, c.ToString(), line, i, i + 1));
                i++;
            }
            else throw new PtxSyntaxException(line, $"unexpected character '{c}'");
        }
        tokens.Add(new Token(TokenKind.End, "end of text", line, ptx.Length, ptx.Length));
        return tokens;
    }

    private static char Peek(string text, int index) => index < text.Length ? text[index] : '\0';

    private static bool IsWordStart(char c) => char.IsAsciiLetter(c) || c is '_' or '$' or '%' or '.';

    private static bool IsWordPart(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '$' or '%' or '.';
}
