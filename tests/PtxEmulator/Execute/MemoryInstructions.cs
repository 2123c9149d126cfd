using System.Numerics;
using System.Runtime.CompilerServices;
using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Detectors;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;
using static Lia.PtxEmulator.Parser.PtxType;

namespace Lia.PtxEmulator.Execute;

/// <summary>
/// ld, st, cvta and fences. Memory is sequentially consistent here, so acquire, release and fences order nothing further; volatile,
/// relaxed, acquire and release accesses are "strong": two of them never race.
/// </summary>
internal static class MemoryInstructions
{
    public static Op? Decode(InstructionReader r) => r.Syntax.Opcode switch
    {
        "ld" => Load(r),
        "st" => Store(r),
        "cvta" => ConvertAddress(r),
        "membar" or "fence" => Fence(r),
        _ => null,
    };

    /// <summary>The optional state space of an address; nothing means generic.</summary>
    public static StateSpace TakeSpace(InstructionReader r) =>
        r.TakeAny("global", "shared", "shared::cta", "local", "const", "param") switch
    {
        "global" => StateSpace.Global,
        "shared" or "shared::cta" => StateSpace.Shared,
        "local" => StateSpace.Local,
        "const" => StateSpace.Const,
        "param" => StateSpace.Param,
        _ => StateSpace.Generic,
    };

    private static Op Load(InstructionReader r)
    {
        string? order = r.TakeAny("weak", "volatile", "relaxed", "acquire");
        bool strong = order is "volatile" or "relaxed" or "acquire";
        if (order is "relaxed" or "acquire") r.Require("cta", "gpu", "sys");
        StateSpace space = TakeSpace(r);
        if (space == StateSpace.Global)
        {
            if (r.TakeAny("ca", "cg", "cs", "lu", "cv") is null) r.Take("nc");
            r.TakeAny("L1::evict_normal", "L1::evict_first", "L1::evict_last", "L1::no_allocate");
            r.TakeAny("L2::64B", "L2::128B", "L2::256B");
        }
        int count = Vector(r);
        PtxType type = r.TakeType(B8, B16, B32, B64, U8, U16, U32, U64, S8, S16, S32, S64, F32, F64);
        CheckVector(r, count, type);
        Operand[] elements = r.Elements(0, count);
        if (elements.Any(e => r.RegisterType(e) != r.RegisterType(elements[0])))
            throw r.Error("the registers of a vector must have one type");
        int[] d = [.. elements.Select(e => r.Destination(e, type, wider: true))];
        if (d.Distinct().Count() != d.Length) throw r.Error("a register occurs twice in the destination");
        int registerSize = r.RegisterType(elements[0])!.Value.Size();
        AddressOperand address = r.Address(1, space);
        if (space == StateSpace.Param) return LoadParameter(r, address, d, type, registerSize);
        return (type.IsSigned() ? -type.Size() : type.Size(), registerSize) switch
        {
            (1, 2) => Load<byte, ushort>(space, d, address, strong),
            (1, 4) => Load<byte, uint>(space, d, address, strong),
            (1, _) => Load<byte, ulong>(space, d, address, strong),
            (-1, 2) => Load<sbyte, short>(space, d, address, strong),
            (-1, 4) => Load<sbyte, int>(space, d, address, strong),
            (-1, _) => Load<sbyte, long>(space, d, address, strong),
            (2 or -2, 2) => Load<ushort, ushort>(space, d, address, strong),
            (2, 4) => Load<ushort, uint>(space, d, address, strong),
            (2, _) => Load<ushort, ulong>(space, d, address, strong),
            (-2, 4) => Load<short, int>(space, d, address, strong),
            (-2, _) => Load<short, long>(space, d, address, strong),
            (4 or -4, 4) => Load<uint, uint>(space, d, address, strong),
            (4, _) => Load<uint, ulong>(space, d, address, strong),
            (-4, _) => Load<int, long>(space, d, address, strong),
            _ => Load<ulong, ulong>(space, d, address, strong),
        };
    }

    private static Op Load<TMemory, TRegister>(StateSpace space, int[] d, AddressOperand address, bool strong)
        where TMemory : unmanaged, INumber<TMemory> where TRegister : unmanaged, INumber<TRegister> => space switch
        {
            StateSpace.Global => new Load<TMemory, TRegister, GlobalSpace>(d, address, strong, space),
            StateSpace.Shared => new Load<TMemory, TRegister, SharedSpace>(d, address, strong, space),
            StateSpace.Local => new Load<TMemory, TRegister, LocalSpace>(d, address, strong, space),
            StateSpace.Const => new Load<TMemory, TRegister, ConstSpace>(d, address, strong, space),
            _ => new Load<TMemory, TRegister, GenericSpace>(d, address, strong, space),
        };

