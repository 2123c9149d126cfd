using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

public static partial class Intrinsics
{
    /// <summary>The bitwise function of three operands with the given truth table, a constant (`lop3.b32`).</summary>
    [IntrinsicImplementation, Ptx("lop3.b32 $d, $0, $1, $2, $i3;")]
    public static uint Lop3(uint a, uint b, uint c, int truthTable) => throw DeviceOnly.Error();

    /// <summary>Reverses the bits (`brev.b32`).</summary>
    [IntrinsicImplementation, Ptx("brev.b32 $d, $0;")]
    public static uint ReverseBits(uint value) => throw DeviceOnly.Error();

    /// <summary>The upper 32 bits of the 64-bit product (`mul.hi.u32`).</summary>
    [IntrinsicImplementation, Ptx("mul.hi.u32 $d, $0, $1;")]
    public static uint MulHigh(uint a, uint b) => (uint)(((ulong)a * b) >> 32);

    /// <summary>The multiprocessor's cycle counter, low 32 bits (`%clock`).</summary>
    [IntrinsicImplementation, Ptx("mov.u32 $d, %clock;", Effect = PtxEffect.Writes)]
    public static uint Clock() => throw DeviceOnly.Error();
}
