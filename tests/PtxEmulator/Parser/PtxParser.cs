using System.Globalization;

namespace Lia.PtxEmulator.Parser;

/// <summary>
/// Reads the textbook PTX a compiler emits: module directives, entries, flat bodies of declarations, labels and instructions.
/// What it does not know is an error with its line; nothing is skipped except debug lines (.file, .loc), .pragma and functions that nothing
/// calls.
/// </summary>
internal sealed class PtxParser
{
    private readonly string _ptx;
    private readonly List<Token> _tokens;
    private int _position;

    private PtxParser(string ptx)
    {
        _ptx = ptx;
        _tokens = Lexer.Tokenize(ptx);
    }

    public static ModuleSyntax Parse(string ptx) => new PtxParser(ptx).ParseModule();

    private Token Current => _tokens[_position];

    private ModuleSyntax ParseModule()
    {
        var module = new ModuleSyntax();
        while (Current.Kind != TokenKind.End)
        {
            Token token = Next();
            switch (token.Text)
            {
                case ".version": ParseVersion(module); break;
                case ".target": ParseTarget(module); break;
                case ".address_size":
                    if (Integer() != 64) throw Error(token, ".address_size must be 64");
                    break;
                case ".visible" or ".weak": break;
                case ".entry": module.Entries.Add(ParseEntry()); break;
                case ".func": SkipFunction(); break;
                case ".extern" or ".shared" or ".const":
                    module.Variables.AddRange(ParseVariables(token));
                    break;
                case ".file" or ".loc": SkipLine(token.Line); break;
                default: throw Error(token, $"'{token.Text}' is not known at module level");
            }
        }
        if (module.VersionMajor == 0) throw new PtxSyntaxException(1, ".version is missing");
        if (module.Sm == 0) throw new PtxSyntaxException(1, ".target is missing");
        return module;
    }

    // Nothing can call it, since calls are not known: ILGPU's compiler leaves a function behind for each intrinsic that it has put in
    // place.
    private void SkipFunction()
    {
        while (!Current.Is("{"))
        {
            if (Current.Kind == TokenKind.End || Next().Is(";")) return;
        }
        while (!Next().Is("}"))
        {
            if (Current.Kind == TokenKind.End) throw Error(Current, "the body of a function is not closed");
        }
    }

    private void ParseVersion(ModuleSyntax module)
    {
        Token token = Next();
        string[] parts = token.Text.Split('.');
        if (parts.Length != 2 || !int.TryParse(parts[0], out int major) || !int.TryParse(parts[1], out int minor))
            throw Error(token, $"'{token.Text}' is not a PTX version");
        module.VersionMajor = major;
        module.VersionMinor = minor;
    }

    private void ParseTarget(ModuleSyntax module)
    {
        Token token = Next();
        string name = token.Text;
        if (name.EndsWith('a'))
        {
            module.ArchitectureSpecific = true;
            name = name[..^1];
        }
        if (!name.StartsWith("sm_", StringComparison.Ordinal) || !int.TryParse(name.AsSpan(3), out int sm))
            throw Error(token, $"'{token.Text}' is not a target");
        module.Sm = sm;
    }

    private EntrySyntax ParseEntry()
    {
        Token name = Word("an entry name");
        var entry = new EntrySyntax(name.Line, name.Text);
        if (Accept("(") && !Accept(")"))
        {
            do
            {
                Token token = Next();
                if (!token.Is(".param")) throw Error(token, $"expected .param, found '{token.Text}'");
                entry.Parameters.Add(ParseVariable(token, StateSpace.Param, isExtern: false));
            }
            while (Accept(","));
            Expect(")");
        }
        while (!Current.Is("{"))
        {
            Token directive = Next();
            switch (directive.Text)
            {
                case ".maxntid" or ".reqntid":
                    long threads = Integer();
                    while (Accept(",")) threads *= Integer();
                    entry.MaximumThreads = threads;
                    break;
                case ".minnctapersm" or ".maxnreg": Integer(); break;
                case ".pragma": Next(); Expect(";"); break;
                default: throw Error(directive, $"'{directive.Text}' is not known before an entry's body");
            }
        }
        Expect("{");
        ParseBody(entry);
        return entry;
    }

    private void ParseBody(EntrySyntax entry)
    {
        while (!Accept("}"))
        {
            Token token = Current;
            if (token.Kind == TokenKind.End) throw Error(token, $"the body of {entry.Name} is not closed");
            if (token.Is(".reg")) ParseRegisters(entry);
            else if (token.Text is ".shared" or ".local" or ".const") entry.Variables.AddRange(ParseVariables(Next()));
            else if (token.Text is ".loc" or ".file") { Next(); SkipLine(token.Line); }
            else if (token.Is(".pragma")) { Next(); Next(); Expect(";"); }
            else if (token.Kind == TokenKind.Word && _tokens[_position + 1].Is(":"))
            {
                Next();
                Next();
                if (!entry.Labels.TryAdd(token.Text, entry.Instructions.Count)) throw Error(token, $"label {token.Text} is defined twice");
            }
            else entry.Instructions.Add(ParseInstruction());
        }
    }

