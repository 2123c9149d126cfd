using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lia.Kernels.Convolution;

/// <summary>
/// float32 weights to halves on the host, eight at a time. The methods are compiled with everything the processor has at the first call:
/// they run while a program starts, long before others are.
/// </summary>
internal static class HalfPacking
{
    /// <summary>Values that are packed together: the inputs of a core matrix.</summary>
    public const int Width = 8;

    /// <summary>An output's row [inputs, taps of the kernel] as runs of eight halves, each a tap of eight inputs.</summary>
    /// <param name="row">[inputs, kernelSize].</param>
    /// <param name="kernelSize">Taps of the kernel.</param>
    /// <param name="taps">Those that are packed.</param>
    /// <param name="unit">A power of two that the weights are divided by; none is 65520 times it or more.</param>
    /// <param name="start">Where the first run lies in <paramref name="packed"/>.</param>
    /// <param name="ofOctet">From a run to that of the next eight inputs, within a chunk.</param>
    /// <param name="octets">Runs of a chunk.</param>
    /// <param name="ofChunk">From a chunk to the next.</param>
    /// <param name="ofTap">From a tap to the next.</param>
    /// <param name="toLeft">From a run to that of what rounding left over; 0 for none.</param>
    /// <param name="packed">The halves. Of the last run, inputs that are not there become zeros.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRow(
        ReadOnlySpan<float> row, int kernelSize, ReadOnlySpan<int> taps, float unit, int start, int ofOctet, int octets, int ofChunk,
        int ofTap, int toLeft, Span<Half> packed)
    {
        Span<ushort> bits = MemoryMarshal.Cast<Half, ushort>(packed);
        Span<float> few = stackalloc float[Width];
        int inputs = row.Length / kernelSize;
        for (int input = 0, octet = 0, run = start; input < inputs; input += Width)
        {
            for (int t = 0; t < taps.Length; t++)
            {
                int at = input * kernelSize + taps[t];
                Vector256<float> values;
                if (input + Width <= inputs)
                {
                    ref float first = ref MemoryMarshal.GetReference(row.Slice(at, (Width - 1) * kernelSize + 1));
                    values = Vector256.Create(
                        first, Unsafe.Add(ref first, kernelSize), Unsafe.Add(ref first, 2 * kernelSize),
                        Unsafe.Add(ref first, 3 * kernelSize),
                        Unsafe.Add(ref first, 4 * kernelSize), Unsafe.Add(ref first, 5 * kernelSize), Unsafe.Add(ref first, 6 * kernelSize),
                        Unsafe.Add(ref first, 7 * kernelSize));
                }
                else
                {
                    few.Clear();
                    for (int i = 0; input + i < inputs; i++) few[i] = row[at + i * kernelSize];
                    values = Vector256.Create<float>(few);
                }
                Vector128<ushort> rounded = Round(values / unit, out Vector256<float> left);
                int to = run + t * ofTap;
                rounded.CopyTo(bits[to..]);
                if (toLeft != 0) Round(left, out _).CopyTo(bits[(to + toLeft)..]);
            }
            run += ofOctet;
            if (++octet == octets)
            {
                octet = 0;
                run += ofChunk - octets * ofOctet;
            }
        }
    }

    /// <summary>Rounds to halves, to nearest and ties to even, magnitudes below 65520.</summary>
    /// <param name="values">float32.</param>
    /// <param name="left">What the rounding left over, exactly.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<ushort> Round(Vector256<float> values, out Vector256<float> left)
    {
        const uint LeastNormal = 0x38800000; // 2^-14
        Vector256<uint> sign = values.AsUInt32() & Vector256.Create(0x80000000u), magnitude = values.AsUInt32() ^ sign;
        // The 13 bits that a half has not are rounded away, and the exponent's bias falls from 127 to 15.
        Vector256<uint> normal = magnitude + Vector256.Create(0xfffu) + (Vector256.ShiftRightLogical(magnitude, 13) & Vector256<uint>.One);
        Vector256<uint> normalBits = Vector256.ShiftRightLogical(normal, 13) - Vector256.Create(112u << 10);
        // A subnormal half counts in 2^-24, which is the last place of a half more: the sum is rounded to it.
        Vector256<float> half = Vector256.Create(0.5f), sum = magnitude.AsSingle() + half;
        Vector256<uint> isSmall = Vector256.LessThan(magnitude, Vector256.Create(LeastNormal));
        Vector256<uint> bits = Vector256.ConditionalSelect(isSmall, sum.AsUInt32() - half.AsUInt32(), normalBits)
            | Vector256.ShiftRightLogical(sign, 16);
        Vector256<uint> rounded = Vector256.ConditionalSelect(isSmall, (sum - half).AsUInt32(), normal & Vector256.Create(~0x1fffu)) | sign;
        left = values - rounded.AsSingle();
        return Vector128.Narrow(bits.GetLower(), bits.GetUpper());
    }
}
