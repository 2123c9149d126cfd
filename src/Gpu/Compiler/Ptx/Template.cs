using System.Collections.Concurrent;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Ptx;

/// <summary>What stands at a place of a template.</summary>
internal enum Piece : byte { Text, Result, Register, Immediate, Predicate, Shared, Global, Any, WholeShared, WholeGlobal, Space }

/// <summary>A template (see <see cref="PtxAttribute"/>) cut into text and placeholders.</summary>
internal sealed class Template
{
    private static readonly ConcurrentDictionary<string, Template> s_templates = new();

    private Template(string text)
    {
        int start = 0;
        for (int at = text.IndexOf('$'); at >= 0; at = text.IndexOf('$', start))
        {
            Pieces.Add((Piece.Text, 0, text[start..at]));
            at++;
            int name = at;
            while (at < text.Length && char.IsAsciiLetter(text[at])) at++;
            Piece piece = text[name..at] switch
            {
                "d" => Piece.Result,
                "" => Piece.Register,
                "i" => Piece.Immediate,
                "p" => Piece.Predicate,
                "shared" => Piece.Shared,
                "global" => Piece.Global,
                "any" => Piece.Any,
                "saddr" => Piece.WholeShared,
                "gaddr" => Piece.WholeGlobal,
                "space" => Piece.Space,
                _ => throw new FormatException($"placeholder {text[name..at]} in '{text}'"),
            };
            int index = 0;
            for (; at < text.Length && char.IsAsciiDigit(text[at]); at++) index = index * 10 + (text[at] - '0');
            Pieces.Add((piece, index, ""));
            if (piece is Piece.Shared or Piece.Global or Piece.Any or Piece.WholeShared or Piece.WholeGlobal) Addresses.Add(index);
            if (piece is Piece.Shared or Piece.Global or Piece.Any) Offsettable.Add(index);
            start = at;
        }
        Pieces.Add((Piece.Text, 0, text[start..]));
    }

    public List<(Piece Piece, int Index, string Text)> Pieces { get; } = [];

    /// <summary>Operands that are addresses.</summary>
    public List<int> Addresses { get; } = [];

    /// <summary>Those of them that are written as a register and an offset.</summary>
    public List<int> Offsettable { get; } = [];

    public static Template Of(string text) => s_templates.GetOrAdd(text, static t => new Template(t));

    public static Template Of(PtxCall call) => Of(call.Intrinsic.Template);
}
