using System.Numerics;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Passes;

/// <summary>
/// Vector accesses to single ones: all that satisfy a condition, or those whose address is not provably a multiple of the whole. Views
/// given to a kernel, and shared arrays, start at a multiple of 16.
/// </summary>
internal static class SplitVectors
{
    public static void Run(Function function)
    {
        var alignments = new Dictionary<Value, long>();
        Split(function, value => value.NeedsProof && Alignment(value.Operands[0], alignments) < value.Width * value.Memory.Size(),
            static (_, _, _) => { });
    }

    /// <summary>Splits what the condition holds for, telling the address of each new access with the vector and the offset in it.</summary>
    public static void Split(Function function, Predicate<Value> condition, Action<Value, Value, int> onAddress)
    {
        var builder = new Builder(function);
        bool changed = false;
        foreach (Block block in function.Blocks)
        {
            if (!block.Body.Exists(v => v.Width > 0 && condition(v))) continue;
            changed = true;
            var parts = new Dictionary<Value, Value[]>();
            List<Value> body = block.Body;
            builder.Block = block;
            block.Body = builder.Body = new List<Value>(body.Count);
            foreach (Value value in body)
            {
                if (value.Op == Op.Extract && parts.TryGetValue(value.Operands[0], out Value[]? loaded))
                {
                    value.Forward = loaded[value.Bits];
                }
                else if (value.Width > 0 && condition(value))
                {
                    var elements = new Value[value.Width];
                    for (int i = 0; i < elements.Length; i++)
                    {
                        int offset = i * value.Memory.Size();
                        Value origin = value.Operands[0];
                        Value address = builder.Emit(Op.Add, origin, function.Const(origin.Type, offset));
                        onAddress(address, value, offset);
                        if (value.Op == Op.LoadVector) elements[i] = Access(value, builder.Load(value.Memory, address));
                        else Access(value, builder.Store(value.Memory, address, value.Operands[1 + i].Resolve()));
                    }
                    if (value.Op == Op.LoadVector) parts.Add(value, elements);
                }
                else
                {
                    block.Body.Add(value);
                }
            }
        }
        if (changed) function.ApplyForwards();
    }

    private static Value Access(Value vector, Value part)
    {
        part.Space = vector.Space;
        part.NonCoherent = vector.NonCoherent;
        return part;
    }

    /// <summary>A power of two up to 16 that divides the address.</summary>
    private static long Alignment(Value value, Dictionary<Value, long> known)
    {
        if (known.TryGetValue(value, out long alignment)) return alignment;
        alignment = value.Op switch
        {
            Op.Const => value.Bits == 0 ? 16 : 1L << Math.Min(4, BitOperations.TrailingZeroCount(value.Bits)),
            Op.Param => value.Space == AddressSpace.Global ? 16 : 1,
            Op.SharedAddress or Op.SlotAddress => 16,
            Op.Add or Op.Sub => Math.Min(Alignment(value.Operands[0], known), Alignment(value.Operands[1], known)),
            Op.Mul => Math.Min(16, Alignment(value.Operands[0], known) * Alignment(value.Operands[1], known)),
            Op.Select => Math.Min(Alignment(value.Operands[1], known), Alignment(value.Operands[2], known)),
            Op.And => Math.Max(Alignment(value.Operands[0], known), Alignment(value.Operands[1], known)),
            Op.SignExtend or Op.ZeroExtend or Op.Narrow => Alignment(value.Operands[0], known),
            _ => 1,
        };
        known.Add(value, alignment);
        return alignment;
    }
}
