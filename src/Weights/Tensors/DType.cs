namespace Lia.Weights;

/// <summary>Element types of checkpoint tensors.</summary>
public enum DType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8,
    /// <summary>Signed 8-bit integer.</summary>
    Int8,
    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16,
    /// <summary>Signed 16-bit integer.</summary>
    Int16,
    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32,
    /// <summary>Signed 32-bit integer.</summary>
    Int32,
    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64,
    /// <summary>Signed 64-bit integer.</summary>
    Int64,
    /// <summary>4-bit float, 2 exponent bits and 1 mantissa bit; stored packed, not converted.</summary>
    Float4,
    /// <summary>6-bit float, 2 exponent and 3 mantissa bits; stored packed, not converted.</summary>
    Float6E2M3,
    /// <summary>6-bit float, 3 exponent and 2 mantissa bits; stored packed, not converted.</summary>
    Float6E3M2,
    /// <summary>8-bit float, 5 exponent and 2 mantissa bits.</summary>
    Float8E5M2,
    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, finite (the "FN" encoding).</summary>
    Float8E4M3,
    /// <summary>8-bit power of two: 8 exponent bits, bias 127, 255 is NaN.</summary>
    Float8E8M0,
    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, bias 16, one NaN (0x80) and no infinity or negative zero.</summary>
    Float8E5M2Fnuz,
    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, bias 8, one NaN (0x80) and no infinity or negative zero.</summary>
    Float8E4M3Fnuz,
    /// <summary>IEEE binary16.</summary>
    Float16,
    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BFloat16,
    /// <summary>IEEE binary32.</summary>
    Float32,
    /// <summary>IEEE binary64.</summary>
    Float64,
    /// <summary>Complex number of two binary32; not converted.</summary>
    Complex64,
}
