using System.Runtime.Intrinsics;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Weights are packed bit for bit as .NET's own conversion rounds them and as the layout is defined.</summary>
public class HalfPackingTests
{
    [Fact]
    public void Rounding_is_that_of_NET_about_every_half()
    {
        List<float> values = [];
        for (int bits = 0; bits < 0x7bff; bits++)
        {
            float low = (float)BitConverter.UInt16BitsToHalf((ushort)bits), high = (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1)),
                middle = (low + high) / 2;
            values.AddRange([low, MathF.BitIncrement(low), MathF.BitDecrement(middle), middle, MathF.BitIncrement(middle),
                MathF.BitDecrement(high)]);
        }
        values.AddRange([65504f, 65519f, float.Epsilon, 1e-30f]);
        while (values.Count % HalfPacking.Width != 0) values.Add(0);
        foreach (float sign in new[] { 1f, -1f })
        {
            for (int i = 0; i < values.Count; i += HalfPacking.Width)
            {
                Vector256<float> eight = Vector256.Create<float>([.. values.Skip(i).Take(HalfPacking.Width)]) * sign;
                Vector128<ushort> rounded = HalfPacking.Round(eight, out Vector256<float> left);
                for (int lane = 0; lane < HalfPacking.Width; lane++)
                {
                    System.Half expected = (System.Half)eight[lane];
                    Assert.True(BitConverter.HalfToUInt16Bits(expected) == rounded[lane],
                        $"{eight[lane]:R}: {rounded[lane]:x4}, expected {BitConverter.HalfToUInt16Bits(expected):x4}");
                    Assert.Equal(BitConverter.SingleToInt32Bits(eight[lane] - (float)expected), BitConverter.SingleToInt32Bits(left[lane]));
                }
            }
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Weights_lie_where_the_layout_says(string kind, string precision, int outputs, int inputs) => Run(EmulatorName, loader =>
    {
        const int MostChunk = 32;
        WeightPrecision kept = Enum.Parse<WeightPrecision>(precision);
        Random random = new(outputs * 1000 + inputs);
        float[] weight = Values(outputs * inputs * 9), skip = Values(outputs * inputs);
        using HalfConvolutionWeights weights = kind switch
        {
            "Same" => HalfConvolutionWeights.Same(loader, weight, outputs, inputs, 3, MostChunk, kept),
            "Down" => HalfConvolutionWeights.Down(loader, weight, skip, outputs, inputs, MostChunk, kept),
            _ => HalfConvolutionWeights.Up(loader, weight, outputs, inputs, MostChunk, kept),
        };
        // The taps of each run of steps, in the order of the steps.
        (float[] Weight, int[] Taps)[] segments = kind switch
        {
            "Same" => [(weight, [0, 1, 2, 3, 4, 5, 6, 7, 8])],
            "Down" => [(weight, [0, 2, 6, 8]), (weight, [1, 7]), (weight, [3, 5]), (weight, [4]), (skip, [0])],
            _ => [(weight, [8, 6, 2, 0]), (weight, [7, 1]), (weight, [5, 3]), (weight, [4])],
        };
        int chunk = weights.Chunk, passes = kept == WeightPrecision.Half ? 1 : 2, block = weights.PaddedOutputs * chunk;
        ushort[] expected = new ushort[weights.View.Length];
        int step = 0;
        foreach ((float[] from, int[] taps) in segments)
        {
            int kernel = from.Length / (outputs * inputs);
            float unit = HalfConvolutionWeights.PowerAbove(from) / (kept == WeightPrecision.Pair ? 1 << 14 : 1);
            for (int of = 0; of < weights.Chunks; of++)
            {
                for (int pass = 0; pass < passes; pass++)
                {
                    for (int tap = 0; tap < taps.Length; tap++)
                    {
                        // Fine: all taps rounded, then all left over; a pair: of each tap what is left over, then what is rounded.
                        bool isLeft = kept == WeightPrecision.Pair ? pass == 0 : pass == 1;
                        int at = step + (kept == WeightPrecision.Pair ? 2 * tap + pass : pass * taps.Length + tap);
                        for (int output = 0; output < outputs; output++)
                        {
                            for (int inChunk = 0; inChunk < chunk && of * chunk + inChunk < inputs; inChunk++)
                            {
                                float value = from[(output * inputs + of * chunk + inChunk) * kernel + taps[tap]] / unit;
                                System.Half rounded = (System.Half)value, half = isLeft ? (System.Half)(value - (float)rounded) : rounded;
                                expected[at * block + output / 8 * 8 * chunk + inChunk / 8 * 64 + output % 8 * 8 + inChunk % 8] =
                                    BitConverter.HalfToUInt16Bits(half);
                            }
                        }
                    }
                }
                step += passes * taps.Length;
            }
        }
        Assert.Equal(weights.Steps.Count, step);
        Half[] packed = new Half[weights.View.Length];
        weights.View.CopyToCPU(loader.Accelerator.DefaultStream, packed.AsSpan());
        Assert.Equal(expected, packed.Select(half => (ushort)Interop.FloatAsInt(half)));
        return 0;

        // Of all magnitudes, subnormal halves among them.
        float[] Values(int count) =>
            [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * MathF.ScaleB(1, -random.Next(30)))];
    });

    public static TheoryData<string, string, int, int> Cases
    {
        get
        {
            TheoryData<string, string, int, int> data = [];
            foreach (string kind in new[] { "Same", "Down", "Up" })
            {
                foreach (WeightPrecision precision in Enum.GetValues<WeightPrecision>())
                {
                    foreach ((int outputs, int inputs) in new[] { (64, 64), (24, 40), (5, 3), (17, 100) })
                        data.Add(kind, precision.ToString(), outputs, inputs);
                }
            }
            return data;
        }
    }
}
