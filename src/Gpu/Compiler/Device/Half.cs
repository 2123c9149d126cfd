namespace Lia.Gpu.Compiler.Device;

/// <summary>
/// ILGPU's 16-bit float (IEEE binary16) on the device: +, - and * are one f16 instruction each; every operator gives the float32 result
/// rounded to nearest even.
/// </summary>
#pragma warning disable CS0660, CS0661 // compared in kernels only
internal readonly struct Half
{
    private readonly ushort _bits;

    private Half(ushort bits) => _bits = bits;

    /// <summary>Zero.</summary>
    public static Half Zero => FromRawValue(0);

    /// <summary>One.</summary>
    public static Half One => FromRawValue(0x3c00);

    /// <summary>The bits.</summary>
    public ushort RawValue => ToBits(this);

    /// <summary>The number with these bits.</summary>
    public static Half FromRawValue(ushort bits) => FromBits(bits);

    /// <summary>Exact (`cvt.f32.f16`).</summary>
    [Ptx("cvt.f32.f16 $d, $0;")]
    public static implicit operator float(Half value) => throw DeviceOnly.Error();

    /// <summary>Rounds to nearest even (`cvt.rn.f16.f32`); beyond 65504 gives infinity.</summary>
    [Ptx("cvt.rn.f16.f32 $d, $0;")]
    public static explicit operator Half(float value) => throw DeviceOnly.Error();

    /// <summary>Rounds twice, by way of float.</summary>
    public static explicit operator Half(double value) => (Half)(float)value;

    /// <summary>Rounds to nearest even.</summary>
    public static explicit operator Half(int value) => (Half)(float)value;

    /// <summary>Sum (`add.rn.f16`).</summary>
    [Ptx("add.rn.f16 $d, $0, $1;")]
    public static Half operator +(Half left, Half right) => (Half)((float)left + (float)right);

    /// <summary>Difference (`sub.rn.f16`).</summary>
    [Ptx("sub.rn.f16 $d, $0, $1;")]
    public static Half operator -(Half left, Half right) => (Half)((float)left - (float)right);

    /// <summary>Product (`mul.rn.f16`).</summary>
    [Ptx("mul.rn.f16 $d, $0, $1;")]
    public static Half operator *(Half left, Half right) => (Half)((float)left * (float)right);

    /// <summary>Quotient, by way of float.</summary>
    public static Half operator /(Half left, Half right) => (Half)((float)left / (float)right);

    /// <summary>The number with its sign turned.</summary>
    public static Half operator -(Half value) => FromRawValue((ushort)(value.RawValue ^ 0x8000));

    /// <summary>Numeric equality: NaN differs from everything, -0 equals 0.</summary>
    public static bool operator ==(Half left, Half right) => (float)left == (float)right;

    /// <summary>Numeric inequality.</summary>
    public static bool operator !=(Half left, Half right) => (float)left != (float)right;

    /// <summary>Less than; false with NaN.</summary>
    public static bool operator <(Half left, Half right) => (float)left < (float)right;

    /// <summary>Greater than; false with NaN.</summary>
    public static bool operator >(Half left, Half right) => (float)left > (float)right;

    /// <summary>Less than or equal; false with NaN.</summary>
    public static bool operator <=(Half left, Half right) => (float)left <= (float)right;

    /// <summary>Greater than or equal; false with NaN.</summary>
    public static bool operator >=(Half left, Half right) => (float)left >= (float)right;

    [Builtin(Builtin.HalfFromBits)]
    private static Half FromBits(ushort bits) => new(bits);

    [Builtin(Builtin.HalfToBits)]
    private static ushort ToBits(Half value) => value._bits;
}
