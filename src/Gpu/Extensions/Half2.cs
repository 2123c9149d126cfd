using ILGPU;
using Half = ILGPU.Half;

namespace Lia.Gpu;

/// <summary>
/// Two halves packed in one 32-bit register, the first in the low bits; +, - and * are one f16x2 instruction. Host and device.
/// </summary>
public readonly struct Half2
{
    /// <summary>Both halves: the first in bits 0-15, the second in bits 16-31.</summary>
    public readonly uint RawValue;

    /// <summary>From packed bits.</summary>
    public Half2(uint rawValue) => RawValue = rawValue;

    /// <summary>From two halves.</summary>
    public Half2(Half x, Half y) => RawValue = Interop.FloatAsInt(x) | ((uint)Interop.FloatAsInt(y) << 16);

    /// <summary>From two floats, each rounded to nearest even (`cvt.rn.f16x2.f32`, sm_80 and up; two conversions below).</summary>
    public Half2(float x, float y) => RawValue = Intrinsics.PackHalf2(x, y);

    /// <summary>The first half (low bits).</summary>
    public Half X => Interop.IntAsFloat((ushort)RawValue);

    /// <summary>The second half (high bits).</summary>
    public Half Y => Interop.IntAsFloat((ushort)(RawValue >> 16));

    /// <summary>Elementwise sum (`add.rn.f16x2`).</summary>
    [Ptx("add.rn.f16x2 $d, $0, $1;")]
    public static Half2 operator +(Half2 left, Half2 right) => new((float)left.X + (float)right.X, (float)left.Y + (float)right.Y);

    /// <summary>Elementwise difference (`sub.rn.f16x2`).</summary>
    [Ptx("sub.rn.f16x2 $d, $0, $1;")]
    public static Half2 operator -(Half2 left, Half2 right) => new((float)left.X - (float)right.X, (float)left.Y - (float)right.Y);

    /// <summary>Elementwise product (`mul.rn.f16x2`).</summary>
    [Ptx("mul.rn.f16x2 $d, $0, $1;")]
    public static Half2 operator *(Half2 left, Half2 right) => new((float)left.X * (float)right.X, (float)left.Y * (float)right.Y);

    /// <summary>`a * b + c`, rounded once (`fma.rn.f16x2`). Device only.</summary>
    [Ptx("fma.rn.f16x2 $d, $0, $1, $2;")]
    public static Half2 Fma(Half2 a, Half2 b, Half2 c) => throw DeviceOnly.Error();

    /// <summary>Elementwise maximum; a number wins over NaN (`max.f16x2`, sm_80 and up). Device only.</summary>
    [Ptx("max.f16x2 $d, $0, $1;", MinSm = 80)]
    public static Half2 Max(Half2 a, Half2 b) => throw DeviceOnly.Error();

    /// <summary>Elementwise minimum; a number wins over NaN (`min.f16x2`, sm_80 and up). Device only.</summary>
    [Ptx("min.f16x2 $d, $0, $1;", MinSm = 80)]
    public static Half2 Min(Half2 a, Half2 b) => throw DeviceOnly.Error();

    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y})";
}
