using ILGPU;

namespace Lia.Gpu;

/// <summary>The upper half of a float32: 8 exponent bits, 8 bits of precision. Arithmetic goes by way of float.</summary>
public readonly struct BFloat16 : IEquatable<BFloat16>
{
    private readonly ushort _bits;

    private BFloat16(ushort bits) => _bits = bits;

    /// <summary>The bits.</summary>
    public ushort RawValue => ToBits(this);

    /// <summary>The number with these bits.</summary>
    public static BFloat16 FromRawValue(ushort bits) => FromBits(bits);

    /// <summary>Exact.</summary>
    public static implicit operator float(BFloat16 value) => Interop.IntAsFloat((uint)value.RawValue << 16);

    /// <summary>Rounds to nearest even (`cvt.rn.bf16.f32`, sm_80 and up).</summary>
    [Ptx("cvt.rn.bf16.f32 $d, $0;", MinSm = 80)]
    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? new(0x7fff) : new((ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>Sum, rounded to nearest even.</summary>
    public static BFloat16 operator +(BFloat16 left, BFloat16 right) => (BFloat16)((float)left + (float)right);

    /// <summary>Difference, rounded to nearest even.</summary>
    public static BFloat16 operator -(BFloat16 left, BFloat16 right) => (BFloat16)((float)left - (float)right);

    /// <summary>Product, rounded to nearest even.</summary>
    public static BFloat16 operator *(BFloat16 left, BFloat16 right) => (BFloat16)((float)left * (float)right);

    /// <summary>Numeric equality.</summary>
    public static bool operator ==(BFloat16 left, BFloat16 right) => (float)left == (float)right;

    /// <summary>Numeric inequality.</summary>
    public static bool operator !=(BFloat16 left, BFloat16 right) => (float)left != (float)right;

    /// <inheritdoc/>
    public bool Equals(BFloat16 other) => _bits == other._bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _bits;

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString();

    [Builtin(Builtin.HalfFromBits)]
    private static BFloat16 FromBits(ushort bits) => new(bits);

    [Builtin(Builtin.HalfToBits)]
    private static ushort ToBits(BFloat16 value) => value._bits;
}
