using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lia.Weights;

/// <summary>Little-endian elements to float32, each rounded to nearest even where float32 is narrower.</summary>
/// <remarks>Of 16-bit models all weights go this way while a program starts: these loops are compiled with all that the processor has at
/// their first call.</remarks>
internal static class TensorConversion
{
    /// <summary>Whether elements of a type are real numbers with a defined layout.</summary>
    public static bool IsConvertible(DType type) => type is not (DType.Float4 or DType.Float6E2M3 or DType.Float6E3M2 or DType.Complex64);

    /// <summary>Converts as many elements as <paramref name="destination"/> holds.</summary>
    public static void ToSingle(DType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case DType.Float32: source.CopyTo(MemoryMarshal.AsBytes(destination)); break;
            case DType.BFloat16: FromBFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination); break;
            case DType.Float16: FromHalf(MemoryMarshal.Cast<byte, ushort>(source), destination); break;
            case DType.Float64: Each<double>(source, destination, static value => (float)value); break;
            case DType.Bool: Each<byte>(source, destination, static value => value == 0 ? 0 : 1); break;
            case DType.UInt8: Each<byte>(source, destination, static value => value); break;
            case DType.Int8: Each<sbyte>(source, destination, static value => value); break;
            case DType.UInt16: Each<ushort>(source, destination, static value => value); break;
            case DType.Int16: Each<short>(source, destination, static value => value); break;
            case DType.UInt32: Each<uint>(source, destination, static value => value); break;
            case DType.Int32: Each<int>(source, destination, static value => value); break;
            case DType.UInt64: Each<ulong>(source, destination, static value => value); break;
            case DType.Int64: Each<long>(source, destination, static value => value); break;
            case DType.Float8E5M2: Each<byte>(source, destination,
                static bits => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8))); break;
            case DType.Float8E4M3: Each<byte>(source, destination, static bits => (bits & 0x7f) == 0x7f ? float.NaN : Small(bits, 3, 7));
            break;
            case DType.Float8E8M0: Each<byte>(source, destination, static bits => bits == 255 ? float.NaN : float.ScaleB(1, bits - 127));
            break;
            case DType.Float8E5M2Fnuz: Each<byte>(source, destination, static bits => bits == 0x80 ? float.NaN : Small(bits, 2, 16)); break;
            case DType.Float8E4M3Fnuz: Each<byte>(source, destination, static bits => bits == 0x80 ? float.NaN : Small(bits, 3, 8)); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    /// <summary>Rounds to float32, float16 or bfloat16, to nearest and ties to even.</summary>
    /// <returns>The first element that is finite and became infinite, or -1.</returns>
    public static int FromSingle(DType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        int lost = -1;
        switch (type)
        {
            case DType.Float32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case DType.Float16:
                Span<Half> halves = MemoryMarshal.Cast<byte, Half>(destination);
                for (int i = 0; i < source.Length; i++)
                {
                    halves[i] = (Half)source[i];
                    if (lost < 0 && Half.IsInfinity(halves[i]) && float.IsFinite(source[i])) lost = i;
                }
                break;
            case DType.BFloat16:
                Span<ushort> words = MemoryMarshal.Cast<byte, ushort>(destination);
                for (int i = 0; i < source.Length; i++)
                {
                    uint bits = BitConverter.SingleToUInt32Bits(source[i]);
                    words[i] = float.IsNaN(source[i]) ? (ushort)((bits >> 16) | 0x40)
                        : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
                    if (lost < 0 && (words[i] & 0x7fff) == 0x7f80 && float.IsFinite(source[i])) lost = i;
                }
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Floats are written as float32, float16 or bfloat16.");
        }
        return lost;
    }

    private static void Each<T>(ReadOnlySpan<byte> source, Span<float> destination, Func<T, float> convert) where T : unmanaged
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(source)[..destination.Length];
        for (int i = 0; i < destination.Length; i++) destination[i] = convert(values[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        for (; i <= bits.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Create(source[i..]));
            (low << 16).CopyTo(bits[i..]);
            (high << 16).CopyTo(bits[(i + Vector256<uint>.Count)..]);
        }
        for (; i < bits.Length; i++) bits[i] = (uint)source[i] << 16;
    }

    /// <summary>
    /// A half's exponent and fraction, moved to a float's, are the value times 2^-112 (subnormals included), so one exact
    /// product finishes it; an exponent of all ones is set to a float's.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromHalf(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        const float TwoTo112 = 5192296858534827628530496329220096f;
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        for (; i <= bits.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Create(source[i..]));
            Widen(low).CopyTo(bits[i..]);
            Widen(high).CopyTo(bits[(i + Vector256<uint>.Count)..]);
        }
        for (; i < bits.Length; i++) bits[i] = Widen(Vector256.CreateScalar((uint)source[i])).ToScalar();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<uint> Widen(Vector256<uint> half)
        {
            Vector256<uint> magnitude = (half & Vector256.Create(0x7fffu)) << 13;
            Vector256<uint> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x7c00u << 13))
                & Vector256.Create(0x7f800000u);
            Vector256<uint> scaled = (magnitude.AsSingle() * TwoTo112).AsUInt32();
            scaled = Vector256.ConditionalSelect(Vector256.Equals(special, Vector256<uint>.Zero), scaled, magnitude | special);
            return scaled | ((half & Vector256.Create(0x8000u)) << 16);
        }
    }

    /// <summary>sign, exponent and <paramref name="mantissaBits"/> fraction bits, with subnormals and without special values.</summary>
    private static float Small(byte bits, int mantissaBits, int bias)
    {
        int exponent = (bits & 0x7f) >> mantissaBits, fraction = bits & ((1 << mantissaBits) - 1);
        float magnitude = exponent == 0
            ? float.ScaleB(fraction, 1 - bias - mantissaBits)
            : float.ScaleB(fraction + (1 << mantissaBits), exponent - bias - mantissaBits);
        return (bits & 0x80) == 0 ? magnitude : -magnitude;
    }
}
