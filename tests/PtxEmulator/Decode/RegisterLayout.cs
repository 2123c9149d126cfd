using System.Runtime.InteropServices;
using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator.Decode;

/// <param name="Id">Dense number, for data flow.</param>
/// <param name="Type">Declared type.</param>
/// <param name="Offset">Byte offset of lane 0 in the register file.</param>
internal readonly record struct Register(int Id, PtxType Type, int Offset);

internal enum SpecialRegister : byte
{
    TidX, TidY, TidZ, NtidX, NtidY, NtidZ, CtaidX, CtaidY, CtaidZ, NctaidX, NctaidY, NctaidZ,
    LaneId, WarpId, NwarpId, LaneMaskEq, LaneMaskLt, LaneMaskLe, LaneMaskGt, LaneMaskGe, DynamicSharedSize, TotalSharedSize,
}

/// <summary>
/// Where everything lives in a warp's register file. A register of n bytes occupies 32 n bytes, lane after lane; a predicate is one
/// 32-bit lane mask. Every register starts on a 64-byte line.
/// </summary>
internal sealed class RegisterLayout
{
    private static readonly Dictionary<string, SpecialRegister> s_specials = new(StringComparer.Ordinal)
    {
        ["%tid.x"] = SpecialRegister.TidX, ["%tid.y"] = SpecialRegister.TidY, ["%tid.z"] = SpecialRegister.TidZ,
        ["%ntid.x"] = SpecialRegister.NtidX, ["%ntid.y"] = SpecialRegister.NtidY, ["%ntid.z"] = SpecialRegister.NtidZ,
        ["%ctaid.x"] = SpecialRegister.CtaidX, ["%ctaid.y"] = SpecialRegister.CtaidY, ["%ctaid.z"] = SpecialRegister.CtaidZ,
        ["%nctaid.x"] = SpecialRegister.NctaidX, ["%nctaid.y"] = SpecialRegister.NctaidY, ["%nctaid.z"] = SpecialRegister.NctaidZ,
        ["%laneid"] = SpecialRegister.LaneId, ["%warpid"] = SpecialRegister.WarpId, ["%nwarpid"] = SpecialRegister.NwarpId,
        ["%lanemask_eq"] = SpecialRegister.LaneMaskEq, ["%lanemask_lt"] = SpecialRegister.LaneMaskLt,
        ["%lanemask_le"] = SpecialRegister.LaneMaskLe,
        ["%lanemask_gt"] = SpecialRegister.LaneMaskGt, ["%lanemask_ge"] = SpecialRegister.LaneMaskGe,
        ["%dynamic_smem_size"] = SpecialRegister.DynamicSharedSize, ["%total_smem_size"] = SpecialRegister.TotalSharedSize,
    };

    private readonly Dictionary<string, Register> _registers = new(StringComparer.Ordinal);
    private readonly Dictionary<(ulong Bits, int Size), int> _constants = [];
    private readonly Dictionary<SpecialRegister, int> _usedSpecials = [];

    public RegisterLayout(Dictionary<string, PtxType> declared)
    {
        foreach ((string name, PtxType type) in declared) _registers.Add(name, new Register(_registers.Count, type, Allocate(type.Size())));
    }

    public int Bytes { get; private set; }

    public int RegisterCount => _registers.Count;

    public IEnumerable<KeyValuePair<string, Register>> Registers => _registers;

    public IReadOnlyDictionary<SpecialRegister, int> Specials => _usedSpecials;

    public bool TryGet(string name, out Register register) => _registers.TryGetValue(name, out register);

    /// <summary>The slot of a special register, which has 32 bits.</summary>
    public bool TryGetSpecial(string name, out int offset)
    {
        offset = 0;
        if (!s_specials.TryGetValue(name, out SpecialRegister special)) return false;
        ref int slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_usedSpecials, special, out bool exists);
        if (!exists) slot = Allocate(sizeof(uint));
        offset = slot;
        return true;
    }

    /// <summary>A slot whose 32 lanes hold the same value of 1 (predicate), 2, 4 or 8 bytes.</summary>
    public int Constant(ulong bits, int size)
    {
        ref int slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_constants, (bits, size), out bool exists);
        if (!exists) slot = Allocate(size == 1 ? 0 : size);
        return slot;
    }

    public unsafe void WriteConstants(byte* registers)
    {
        foreach (((ulong bits, int size), int offset) in _constants)
        {
            byte* slot = registers + offset;
            switch (size)
            {
                case 1: *(uint*)slot = bits != 0 ? uint.MaxValue : 0; break;
                case 2: new Span<ushort>(slot, 32).Fill((ushort)bits); break;
                case 4: new Span<uint>(slot, 32).Fill((uint)bits); break;
                default: new Span<ulong>(slot, 32).Fill(bits); break;
            }
        }
    }

    private int Allocate(int size)
    {
        int offset = Bytes;
        Bytes += Math.Max(64, size * 32);
        return offset;
    }
}
