namespace Lia.PtxEmulator.Execute;

/// <summary>PTX rounding modes: to nearest even, towards zero, down, up, and to nearest with ties away (cvt.rna.tf32).</summary>
internal enum Rounding : byte { NearestEven, Zero, Down, Up, NearestAway }

/// <summary>A 16-bit floating-point format.</summary>
internal interface ISmallFloat
{
    /// <summary>Exact.</summary>
    static abstract double ToDouble(ushort bits);

    /// <summary>Rounded once; NaN becomes 0x7FFF as on devices.</summary>
    static abstract ushort FromDouble(double value, Rounding rounding);
}

internal readonly struct HalfValue : ISmallFloat
{
    public static double ToDouble(ushort bits) => (double)BitConverter.UInt16BitsToHalf(bits);

    public static ushort FromDouble(double value, Rounding rounding) =>
        double.IsNaN(value) ? (ushort)0x7FFF : (ushort)FloatFormat.Half.Encode(value, rounding);
}

internal readonly struct BFloatValue : ISmallFloat
{
    public static double ToDouble(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    public static ushort FromDouble(double value, Rounding rounding) =>
        double.IsNaN(value) ? (ushort)0x7FFF : (ushort)FloatFormat.BFloat.Encode(value, rounding);
}

/// <summary>A binary floating-point format with subnormals and infinity; encodes doubles with one rounding.</summary>
internal sealed class FloatFormat(int mantissaBits, int exponentBits)
{
    public static readonly FloatFormat Half = new(10, 5);
    public static readonly FloatFormat BFloat = new(7, 8);
    public static readonly FloatFormat TensorFloat = new(10, 8);
    public static readonly FloatFormat Single = new(23, 8);

    private readonly int _bias = (1 << (exponentBits - 1)) - 1;

    /// <summary>The bits of a number (not NaN).</summary>
    public uint Encode(double value, Rounding rounding)
    {
        ulong bits = BitConverter.DoubleToUInt64Bits(value);
        uint sign = (uint)(bits >> 63) << (mantissaBits + exponentBits);
        uint infinity = ((1u << exponentBits) - 1) << mantissaBits;
        if (double.IsInfinity(value)) return sign | infinity;
        if (value == 0) return sign;
        bool negative = sign != 0;

        // magnitude = significand * 2^(exponent - 52), significand below 2^53
        int exponent = (int)(bits >> 52 & 0x7FF);
        ulong significand = bits & 0xF_FFFF_FFFF_FFFF;
        if (exponent == 0) exponent = 1;
        else significand |= 1UL << 52;
        exponent -= 1023;

        // The result's last place is at 2^(max(exponent, least) - mantissaBits); what lies below is rounded away.
        int least = 1 - _bias;
        int shift = 52 - mantissaBits + Math.Max(0, least - exponent);
        ulong kept = shift >= 64 ? 0 : significand >> shift;
        ulong lost = shift >= 64 ? significand : significand & ((1UL << shift) - 1);
        ulong half = shift > 54 ? ulong.MaxValue : 1UL << (shift - 1);
        bool up = rounding switch
        {
            Rounding.NearestEven => lost > half || (lost == half && (kept & 1) != 0),
            Rounding.NearestAway => lost >= half,
            Rounding.Down => negative && lost != 0,
            Rounding.Up => !negative && lost != 0,
            _ => false,
        };
        if (up) kept++;
        // A normal significand has its leading bit at mantissaBits; adding it to the exponent field carries where rounding overflowed.
        uint field = (uint)Math.Max(exponent + _bias, 1) - 1;
        ulong result = ((ulong)field << mantissaBits) + kept;
        if (result < infinity) return sign | (uint)result;
        // Overflow: rounding towards zero, or away from the infinity in question, stops at the largest number.
        bool toInfinity = rounding is Rounding.NearestEven or Rounding.NearestAway || (rounding == Rounding.Down && negative)
            || (rounding == Rounding.Up && !negative);
        return sign | (toInfinity ? infinity : infinity - 1);
    }
}