    private void ParseRegisters(EntrySyntax entry)
    {
        Expect(".reg");
        PtxType type = ParseType(Next());
        if (type is PtxType.B8 or PtxType.U8 or PtxType.S8 or PtxType.BF16 or PtxType.BF16x2 or PtxType.TF32)
            throw Error(_tokens[_position - 1], $"registers of type {type} do not exist");
        do
        {
            Token name = Word("a register name");
            if (!name.Text.StartsWith('%')) throw Error(name, $"register '{name.Text}' must start with '%'");
            if (Accept("<"))
            {
                long count = Integer();
                Expect(">");
                for (long i = 0; i < count; i++) Declare(name, name.Text + i.ToString(CultureInfo.InvariantCulture));
            }
            else Declare(name, name.Text);
        }
        while (Accept(","));
        Expect(";");

        void Declare(Token at, string register)
        {
            if (!entry.Registers.TryAdd(register, type)) throw Error(at, $"register {register} is declared twice");
        }
    }

    private List<VariableSyntax> ParseVariables(Token directive)
    {
        bool isExtern = directive.Is(".extern");
        Token space = isExtern ? Next() : directive;
        StateSpace kind = space.Text switch
        {
            ".shared" => StateSpace.Shared,
            ".local" when !isExtern => StateSpace.Local,
            ".const" when !isExtern => StateSpace.Const,
            _ => throw Error(space, $"variables in '{space.Text}' are not supported"),
        };
        var variables = new List<VariableSyntax> { ParseVariable(space, kind, isExtern) };
        Expect(";");
        return variables;
    }

    // .align n .type name[count]   (a parameter may add .ptr .space .align n after its type)
    private VariableSyntax ParseVariable(Token directive, StateSpace space, bool isExtern)
    {
        int alignment = 0;
        if (Accept(".align")) alignment = (int)Integer();
        PtxType type = ParseType(Next());
        if (type == PtxType.Pred) throw Error(directive, "a variable cannot be a predicate");
        while (space == StateSpace.Param && Current.Text is ".ptr" or ".global" or ".shared" or ".const" or ".local" or ".align")
        {
            if (Next().Is(".align")) Integer();
        }
        Token name = Word("a variable name");
        long count = 1;
        bool sized = true;
        while (Accept("["))
        {
            if (Accept("]")) { sized = false; continue; }
            count *= Integer();
            Expect("]");
        }
        byte[] initial = [];
        if (Accept("="))
        {
            if (space != StateSpace.Const) throw Error(name, $"{name.Text}: only .const variables have initial values");
            initial = ParseInitializer(type);
            if (!sized) count = initial.Length / type.Size();
            sized = true;
        }
        bool isDynamic = isExtern && !sized;
        if (!sized && !isDynamic) throw Error(name, $"{name.Text} has no size");
        if (isExtern && sized) throw Error(name, $"{name.Text}: an extern shared array is declared without a size");
        long bytes = isDynamic ? 0 : count * type.Size();
        if (bytes < initial.Length) throw Error(name, $"{name.Text} has more initial values than elements");
        Array.Resize(ref initial, space == StateSpace.Const ? (int)bytes : 0);
        if (alignment == 0) alignment = type.Size();
        if (!System.Numerics.BitOperations.IsPow2(alignment))
            throw Error(name, $"{name.Text}: alignment {alignment} is not a power of two");
        return new VariableSyntax(name.Line, space, type, name.Text, alignment, bytes) { IsDynamic = isDynamic, Initial = initial };
    }

    private byte[] ParseInitializer(PtxType type)
    {
        var bytes = new List<byte>();
        bool list = Accept("{");
        do
        {
            Operand value = ParseOperand();
            ulong bits = value.Kind switch
            {
                OperandKind.Integer => (ulong)value.Integer,
                OperandKind.Float when type == PtxType.F64 => BitConverter.DoubleToUInt64Bits(value.Float),
                OperandKind.Float when type is PtxType.F32 or PtxType.B32 =>
                    value.SingleBits ?? BitConverter.SingleToUInt32Bits((float)value.Float),
                _ => throw Error(Current, $"'{value.Text}' cannot initialize .{type}"),
            };
            for (int i = 0; i < type.Size(); i++) bytes.Add((byte)(bits >> (8 * i)));
        }
        while (list && Accept(","));
        if (list) Expect("}");
        return [.. bytes];
    }

