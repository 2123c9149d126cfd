using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator.Decode;

/// <summary>What an instruction can refer to besides registers.</summary>
internal sealed class DecodeScope
{
    public required ModuleSyntax Module { get; init; }

    public required EntrySyntax Entry { get; init; }

    public required RegisterLayout Layout { get; init; }

    /// <summary>Address of every variable in its state space.</summary>
    public required IReadOnlyDictionary<string, (StateSpace Space, long Address)> Symbols { get; init; }
}

/// <summary>A memory operand: a register or constant slot plus an offset.</summary>
internal readonly record struct AddressOperand(int Slot, bool Is64, long Offset);

/// <summary>A predicate operand: its lane mask is complemented when negated.</summary>
internal readonly record struct PredicateOperand(int Slot, bool Negated);

/// <summary>
/// Hands an instruction's modifiers and operands to its decoder, in the order of the PTX manual's grammar, and refuses whatever is left
/// over or of the wrong type. It also notes which registers are read and written.
/// </summary>
internal sealed class InstructionReader(DecodeScope scope, InstructionSyntax syntax)
{
    private int _modifier;
    private int _operandsTaken;

    public InstructionSyntax Syntax => syntax;

    public DecodeScope Scope => scope;

    public List<int> Uses { get; } = [];

    public List<int> Definitions { get; } = [];

    public int OperandCount => syntax.Operands.Length;

    // ---- modifiers ----

    private string? Head => _modifier < syntax.Modifiers.Length ? syntax.Modifiers[_modifier] : null;

    public bool Take(string modifier)
    {
        if (Head != modifier) return false;
        _modifier++;
        return true;
    }

    /// <summary>Takes the next modifier if it is one of those listed; null otherwise.</summary>
    public string? TakeAny(params ReadOnlySpan<string> modifiers)
    {
        foreach (string modifier in modifiers)
        {
            if (Take(modifier)) return modifier;
        }
        return null;
    }

    public string Require(params ReadOnlySpan<string> modifiers) =>
        TakeAny(modifiers) ?? throw Error($"expected .{string.Join(" or .", modifiers!)}, found {(Head is null ? "nothing" : "." + Head)}");

    public PtxType TakeType()
    {
        if (Head is not null && PtxTypes.TryParse(Head, out PtxType type))
        {
            _modifier++;
            return type;
        }
        throw Error(Head is null ? "a type is missing" : $".{Head} is not known here");
    }

    public PtxType TakeType(params ReadOnlySpan<PtxType> allowed)
    {
        PtxType type = TakeType();
        return allowed.Contains(type) ? type : throw Error($"type .{Name(type)} is not allowed here");
    }

    /// <summary>Every modifier and operand must have been read.</summary>
    public void Finish()
    {
        if (Head is not null) throw Error($"modifier .{Head} is not known here");
        if (_operandsTaken < OperandCount) throw Error($"{OperandCount} operands where {_operandsTaken} are known");
    }

    public void RequireSm(int sm)
    {
        if (scope.Module.Sm < sm) throw Error($"needs sm_{sm} or later, the target is sm_{scope.Module.Sm}");
    }

    /// <summary>What only the architecture-specific target (sm_90a) has.</summary>
    public void RequireArchitecture(int sm)
    {
        if (scope.Module.Sm != sm || !scope.Module.ArchitectureSpecific)
            throw Error($"needs sm_{sm}a, the target is sm_{scope.Module.Sm}{(scope.Module.ArchitectureSpecific ? "a" : "")}");
    }

    /// <summary>The PTX version, times ten, that has the instruction.</summary>
    public void RequireVersion(int version)
    {
        if (scope.Module.VersionMajor * 10 + scope.Module.VersionMinor < version)
            throw Error($"needs PTX {version / 10}.{version % 10}, the module has {scope.Module.VersionMajor}.{scope.Module.VersionMinor}");
    }

    // ---- operands ----

    public Operand this[int index]
    {
        get
        {
            if (index >= OperandCount) throw Error($"operand {index + 1} is missing");
            _operandsTaken = Math.Max(_operandsTaken, index + 1);
            return syntax.Operands[index];
        }
    }

    public int Destination(int index, PtxType type) => Destination(this[index], type, wider: false);

    public int Source(int index, PtxType type) => Source(this[index], type, wider: false);

    public int Destination(Operand operand, PtxType type, bool wider)
    {
        Register register = RegisterOf(operand, type, wider);
        Definitions.Add(register.Id);
        return register.Offset;
    }

    public int Source(Operand operand, PtxType type, bool wider)
    {
        switch (operand.Kind)
        {
            case OperandKind.Integer when type.IsInteger() || type.IsBits():
                return scope.Layout.Constant(IntegerBits(operand, type), type.Size() == 1 ? 2 : type.Size());
            case OperandKind.Float when type is PtxType.F32 or PtxType.B32:
                return scope.Layout.Constant(operand.SingleBits ?? BitConverter.SingleToUInt32Bits((float)operand.Float), 4);
            case OperandKind.Float when type is PtxType.F64 or PtxType.B64:
                return scope.Layout.Constant(BitConverter.DoubleToUInt64Bits(operand.Float), 8);
            case OperandKind.Register:
                Register register = RegisterOf(operand, type, wider);
                Uses.Add(register.Id);
                return register.Offset;
            default:
                throw Error($"'{operand.Text}' is not an operand of type .{Name(type)}");
        }
    }

