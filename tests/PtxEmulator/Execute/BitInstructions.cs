using System.Numerics;
using System.Runtime.Intrinsics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>Logic, shifts and bit fields: and or xor not shl shr bfe bfi prmt lop3 popc clz brev.</summary>
internal static class BitInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "and" or "or" or "xor" or "not" => Logic(r),
        "shl" or "shr" => Shift(r),
        "popc" or "clz" => Count(r),
        "brev" => Reverse(r),
        "bfe" => Extract(r),
        "bfi" => Insert(r),
        "prmt" => Permute(r),
        "lop3" => Lop3(r),
        "shf" => Funnel(r),
        _ => null,
    };

    private static Op Logic(InstructionReader r)
    {
        string opcode = r.Syntax.Opcode;
        PtxType type = r.TakeType(Pred, B16, B32, B64);
        if (type == Pred)
        {
            int p = r.PredicateDestination(r[0]);
            PredicateOperand x = r.Predicate(1);
            return new PredicateLogic(p, x, opcode == "not" ? x : r.Predicate(2), opcode);
        }
        int d = r.Destination(0, type), a = r.Source(1, type);
        return type switch
        {
            B16 => Logic<ushort>(r, opcode, d, a, type),
            B32 => Logic<uint>(r, opcode, d, a, type),
            _ => Logic<ulong>(r, opcode, d, a, type),
        };
    }

    private static Op Logic<T>(InstructionReader r, string opcode, int d, int a, PtxType type) where T : unmanaged => opcode switch
    {
        "not" => new SimdUnary<T, Not<T>>(d, a),
        "and" => new SimdBinary<T, And<T>>(d, a, r.Source(2, type)),
        "or" => new SimdBinary<T, Or<T>>(d, a, r.Source(2, type)),
        _ => new SimdBinary<T, Xor<T>>(d, a, r.Source(2, type)),
    };

    private static Op Shift(InstructionReader r)
    {
        bool left = r.Syntax.Opcode == "shl";
        PtxType type = left ? r.TakeType(B16, B32, B64) : r.TakeType(B16, B32, B64, U16, U32, U64, S16, S32, S64);
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, U32);
        return (left, type) switch
        {
            (true, B16) => new Binary<ushort, uint, ushort, ShiftLeft<ushort>>(d, a, b),
            (true, B32) => new Binary<uint, uint, uint, ShiftLeft<uint>>(d, a, b),
            (true, _) => new Binary<ulong, uint, ulong, ShiftLeft<ulong>>(d, a, b),
            (_, S16) => new Binary<short, uint, short, ShiftRight<short>>(d, a, b),
            (_, S32) => new Binary<int, uint, int, ShiftRight<int>>(d, a, b),
            (_, S64) => new Binary<long, uint, long, ShiftRight<long>>(d, a, b),
            (_, B16 or U16) => new Binary<ushort, uint, ushort, ShiftRight<ushort>>(d, a, b),
            (_, B32 or U32) => new Binary<uint, uint, uint, ShiftRight<uint>>(d, a, b),
            _ => new Binary<ulong, uint, ulong, ShiftRight<ulong>>(d, a, b),
        };
    }

    private static Op Count(InstructionReader r)
    {
        bool population = r.Syntax.Opcode == "popc";
        PtxType type = r.TakeType(B32, B64);
        int d = r.Destination(0, U32), a = r.Source(1, type);
        return (population, type) switch
        {
            (true, B32) => new Unary<uint, uint, PopCount<uint>>(d, a),
            (true, _) => new Unary<ulong, uint, PopCount<ulong>>(d, a),
            (_, B32) => new Unary<uint, uint, LeadingZeros<uint>>(d, a),
            _ => new Unary<ulong, uint, LeadingZeros<ulong>>(d, a),
        };
    }

    private static Op Reverse(InstructionReader r)
    {
        PtxType type = r.TakeType(B32, B64);
        int d = r.Destination(0, type), a = r.Source(1, type);
        return type == B32 ? new Unary<uint, uint, ReverseBits>(d, a) : new Unary<ulong, ulong, ReverseBits>(d, a);
    }

    private static Op Extract(InstructionReader r)
    {
        PtxType type = r.TakeType(U32, S32, U64, S64);
        int d = r.Destination(0, type), a = r.Source(1, type), position = r.Source(2, U32), length = r.Source(3, U32);
        return type switch
        {
            U32 => new Ternary<uint, uint, uint, uint, ExtractField<uint>>(d, a, position, length),
            S32 => new Ternary<int, uint, uint, int, ExtractField<int>>(d, a, position, length),
            U64 => new Ternary<ulong, uint, uint, ulong, ExtractField<ulong>>(d, a, position, length),
            _ => new Ternary<long, uint, uint, long, ExtractField<long>>(d, a, position, length),
        };
    }

    private static Op Insert(InstructionReader r)
    {
        PtxType type = r.TakeType(B32, B64);
        int d = r.Destination(0, type), a = r.Source(1, type), b = r.Source(2, type), position = r.Source(3, U32),
            length = r.Source(4, U32);
        return new InsertField(d, a, b, position, length, type.Size());
    }

    private static Op Permute(InstructionReader r)
    {
        r.TakeType(B32);
        return new Ternary<uint, uint, uint, uint, PermuteBytes>(r.Destination(0, B32), r.Source(1, B32), r.Source(2, B32),
            r.Source(3, B32));
    }

    private static Op Lop3(InstructionReader r)
    {
        r.TakeType(B32);
        long table = r.Immediate(4);
        if (table is < 0 or > 255) throw r.Error("the look-up table has 8 bits");
        return new LookUp3(r.Destination(0, B32), r.Source(1, B32), r.Source(2, B32), r.Source(3, B32), (byte)table);
    }

    private static Op Funnel(InstructionReader r)
    {
        bool left = r.Require("l", "r") == "l";
        bool wrap = r.Require("wrap", "clamp") == "wrap";
        r.TakeType(B32);
        int d = r.Destination(0, B32), a = r.Source(1, B32), b = r.Source(2, B32), c = r.Source(3, U32);
        return (left, wrap) switch
        {
            (true, true) => new Ternary<uint, uint, uint, uint, FunnelLeftWrap>(d, a, b, c),
            (true, false) => new Ternary<uint, uint, uint, uint, FunnelLeftClamp>(d, a, b, c),
            (false, true) => new Ternary<uint, uint, uint, uint, FunnelRightWrap>(d, a, b, c),
            _ => new Ternary<uint, uint, uint, uint, FunnelRightClamp>(d, a, b, c),
        };
    }

    private sealed unsafe class PredicateLogic(int d, PredicateOperand a, PredicateOperand b, string opcode) : Op
    {
        private readonly int _table = opcode switch { "and" => 0, "or" => 1, "xor" => 2, _ => 3 };

        public override void Execute(Warp warp, uint mask)
        {
            uint x = warp.Predicate(a), y = warp.Predicate(b);
            uint value = _table switch { 0 => x & y, 1 => x | y, 2 => x ^ y, _ => ~x };
            warp.SetPredicate(d, value, mask);
        }
    }

    private sealed unsafe class LookUp3(int d, int a, int b, int c, byte table) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            uint* z = (uint*)(warp.Registers + d);
            uint* x = (uint*)(warp.Registers + a), y = (uint*)(warp.Registers + b), v = (uint*)(warp.Registers + c);
            for (int lane = 0; lane < 32; lane += 8)
            {
                Vector256<uint> va = Vector256.Load(x + lane), vb = Vector256.Load(y + lane), vc = Vector256.Load(v + lane);
                Vector256<uint> result = Vector256<uint>.Zero;
                for (int i = 0; i < 8; i++)
                {
                    if ((table >> i & 1) == 0) continue;
                    result |= ((i & 4) != 0 ? va : ~va) & ((i & 2) != 0 ? vb : ~vb) & ((i & 1) != 0 ? vc : ~vc);
                }
                LaneMask.Store(result, z, mask, lane);
            }
        }
    }

    private sealed unsafe class InsertField(int d, int a, int b, int position, int length, int size) : Op
    {
        public override void Execute(Warp warp, uint mask)
        {
            byte* registers = warp.Registers;
            int bits = size * 8;
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                ulong field = LaneBits.Read(registers + a, lane, size), into = LaneBits.Read(registers + b, lane, size);
                int start = (byte)((uint*)(registers + position))[lane], count = (byte)((uint*)(registers + length))[lane];
                for (int i = 0; i < count && start + i < bits; i++)
                    into = (into & ~(1UL << (start + i))) | ((field >> i & 1) << (start + i));
                LaneBits.Write(registers + d, lane, size, into);
            }
        }
    }

    private readonly struct Not<T> : ISimdUnary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a) => ~a;
    }

    private readonly struct And<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a & b;
    }

    private readonly struct Or<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a | b;
    }

    private readonly struct Xor<T> : ISimdBinary<T>
    {
        public static Vector256<T> Invoke(Vector256<T> a, Vector256<T> b) => a ^ b;
    }

    // Shift amounts above the width are clamped to it (unlike C#, which takes them modulo the width).
    private readonly struct ShiftLeft<T> : IBinary<T, uint, T> where T : unmanaged, IBinaryInteger<T>
    {
        public static unsafe T Invoke(T a, uint b) => b >= sizeof(T) * 8 ? T.Zero : a << (int)b;
    }

    private readonly struct ShiftRight<T> : IBinary<T, uint, T> where T : unmanaged, IBinaryInteger<T>
    {
        public static unsafe T Invoke(T a, uint b) => b >= sizeof(T) * 8 ? (T.IsNegative(a) ? T.AllBitsSet : T.Zero) : a >> (int)b;
    }

    private readonly struct PopCount<T> : IUnary<T, uint> where T : unmanaged, IBinaryInteger<T>
    {
        public static uint Invoke(T a) => uint.CreateTruncating(T.PopCount(a));
    }

    private readonly struct LeadingZeros<T> : IUnary<T, uint> where T : unmanaged, IBinaryInteger<T>
    {
        public static uint Invoke(T a) => uint.CreateTruncating(T.LeadingZeroCount(a));
    }

    private readonly struct ReverseBits : IUnary<uint, uint>, IUnary<ulong, ulong>
    {
        public static uint Invoke(uint a) => (uint)(Invoke((ulong)a) >> 32);

        public static ulong Invoke(ulong a)
        {
            ulong result = 0;
            for (int i = 0; i < 64; i++) result = (result << 1) | (a >> i & 1);
            return result;
        }
    }

    // PTX ISA, bfe: bits beyond the most significant one repeat the sign bit of the field (or 0 when unsigned).
    private readonly struct ExtractField<T> : ITernary<T, uint, uint, T> where T : unmanaged, IBinaryInteger<T>
    {
        public static unsafe T Invoke(T a, uint b, uint c)
        {
            int top = (sizeof(T) * 8) - 1;
            int position = (byte)b, length = (byte)c;
            bool isSigned = T.IsNegative(T.AllBitsSet);
            T sign = !isSigned || length == 0 ? T.Zero : a >>> Math.Min(position + length - 1, top) & T.One;
            T result = T.Zero;
            for (int i = 0; i <= top; i++)
            {
                T bit = i < length && position + i <= top ? a >>> (position + i) & T.One : sign;
                result |= bit << i;
            }
            return result;
        }
    }

    private readonly struct PermuteBytes : ITernary<uint, uint, uint, uint>
    {
        public static uint Invoke(uint a, uint b, uint c)
        {
            ulong bytes = ((ulong)b << 32) | a;
            uint result = 0;
            for (int i = 0; i < 4; i++)
            {
                int selector = (int)(c >> (4 * i)) & 0xF;
                byte value = (byte)(bytes >> (8 * (selector & 7)));
                if ((selector & 8) != 0) value = (value & 0x80) != 0 ? (byte)0xFF : (byte)0;
                result |= (uint)value << (8 * i);
            }
            return result;
        }
    }

    private readonly struct FunnelLeftWrap : ITernary<uint, uint, uint, uint>
    {
        public static uint Invoke(uint a, uint b, uint c) => (uint)((((ulong)b << 32) | a) << (int)(c & 31) >> 32);
    }

    private readonly struct FunnelLeftClamp : ITernary<uint, uint, uint, uint>
    {
        public static uint Invoke(uint a, uint b, uint c) => c >= 32 ? a : FunnelLeftWrap.Invoke(a, b, c);
    }

    private readonly struct FunnelRightWrap : ITernary<uint, uint, uint, uint>
    {
        public static uint Invoke(uint a, uint b, uint c) => (uint)((((ulong)b << 32) | a) >> (int)(c & 31));
    }

    private readonly struct FunnelRightClamp : ITernary<uint, uint, uint, uint>
    {
        public static uint Invoke(uint a, uint b, uint c) => c >= 32 ? b : FunnelRightWrap.Invoke(a, b, c);
    }
}