    private static LoadParameter LoadParameter(InstructionReader r, AddressOperand address, int[] d, PtxType type, int registerSize)
    {
        Operand operand = r[1];
        if (operand.Name is null || !r.Scope.Symbols.TryGetValue(operand.Name, out (StateSpace Space, long Address) symbol))
            throw r.Error("a parameter is read by its name and a constant offset");
        VariableSyntax parameter = r.Scope.Entry.Parameters.First(p => p.Name == operand.Name);
        long end = address.Offset - symbol.Address + (type.Size() * d.Length);
        if (address.Offset < symbol.Address || end > parameter.Bytes)
            throw r.Error($"reads outside the {parameter.Bytes} bytes of {parameter.Name}");
        if (address.Offset % (type.Size() * d.Length) != 0) throw r.Error($"offset {operand.Integer} of {parameter.Name} is not aligned");
        return new LoadParameter(d, (int)address.Offset, type.Size(), type.IsSigned(), registerSize);
    }

    private static Op Store(InstructionReader r)
    {
        string? order = r.TakeAny("weak", "volatile", "relaxed", "release");
        bool strong = order is "volatile" or "relaxed" or "release";
        if (order is "relaxed" or "release") r.Require("cta", "gpu", "sys");
        StateSpace space = TakeSpace(r);
        if (space is StateSpace.Const or StateSpace.Param) throw r.Error($".{InstructionSpace(space)} cannot be written");
        if (space == StateSpace.Global) r.TakeAny("wb", "cg", "cs", "wt");
        int count = Vector(r);
        PtxType type = r.TakeType(B8, B16, B32, B64, U8, U16, U32, U64, S8, S16, S32, S64, F32, F64);
        CheckVector(r, count, type);
        AddressOperand address = r.Address(0, space);
        Operand[] elements = r.Elements(1, count);
        int[] sources = [.. elements.Select(e => r.Source(e, type, wider: true))];
        // A constant of 8 bits is kept in a 16-bit slot.
        int[] sizes = [.. elements.Select(e => r.RegisterType(e)?.Size() ?? Math.Max(type.Size(), 2))];
        if (sizes.Distinct().Count() != 1) throw r.Error("the registers of a vector must have one size");
        return (type.Size(), sizes[0]) switch
        {
            (1, 2) => Store<byte, ushort>(space, sources, address, strong),
            (1, 4) => Store<byte, uint>(space, sources, address, strong),
            (1, _) => Store<byte, ulong>(space, sources, address, strong),
            (2, 2) => Store<ushort, ushort>(space, sources, address, strong),
            (2, 4) => Store<ushort, uint>(space, sources, address, strong),
            (2, _) => Store<ushort, ulong>(space, sources, address, strong),
            (4, 4) => Store<uint, uint>(space, sources, address, strong),
            (4, _) => Store<uint, ulong>(space, sources, address, strong),
            _ => Store<ulong, ulong>(space, sources, address, strong),
        };
    }

    private static Op Store<TMemory, TRegister>(StateSpace space, int[] sources, AddressOperand address, bool strong)
        where TMemory : unmanaged, INumber<TMemory> where TRegister : unmanaged, INumber<TRegister> => space switch
        {
            StateSpace.Global => new Store<TMemory, TRegister, GlobalSpace>(sources, address, strong, space),
            StateSpace.Shared => new Store<TMemory, TRegister, SharedSpace>(sources, address, strong, space),
            StateSpace.Local => new Store<TMemory, TRegister, LocalSpace>(sources, address, strong, space),
            _ => new Store<TMemory, TRegister, GenericSpace>(sources, address, strong, space),
        };

    private static int Vector(InstructionReader r) => r.TakeAny("v2", "v4") switch { "v2" => 2, "v4" => 4, _ => 1 };

    private static void CheckVector(InstructionReader r, int count, PtxType type)
    {
        if (count * type.Size() > 16) throw r.Error("an access has at most 16 bytes");
    }