    /// <summary>The declared type of a register operand; null for anything else.</summary>
    public PtxType? RegisterType(Operand operand) =>
        operand.Kind == OperandKind.Register && scope.Layout.TryGet(operand.Name!, out Register register) ? register.Type : null;

    public int PredicateDestination(Operand operand)
    {
        if (operand.Negated) throw Error($"'{operand.Text}' cannot be written");
        return Destination(operand, PtxType.Pred, wider: false);
    }

    /// <summary>A predicate, possibly negated, or the constants 0 and 1.</summary>
    public PredicateOperand Predicate(int index)
    {
        Operand operand = this[index];
        if (operand.Kind == OperandKind.Integer && operand.Integer is 0 or 1)
            return new PredicateOperand(scope.Layout.Constant((ulong)operand.Integer, 1), false);
        if (operand.Kind != OperandKind.Register || !scope.Layout.TryGet(operand.Name!, out Register register)
            || register.Type != PtxType.Pred)
            throw Error($"'{operand.Text}' is not a predicate");
        Uses.Add(register.Id);
        return new PredicateOperand(register.Offset, operand.Negated);
    }

    public long Immediate(int index)
    {
        Operand operand = this[index];
        return operand.Kind == OperandKind.Integer ? operand.Integer : throw Error($"'{operand.Text}' must be an integer constant");
    }

    /// <summary>The elements of a vector operand, or the operand itself.</summary>
    public Operand[] Elements(int index, int count)
    {
        Operand operand = this[index];
        Operand[] elements = operand.Kind == OperandKind.Vector ? operand.Elements : [operand];
        return elements.Length == count ? elements : throw Error($"'{operand.Text}' must have {count} elements");
    }

    /// <summary>
    /// <c>[register+offset]</c>, <c>[variable+offset]</c> or <c>[number]</c>; a variable must live in the instruction's space.
    /// </summary>
    public AddressOperand Address(int index, StateSpace space)
    {
        if (this[index].Coordinates is not null) throw Error($"'{this[index].Text}' has coordinates, which only a tensor map takes");
        return AddressOf(this[index], space);
    }

    /// <summary><c>[map, {x, y, ...}]</c>: a generic address and as many coordinates as the tensor has dimensions.</summary>
    public (AddressOperand Map, int[] Coordinates) Tile(int index, int dimensions)
    {
        Operand operand = this[index];
        if (operand.Coordinates is not { } coordinates || coordinates.Elements.Length != dimensions)
            throw Error($"'{operand.Text}' must have {dimensions} coordinates");
        return (AddressOf(operand, StateSpace.Generic), [.. coordinates.Elements.Select(e => Source(e, PtxType.S32, wider: false))]);
    }

    private AddressOperand AddressOf(Operand operand, StateSpace space)
    {
        if (operand.Kind != OperandKind.Address) throw Error($"'{operand.Text}' is not an address");
        if (operand.Name is null) return new AddressOperand(scope.Layout.Constant(0, 8), true, operand.Integer);
        if (scope.Layout.TryGet(operand.Name, out Register register))
        {
            if (register.Type.Size() is not (4 or 8) || register.Type.IsFloat()) throw Error($"{operand.Name} cannot hold an address");
            if (register.Type.Size() == 4 && space is StateSpace.Global or StateSpace.Generic)
                throw Error($"{operand.Name}: a global or generic address has 64 bits");
            Uses.Add(register.Id);
            return new AddressOperand(register.Offset, register.Type.Size() == 8, operand.Integer);
        }
        if (scope.Symbols.TryGetValue(operand.Name, out (StateSpace Space, long Address) symbol))
        {
            if (symbol.Space != space) throw Error($"{operand.Name} is a .{symbol.Space} variable");
            return new AddressOperand(scope.Layout.Constant(0, 8), true, symbol.Address + operand.Integer);
        }
        throw Error($"'{operand.Name}' is not declared");
    }

    public PtxSyntaxException Error(string message) => new(syntax.Line, $"{message}: {syntax.Text}");

    public static string Name(PtxType type) => type.ToString().ToLowerInvariant();

    private Register RegisterOf(Operand operand, PtxType type, bool wider)
    {
        if (operand.Kind != OperandKind.Register) throw Error($"'{operand.Text}' is not a register");
        if (operand.Negated && type != PtxType.Pred) throw Error($"'{operand.Text}': only predicates are negated");
        if (!scope.Layout.TryGet(operand.Name!, out Register register)) throw Error($"register {operand.Name} is not declared");
        bool accepted = wider ? type.AcceptsWider(register.Type) : type.Accepts(register.Type);
        if (!accepted) throw Error($"{operand.Name} is .{Name(register.Type)}, the instruction works on .{Name(type)}");
        return register;
    }

    private ulong IntegerBits(Operand operand, PtxType type)
    {
        int bits = type.Size() * 8;
        long value = operand.Integer;
        if (bits == 64) return (ulong)value;
        if (value < -(1L << (bits - 1)) || value >= 1L << bits) throw Error($"{operand.Text} does not fit .{Name(type)}");
        return (ulong)value & ((1UL << bits) - 1);
    }
}
