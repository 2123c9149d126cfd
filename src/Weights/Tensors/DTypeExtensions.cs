namespace Lia.Weights;

/// <summary>Sizes and format names of <see cref="DType"/>.</summary>
public static class DTypeExtensions
{
    /// <summary>Bits of one element.</summary>
    /// <param name="type">The element type.</param>
    public static int BitSize(this DType type) => type switch
    {
        DType.Float4 => 4,
        DType.Float6E2M3 or DType.Float6E3M2 => 6,
        DType.Bool or DType.UInt8 or DType.Int8 or DType.Float8E5M2 or DType.Float8E4M3 or DType.Float8E8M0
            or DType.Float8E5M2Fnuz or DType.Float8E4M3Fnuz => 8,
        DType.UInt16 or DType.Int16 or DType.Float16 or DType.BFloat16 => 16,
        DType.UInt32 or DType.Int32 or DType.Float32 => 32,
        DType.UInt64 or DType.Int64 or DType.Float64 or DType.Complex64 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>The type's name in a safetensors file, for example <c>F32</c>.</summary>
    /// <param name="type">The element type.</param>
    public static string SafetensorsName(this DType type) => type switch
    {
        DType.Bool => "BOOL",
        DType.UInt8 => "U8",
        DType.Int8 => "I8",
        DType.UInt16 => "U16",
        DType.Int16 => "I16",
        DType.UInt32 => "U32",
        DType.Int32 => "I32",
        DType.UInt64 => "U64",
        DType.Int64 => "I64",
        DType.Float4 => "F4",
        DType.Float6E2M3 => "F6_E2M3",
        DType.Float6E3M2 => "F6_E3M2",
        DType.Float8E5M2 => "F8_E5M2",
        DType.Float8E4M3 => "F8_E4M3",
        DType.Float8E8M0 => "F8_E8M0",
        DType.Float8E5M2Fnuz => "F8_E5M2FNUZ",
        DType.Float8E4M3Fnuz => "F8_E4M3FNUZ",
        DType.Float16 => "F16",
        DType.BFloat16 => "BF16",
        DType.Float32 => "F32",
        DType.Float64 => "F64",
        DType.Complex64 => "C64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>Whether elements are real floating-point numbers that convert to float32.</summary>
    /// <param name="type">The element type.</param>
    public static bool IsFloat(this DType type) => type is DType.Float16 or DType.BFloat16 or DType.Float32 or DType.Float64
        or DType.Float8E5M2 or DType.Float8E4M3 or DType.Float8E8M0 or DType.Float8E5M2Fnuz or DType.Float8E4M3Fnuz;

    /// <summary>Looks a safetensors type name up.</summary>
    internal static bool TryParseSafetensors(ReadOnlySpan<char> name, out DType type)
    {
        foreach (DType candidate in All)
        {
            if (!name.SequenceEqual(candidate.SafetensorsName())) continue;
            type = candidate;
            return true;
        }
        type = default;
        return false;
    }

    private static readonly DType[] All = Enum.GetValues<DType>();
}
