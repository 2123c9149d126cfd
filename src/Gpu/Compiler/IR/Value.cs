using System.Collections.Immutable;

namespace Lia.Gpu.Compiler.IR;

/// <summary>An instruction and the value it computes; assigned once.</summary>
internal sealed class Value(int id, Op op, IRType type, Value[] operands)
{
    public readonly int Id = id;
    public readonly Op Op = op;
    public readonly IRType Type = type;
    public Value[] Operands = operands;

    /// <summary>See <see cref="Op"/> for what it holds.</summary>
    public long Bits;

    /// <summary>See <see cref="Op"/> for what it holds.</summary>
    public byte Kind;

    /// <summary>See <see cref="Op"/> for what it holds.</summary>
    public object? Data;

    /// <summary>Of memory operations.</summary>
    public AddressSpace Space;

    /// <summary>Of LoadVector: the number of results.</summary>
    public byte Width;

    /// <summary>Of vector accesses: split into single ones unless the address turns out to be a multiple of the whole.</summary>
    public bool NeedsProof;

    /// <summary>Of loads: through the read-only path (`.nc`).</summary>
    public bool NonCoherent;

    /// <summary>The block it is in; null for constants.</summary>
    public Block? Block;

    /// <summary>Set when the value was replaced: what stands in for it.</summary>
    public Value? Forward;

    public Comparison Comparison => (Comparison)Kind;

    public MemoryType Memory => (MemoryType)Kind;

    public PtxCall Call => (PtxCall)Data!;

    public bool IsConst => Op == Op.Const;

    public bool IsConstant(long bits) => Op == Op.Const && Bits == bits;

    public bool IsMemory => Op is Op.Load or Op.Store or Op.LoadVector or Op.StoreVector;

    /// <summary>Stays where it is and is kept even when nothing uses it.</summary>
    public bool HasSideEffect => Op is Op.Store or Op.StoreVector or Op.Shuffle
        || (Op == Op.Ptx && Call.Intrinsic.Effect == PtxEffect.Writes);

    /// <summary>Depends on its operands alone: may be merged with its equals and moved to where its operands are known.</summary>
    public bool IsPure => Op switch
    {
        Op.Load or Op.Store or Op.LoadVector or Op.StoreVector or Op.Shuffle or Op.Phi or Op.Extract => false,
        Op.Ptx => Call.Intrinsic.Effect == PtxEffect.None && Call.Results.Length == 1,
        _ => true,
    };

    public Value Resolve()
    {
        Value value = this;
        while (value.Forward is { } next) value = next;
        return value;
    }
}

/// <summary>A call of a template: what each parameter is, and the types of the results.</summary>
internal sealed record PtxCall(PtxAttribute Intrinsic, string Name, ImmutableArray<IRType> Results, Frontend.SourcePlace Place)
{
    /// <summary>Whether every result is the new content of an accumulator, which an operand gives the old one of.</summary>
    public bool HasAccumulators => Intrinsic.Accumulators > 0;

    /// <summary>
    /// The operand that goes in where a result comes out: the first stands in the parameters' order, the rest behind all parameters.
    /// </summary>
    public Value Accumulator(Value call, int result) => call.Operands[result == 0 ? 0 : call.Operands.Length - Results.Length + result];
}

/// <summary>A thread's own memory: a local variable or array, until it is promoted to registers.</summary>
internal sealed class Slot(string name)
{
    public readonly string Name = name;

    /// <summary>Bytes; -1 while the length of a local array (the address's operand) is not known to be constant.</summary>
    public long Size = -1;

    /// <summary>Of local arrays: the bytes of an element.</summary>
    public int ElementSize;

    public Frontend.SourcePlace? Place;
}

/// <summary>An allocation of shared memory.</summary>
internal sealed class SharedSymbol(string name, bool isDynamic)
{
    public readonly string Name = name;
    public readonly bool IsDynamic = isDynamic;

    /// <summary>Bytes. What exceeds 16 an address is rounded up to as the kernel runs.</summary>
    public int Alignment = 16;

    /// <summary>Bytes; -1 while the length (the address's operand) is not known to be constant.</summary>
    public long Size = -1;

    public int ElementSize;
    public Frontend.SourcePlace? Place;
}