    private InstructionSyntax ParseInstruction()
    {
        Token first = Current;
        string? guard = null;
        bool guardNegated = false;
        if (Accept("@"))
        {
            guardNegated = Accept("!");
            guard = Word("a predicate").Text;
        }
        Token opcode = Word("an instruction");
        string[] parts = opcode.Text.Split('.');
        if (parts[0].Length == 0) throw Error(opcode, $"'{opcode.Text}' is not known in a body");
        var operands = new List<Operand>();
        if (!Current.Is(";"))
        {
            do operands.Add(ParseOperand());
            while (Accept(","));
        }
        Token end = Current;
        Expect(";");
        string text = string.Join(' ', _ptx[first.Start..end.End].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return new InstructionSyntax(first.Line, text, parts[0], parts[1..], [.. operands]) { Guard = guard, GuardNegated = guardNegated };
    }

    private Operand ParseOperand()
    {
        int start = Current.Start;
        if (Accept("{"))
        {
            var elements = new List<Operand>();
            do elements.Add(ParseOperand());
            while (Accept(","));
            Expect("}");
            return new Operand(OperandKind.Vector, Slice(start)) { Elements = [.. elements] };
        }
        if (Accept("["))
        {
            string? name = null;
            long offset = 0;
            if (Current.Kind == TokenKind.Word)
            {
                name = Next().Text;
                if (Accept("+")) offset = SignedInteger();
                else if (Current.Is("-")) throw Error(Current, "a negative offset is written [register+-4]");   // as ptxas wants it
            }
            else offset = SignedInteger();
            Operand? coordinates = null;
            if (Accept(","))
            {
                if (!Current.Is("{")) throw Error(Current, $"expected the coordinates of a tile, found '{Current.Text}'");
                coordinates = ParseOperand();
            }
            Expect("]");
            return new Operand(OperandKind.Address, Slice(start)) { Name = name, Integer = offset, Coordinates = coordinates };
        }
        if (Accept("!")) return new Operand(OperandKind.Register, Slice(start)) { Name = Word("a predicate").Text, Negated = true };
        if (Current.Kind == TokenKind.Number || Current.Is("-")) return ParseNumber();
        Token word = Word("an operand");
        if (word.Text == "_") return new Operand(OperandKind.Sink, "_");
        OperandKind kind = word.Text.StartsWith('%') ? OperandKind.Register : OperandKind.Symbol;
        var operand = new Operand(kind, word.Text) { Name = word.Text };
        return Accept("|") ? operand with { Pair = ParseOperand() } : operand;
    }

    private Operand ParseNumber()
    {
        int start = Current.Start;
        bool negative = Accept("-");
        Token token = Next();
        string text = token.Text;
        if (text.StartsWith("0f", StringComparison.OrdinalIgnoreCase) && text.Length == 10 &&
            uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, null, out uint single))
        {
            if (negative) single ^= 0x8000_0000;
            return new Operand(OperandKind.Float, Slice(start)) { Float = BitConverter.UInt32BitsToSingle(single), SingleBits = single };
        }
        if (text.StartsWith("0d", StringComparison.OrdinalIgnoreCase) && text.Length == 18 &&
            ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, null, out ulong bits))
        {
            double value = BitConverter.UInt64BitsToDouble(bits);
            return new Operand(OperandKind.Float, Slice(start)) { Float = negative ? -value : value };
        }
        if (TryParseInteger(text, out ulong integer))
            return new Operand(OperandKind.Integer, Slice(start)) { Integer = negative ? -(long)integer : (long)integer };
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
            return new Operand(OperandKind.Float, Slice(start)) { Float = negative ? -number : number };
        throw Error(token, $"'{text}' is not a number");
    }

    private static bool TryParseInteger(string text, out ulong value)
    {
        ReadOnlySpan<char> digits = text.AsSpan().TrimEnd("Uu");
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, null, out value);
        if (digits.StartsWith("0b", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(digits[2..], NumberStyles.AllowBinarySpecifier, null, out value);
        if (digits.Length > 1 && digits[0] == '0')
        {
            value = 0;
            foreach (char c in digits)
            {
                if (c is < '0' or > '7') return false;
                value = (value << 3) + (uint)(c - '0');
            }
            return true;
        }
        return ulong.TryParse(digits, NumberStyles.None, null, out value);
    }

    private long SignedInteger()
    {
        bool negative = Accept("-");
        long value = Integer();
        return negative ? -value : value;
    }

    private long Integer()
    {
        Token token = Next();
        if (token.Kind != TokenKind.Number || !TryParseInteger(token.Text, out ulong value))
            throw Error(token, $"expected an integer, found '{token.Text}'");
        return (long)value;
    }

    private static PtxType ParseType(Token token)
    {
        if (token.Text.StartsWith('.') && PtxTypes.TryParse(token.Text[1..], out PtxType type)) return type;
        throw Error(token, $"'{token.Text}' is not a type");
    }

    private Token Word(string what)
    {
        Token token = Next();
        return token.Kind == TokenKind.Word ? token : throw Error(token, $"expected {what}, found '{token.Text}'");
    }

    private Token Next()
    {
        Token token = Current;
        if (token.Kind == TokenKind.End) throw Error(token, "unexpected end of text");
        _position++;
        return token;
    }

    private bool Accept(string text)
    {
        if (!Current.Is(text)) return false;
        _position++;
        return true;
    }

    private void Expect(string text)
    {
        if (!Accept(text)) throw Error(Current, $"expected '{text}', found '{Current.Text}'");
    }

    private void SkipLine(int line)
    {
        while (Current.Kind != TokenKind.End && Current.Line == line) _position++;
    }

    private string Slice(int start) => _ptx[start.._tokens[_position - 1].End];

    private static PtxSyntaxException Error(Token token, string message) => new(token.Line, message);
}
