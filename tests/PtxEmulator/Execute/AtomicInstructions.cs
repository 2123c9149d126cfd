using System.Numerics;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Detectors;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// atom and red: and or xor cas exch add inc dec min max. The lanes of a warp take effect in ascending order (PTX promises none).
/// atom.add.f32 on global memory flushes subnormal operands and results to zero and on shared memory keeps them, as the PTX manual states.
/// </summary>
internal static class AtomicInstructions
{
    public static Op? Decode(InstructionReader r)
    {
        bool returns = r.Syntax.Opcode == "atom";
        r.TakeAny("relaxed", "acquire", "release", "acq_rel");
        r.TakeAny("cta", "gpu", "sys");
        StateSpace space = MemoryInstructions.TakeSpace(r);
        string[] operations = returns ? ["and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max"]
            : ["and", "or", "xor", "add", "inc", "dec", "min", "max"];
        string? operation = null;
        // ILGPU's order, which the assembler takes too
        if (space == StateSpace.Generic && (operation = r.TakeAny(operations)) is not null) space = MemoryInstructions.TakeSpace(r);
        if (space is not (StateSpace.Global or StateSpace.Shared or StateSpace.Generic))
            throw r.Error($"there are no atomics on .{MemoryInstructions.InstructionSpace(space)}");
        operation ??= r.Require(operations);
        bool noFlush = operation == "add" && r.Take("noftz");
        PtxType type = operation switch
        {
            "and" or "or" or "xor" => r.TakeType(B32, B64),
            "cas" or "exch" => r.TakeType(B32, B64),
            "inc" or "dec" => r.TakeType(U32),
            "min" or "max" => r.TakeType(U32, S32, U64, S64),
            _ => noFlush ? r.TakeType(F16x2, BF16x2) : r.TakeType(U32, S32, U64, F32, F64),
        };
        if (type == BF16x2) r.RequireSm(90);
        int first = returns ? 1 : 0;
        int? d = returns && r[0].Kind != OperandKind.Sink ? r.Destination(0, type) : null;
        AddressOperand address = r.Address(first, space);
        int b = r.Source(first + 1, type);
        int c = operation == "cas" ? r.Source(first + 2, type) : b;
        bool flushes = space != StateSpace.Shared;
        return type switch
        {
            F32 => Create<float>(space, d, address, b, c,
                flushes ? static (x, y, _) => Flush(Flush(x) + Flush(y)) : static (x, y, _) => x + y),
            F64 => Create<double>(space, d, address, b, c, static (x, y, _) => x + y),
            F16x2 => Create<uint>(space, d, address, b, c, AddPairs<HalfValue>),
            BF16x2 => Create<uint>(space, d, address, b, c, AddPairs<BFloatValue>),
            S32 => Create<int>(space, d, address, b, c, Integer<int>(operation)),
            S64 => Create<long>(space, d, address, b, c, Integer<long>(operation)),
            B32 or U32 => Create<uint>(space, d, address, b, c, operation switch
            {
                "inc" => static (x, y, _) => x >= y ? 0 : x + 1,
                "dec" => static (x, y, _) => x == 0 || x > y ? y : x - 1,
                _ => Integer<uint>(operation),
            }),
            _ => Create<ulong>(space, d, address, b, c, Integer<ulong>(operation)),
        };
    }

    private static Op Create<T>(StateSpace space, int? d, AddressOperand address, int b, int c, Func<T, T, T, T> function)
        where T : unmanaged => space switch
    {
        StateSpace.Global => new AtomicOp<T, GlobalSpace>(d, address, b, c, function, space),
        StateSpace.Shared => new AtomicOp<T, SharedSpace>(d, address, b, c, function, space),
        _ => new AtomicOp<T, GenericSpace>(d, address, b, c, function, space),
    };

    private static Func<T, T, T, T> Integer<T>(string operation) where T : IBinaryInteger<T> => operation switch
    {
        "and" => static (x, y, _) => x & y,
        "or" => static (x, y, _) => x | y,
        "xor" => static (x, y, _) => x ^ y,
        "exch" => static (_, y, _) => y,
        "cas" => static (x, compare, value) => x == compare ? value : x,
        "add" => static (x, y, _) => unchecked(x + y),
        "min" => static (x, y, _) => T.Min(x, y),
        _ => static (x, y, _) => T.Max(x, y),
    };

    private static float Flush(float x) => float.IsSubnormal(x) ? MathF.CopySign(0, x) : x;

    private static uint AddPairs<T>(uint x, uint y, uint unused) where T : struct, ISmallFloat
    {
        return Add((ushort)x, (ushort)y) | ((uint)Add((ushort)(x >> 16), (ushort)(y >> 16)) << 16);

        static ushort Add(ushort a, ushort b) =>
            T.FromDouble(HalfInstructions.FusedToOdd(T.ToDouble(a), 1, T.ToDouble(b)), Rounding.NearestEven);
    }
}

internal sealed unsafe class AtomicOp<T, TSpace>(
    int? d, AddressOperand address, int b, int c, Func<T, T, T, T> function, StateSpace space) : Op
    where T : unmanaged where TSpace : struct, ISpace
{
    private Allocation? _hint;

    public override void Execute(Warp warp, uint mask)
    {
        warp.ComputeAddresses(address);
        // Shared memory belongs to this thread alone; elsewhere another block may be at the same address.
        if (space == StateSpace.Shared) Update(warp, mask);
        else
        {
            lock (warp.Block.Launch.AtomicLock) Update(warp, mask);
        }
        if (space == StateSpace.Global) warp.Block.Statistics.AddGlobal(Traffic.Atomic, warp.Addresses, mask, sizeof(T));
        else if (space == StateSpace.Shared) warp.Block.Statistics.AddShared(Traffic.Atomic, warp.Addresses, mask, sizeof(T));
    }

    private void Update(Warp warp, uint mask)
    {
        Allocation? hint = _hint;
        for (uint rest = mask; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            ulong at = warp.Addresses[lane];
            T old = *(T*)TSpace.Read(warp, lane, at, sizeof(T), strong: true, ref hint);
            T value = function(old, ((T*)(warp.Registers + b))[lane], ((T*)(warp.Registers + c))[lane]);
            *(T*)TSpace.Write(warp, lane, at, sizeof(T), strong: true, ref hint) = value;
            if (d is int destination) ((T*)(warp.Registers + destination))[lane] = old;
        }
        _hint = hint;
    }
}
