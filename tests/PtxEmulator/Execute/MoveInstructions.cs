using System.Numerics;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>mov (copies, packing and unpacking, special registers, addresses of variables) and selp.</summary>
internal static class MoveInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "mov" => Move(r),
        "selp" => Select(r),
        _ => null,
    };

    private static Op Move(InstructionReader r)
    {
        PtxType type = r.TakeType(Pred, B16, B32, B64, U16, U32, U64, S16, S32, S64, F32, F64);
        if (type == Pred) return new MovePredicate(r.PredicateDestination(r[0]), r.Predicate(1));
        if (r[0].Kind == OperandKind.Vector || r[1].Kind == OperandKind.Vector) return Pack(r, type);
        int d = r.Destination(0, type);
        Operand source = r[1];
        if (source.Kind == OperandKind.Symbol) return SymbolAddress(r, d, type.Size(), 0, null);
        if (source.Name is "%clock" or "%clock64")
        {
            if (type != (source.Name == "%clock" ? U32 : U64)) throw r.Error("%clock has type .u32, %clock64 .u64");
            return new ReadClock(d, type.Size());
        }
        if (source.Kind == OperandKind.Register && r.Scope.Layout.TryGetSpecial(source.Name!, out int special))
        {
            if (type.Size() != 4 || type == F32) throw r.Error("special registers have type .u32");
            return Copy(d, special, 4);
        }
        return Copy(d, r.Source(1, type), type.Size());
    }

    /// <summary>The address of a variable (plus the base of its window when a generic address is wanted).</summary>
    public static Op SymbolAddress(InstructionReader r, int d, int size, ulong window, StateSpace? space)
    {
        if (!r.Scope.Symbols.TryGetValue(r[1].Name!, out (StateSpace Space, long Address) symbol))
            throw r.Error($"'{r[1].Name}' is not declared");
        if (symbol.Space == StateSpace.Param) throw r.Error("the address of a parameter cannot be taken");
        if (space is StateSpace s && s != symbol.Space)
            throw r.Error($"{r[1].Name} is a .{MemoryInstructions.InstructionSpace(symbol.Space)} variable");
        if (size < 4) throw r.Error("an address has 32 or 64 bits");
        return Copy(d, r.Scope.Layout.Constant((ulong)symbol.Address + window, size), size);
    }

    public static Op Copy(int d, int a, int size) => size switch
    {
        2 => new SimdUnary<ushort, Identity<ushort>>(d, a),
        4 => new SimdUnary<uint, Identity<uint>>(d, a),
        _ => new SimdUnary<ulong, Identity<ulong>>(d, a),
    };

    // mov.b32 d, {lo, hi} and the reverse; the first element is the least significant.
    private static Op Pack(InstructionReader r, PtxType type)
    {
        bool packs = r[1].Kind == OperandKind.Vector;
        if (packs && r[0].Kind == OperandKind.Vector) throw r.Error("only one side can be a vector");
        Operand[] elements = r[packs ? 1 : 0].Elements;
        if (!type.IsBits() || elements.Length is not (2 or 4) || type.Size() % elements.Length != 0)
            throw r.Error("packs 2 or 4 equal parts of .b32 or .b64");
        PtxType part = (type.Size() / elements.Length) switch { 2 => B16, 4 => B32, _ => throw r.Error("parts have 16 or 32 bits") };
        if (packs)
        {
            int d = r.Destination(0, type);
            return new PackParts(d, type.Size(), [.. elements.Select(e => r.Source(e, part, wider: false))], part.Size());
        }
        int?[] parts = [.. elements.Select(e => e.Kind == OperandKind.Sink ? (int?)null : r.Destination(e, part, wider: false))];
        return new UnpackParts(parts, part.Size(), r.Source(1, type), type.Size());
    }

    private static Op Select(InstructionReader r)
    {
        PtxType type = r.TakeType(B16, B32, B64, U16, U32, U64, S16, S32, S64, F32, F64);
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type);
        PredicateOperand p = r.Predicate(3);
        return type.Size() switch
        {
            2 => new SelectByPredicate<ushort>(d, a, b, p),
            4 => new SelectByPredicate<uint>(d, a, b, p),
            _ => new SelectByPredicate<ulong>(d, a, b, p),
        };
    }

    private readonly struct Identity<T> : ISimdUnary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a) => a;
    }

    private sealed class MovePredicate(int d, PredicateOperand a) : Op
    {
        public override void Execute(Warp warp, uint mask) => warp.SetPredicate(d, warp.Predicate(a), mask);
    }

    // Time is what the warp has executed.
    private sealed unsafe class ReadClock(int d, int size) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1) LaneBits.Write(warp.Registers + d, Warp.FirstLane(mask), size, (ulong)warp.Steps);
        }
    }

    private sealed unsafe class SelectByPredicate<T>(int d, int a, int b, PredicateOperand p) : Op where T : unmanaged
    {
        public override void Execute(Warp warp, uint mask)
        {
            uint chosen = warp.Predicate(p);
            T* x = (T*)(warp.Registers + a), y = (T*)(warp.Registers + b), z = (T*)(warp.Registers + d);
            for (int lane = 0; lane < 32; lane += Vector256<T>.Count)
            {
                Vector256<T> value =
                    Vector256.ConditionalSelect(LaneMask.Expand<T>(chosen, lane), Vector256.Load(x + lane), Vector256.Load(y + lane));
                LaneMask.Store(value, z, mask, lane);
            }
        }
    }

    private sealed unsafe class PackParts(int d, int size, int[] parts, int partSize) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                ulong bits = 0;
                for (int i = parts.Length - 1; i >= 0; i--)
                    bits = (bits << (partSize * 8)) | LaneBits.Read(warp.Registers + parts[i], lane, partSize);
                LaneBits.Write(warp.Registers + d, lane, size, bits);
            }
        }
    }

    private sealed unsafe class UnpackParts(int?[] parts, int partSize, int a, int size) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                ulong bits = LaneBits.Read(warp.Registers + a, lane, size);
                foreach (int? part in parts)
                {
                    if (part is int slot) LaneBits.Write(warp.Registers + slot, lane, partSize, bits);
                    bits >>= partSize * 8;
                }
            }
        }
    }
}
