namespace Lia.PtxEmulator.Parser;

internal enum StateSpace : byte { Generic, Global, Shared, Local, Param, Const }

internal enum OperandKind : byte { Register, Integer, Float, Symbol, Address, Vector, Sink }

/// <summary>One operand as written. Only the members of its kind are set.</summary>
internal sealed record Operand(OperandKind Kind, string Text)
{
    /// <summary>
    /// Register, special register, variable or label name; the base of an address (null when the address is a plain number).
    /// </summary>
    public string? Name { get; init; }

    /// <summary>An integer's value, or an address's offset.</summary>
    public long Integer { get; init; }

    /// <summary>A floating-point literal's value, exact for 0f and 0d forms.</summary>
    public double Float { get; init; }

    /// <summary>The bits of a 0f literal, so that NaN payloads survive.</summary>
    public uint? SingleBits { get; init; }

    /// <summary>A predicate written with '!'.</summary>
    public bool Negated { get; init; }

    /// <summary>The elements of <c>{a, b}</c>.</summary>
    public Operand[] Elements { get; init; } = [];

    /// <summary>The second destination of <c>d|p</c>.</summary>
    public Operand? Pair { get; init; }

    /// <summary>The coordinates of a tile, in <c>[map, {x, y}]</c>.</summary>
    public Operand? Coordinates { get; init; }
}

/// <summary>An instruction as written.</summary>
internal sealed record InstructionSyntax(int Line, string Text, string Opcode, string[] Modifiers, Operand[] Operands)
{
    /// <summary>Name of the guard predicate, null when unguarded.</summary>
    public string? Guard { get; init; }

    /// <summary>Whether the guard is <c>@!p</c>.</summary>
    public bool GuardNegated { get; init; }
}

/// <summary>A .param, .shared, .local or .const variable.</summary>
internal sealed record VariableSyntax(int Line, StateSpace Space, PtxType Type, string Name, int Alignment, long Bytes)
{
    /// <summary>An <c>.extern .shared</c> array without a size: the dynamic shared memory of the launch.</summary>
    public bool IsDynamic { get; init; }

    /// <summary>The bytes of a .const variable.</summary>
    public byte[] Initial { get; init; } = [];
}

internal sealed record EntrySyntax(int Line, string Name)
{
    public List<VariableSyntax> Parameters { get; } = [];

    public List<VariableSyntax> Variables { get; } = [];

    public Dictionary<string, PtxType> Registers { get; } = new(StringComparer.Ordinal);

    public List<InstructionSyntax> Instructions { get; } = [];

    /// <summary>Label to the index of the instruction it stands before.</summary>
    public Dictionary<string, int> Labels { get; } = new(StringComparer.Ordinal);

    /// <summary>Threads a block may have (.maxntid or .reqntid), null when not bounded.</summary>
    public long? MaximumThreads { get; set; }
}

internal sealed record ModuleSyntax
{
    public int VersionMajor { get; set; }

    public int VersionMinor { get; set; }

    public int Sm { get; set; }

    public bool ArchitectureSpecific { get; set; }

    public List<VariableSyntax> Variables { get; } = [];

    public List<EntrySyntax> Entries { get; } = [];
}