    private static Op ConvertAddress(InstructionReader r)
    {
        bool to = r.Take("to");
        StateSpace space = TakeSpace(r);
        if (space is StateSpace.Generic or StateSpace.Param) throw r.Error("cvta needs a state space");
        r.TakeType(U64);
        int d = r.Destination(0, U64);
        ulong window = space switch { StateSpace.Shared => GenericWindows.Shared, StateSpace.Local => GenericWindows.Local, _ => 0 };
        if (space == StateSpace.Const) throw r.Error("generic addresses of constant memory are not supported");
        if (!to && r[1].Kind == OperandKind.Symbol) return MoveInstructions.SymbolAddress(r, d, 8, window, space);
        int a = r.Source(1, U64);
        ulong offset = to ? 0 - window : window;
        return new BitsUnary(d, 8, a, 8, x => x + offset);
    }

    private static Op Fence(InstructionReader r)
    {
        if (r.Syntax.Opcode == "membar") r.Require("cta", "gl", "sys");
        else if (r.Take("proxy")) return BulkCopyInstructions.ProxyFence(r);
        else if (r.Take("mbarrier_init"))
        {
            r.Require("release");
            r.Require("cluster");
            r.RequireSm(90);
            r.RequireVersion(80);
            return new MBarrierInstructions.InitFence();
        }
        else
        {
            r.TakeAny("acq_rel", "sc");
            r.Require("cta", "gpu", "sys");
        }
        return new NoOperation();
    }

    public static string InstructionSpace(StateSpace space) => space.ToString().ToLowerInvariant();
}

internal sealed unsafe class Load<TMemory, TRegister, TSpace>(int[] d, AddressOperand address, bool strong, StateSpace space) : Op
    where TMemory : unmanaged, INumber<TMemory> where TRegister : unmanaged, INumber<TRegister> where TSpace : struct, ISpace
{
    private readonly int _bytes = sizeof(TMemory) * d.Length;
    private Allocation? _hint;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        warp.ComputeAddresses(address);
        ulong* addresses = warp.Addresses;
        byte* registers = warp.Registers;
        Allocation? hint = _hint;
        for (uint rest = mask; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            TMemory* p = (TMemory*)TSpace.Read(warp, lane, addresses[lane], _bytes, strong, ref hint);
            for (int i = 0; i < d.Length; i++) ((TRegister*)(registers + d[i]))[lane] = TRegister.CreateTruncating(p[i]);
        }
        _hint = hint;
        if (space == StateSpace.Global) warp.Block.Statistics.AddGlobal(Traffic.Load, addresses, mask, _bytes);
        else if (space == StateSpace.Shared) warp.Block.Statistics.AddShared(Traffic.Load, addresses, mask, _bytes);
    }
}

internal sealed unsafe class Store<TMemory, TRegister, TSpace>(int[] sources, AddressOperand address, bool strong, StateSpace space) : Op
    where TMemory : unmanaged, INumber<TMemory> where TRegister : unmanaged, INumber<TRegister> where TSpace : struct, ISpace
{
    private readonly int _bytes = sizeof(TMemory) * sources.Length;
    private Allocation? _hint;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint mask)
    {
        warp.ComputeAddresses(address);
        ulong* addresses = warp.Addresses;
        byte* registers = warp.Registers;
        Allocation? hint = _hint;
        for (uint rest = mask; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            TMemory* p = (TMemory*)TSpace.Write(warp, lane, addresses[lane], _bytes, strong, ref hint);
            for (int i = 0; i < sources.Length; i++) p[i] = TMemory.CreateTruncating(((TRegister*)(registers + sources[i]))[lane]);
        }
        _hint = hint;
        if (space == StateSpace.Global) warp.Block.Statistics.AddGlobal(Traffic.Store, addresses, mask, _bytes);
        else if (space == StateSpace.Shared) warp.Block.Statistics.AddShared(Traffic.Store, addresses, mask, _bytes);
    }
}

/// <summary>ld.param: the same value for every lane, from the launch's parameter block.</summary>
internal sealed unsafe class LoadParameter(int[] d, int offset, int size, bool signed, int registerSize) : Op
{
    public override void Execute(Warp warp, uint mask)
    {
        byte[] block = warp.Block.Launch.Parameters;
        for (int i = 0; i < d.Length; i++)
        {
            ulong bits = 0;
            block.AsSpan(offset + (i * size), size).CopyTo(new Span<byte>(&bits, size));
            if (signed) bits = (ulong)((long)(bits << (64 - (8 * size))) >> (64 - (8 * size)));
            byte* register = warp.Registers + d[i];
            for (uint rest = mask; rest != 0; rest &= rest - 1) LaneBits.Write(register, Warp.FirstLane(rest), registerSize, bits);
        }
    }
}
