using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The sum of a convolution's parts and what follows it, of parts that are given.</summary>
public class HalfSplitReductionTests
{
    private const float Factor = 0.75f, SecondFactor = 0.5f, Gain = 0.25f;

    // What no kernel here writes.
    private const float Untouched = 1234f;

    private static readonly float[] Bias = RandomFloats(64, 1), Scale = RandomFloats(2 * 72, 2), Style = RandomFloats(2 * 68, 3);

    private static HalfEpilogue Epilogue(DeviceScope scope, int parts) => new()
    {
        Parts = parts,
        Bias = scope.Upload(Bias),
        Scale = scope.Upload(Scale),
        ScaleStride = 72,
        NextStyle = scope.Upload(Style),
        NextStyleStride = 68,
        Factor = Factor,
        SecondFactor = SecondFactor,
        SecondInverse = 1 / SecondFactor,
        Gain = Gain,
    };

    // Of sums in the order of the map, with what is in the places that the picture does not have.
    private static float[] Reduce(
        KernelLoader loader, float[] sums, HalfMap map, int splits, Func<DeviceScope, HalfEpilogue> epilogue)
    {
        using DeviceScope scope = new(loader);
        ArrayView<Half> output = scope.Upload(Enumerable.Repeat(Intrinsics.ToHalf(Untouched), (int)map.Length).ToArray());
        HalfSplitReductionArguments arguments = new()
        {
            Parts = scope.Upload(sums),
            Output = output,
            Epilogue = epilogue(scope),
            Splits = splits,
            Pairs = (int)(map.Length / map.Parts / 2),
            PairsPerOctet = map.Planes * map.Height * map.Width * 4,
            Octets = map.Octets,
        };
        scope.Run(map.Parts == 1
            ? HalfSplitReduction.Prepare(loader, arguments)
            : HalfSplitReduction.PreparePairs(loader, new() { Reduction = arguments, Height = map.Height, Width = map.Width }));
        return [.. scope.Download(output).Select(value => (float)value)];
    }

    private static double Activate(double value) => Math.Sqrt(2) * (value < 0 ? 0.2 * value : value);

    // Frames, channels, rows, columns, parts of K, parts of the epilogue: 2 demodulation and activation and style, 1 the skip, 0 neither.
    public static TheoryData<string, int, int, int> Cases() =>
        [.. from device in Names
            from splits in (int[])[1, 2, 3, 4, 5, 8]
            from kind in (int[])[0, 1, 2]
            from parts in (int[])[1, 2]
            select new TheoryDataRow<string, int, int, int>(device, splits, kind, parts)];

    [Theory, MemberData(nameof(Cases))]
    public void Any_number_of_parts_goes_through_any_epilogue(string device, int splits, int kind, int parts)
    {
        // Phases of a picture of 9 x 5, where there are two halves a value: planes of 5 x 3, of which three lack a row, a column or both.
        HalfMap map = parts == 1 ? new(default, 2, 48, 3, 7) : new(default, 2, 48, 5, 3, 4, 2);
        int plane = map.Height * map.Width, count = (int)(map.Length / parts);
        float[] sums = RandomFloats((splits + 1) * count, splits);
        int flags = kind switch
        {
            1 => EpilogueParts.Skip | EpilogueParts.Gain,
            2 => EpilogueParts.Scale | EpilogueParts.Activation | EpilogueParts.Style,
            _ => 0,
        };
        float[] actual = Run(device, a => Reduce(a, sums, map, splits, scope => Epilogue(scope, flags)));
        for (int i = 0; i < count; i++)
        {
            int place = i / 8, octet = place / (map.Planes * plane), inOctet = place % (map.Planes * plane);
            int frame = octet / map.Octets, channel = octet % map.Octets * 8 + i % 8;
            int phase = inOctet / plane, row = inOctet % plane / map.Width, column = inOctet % map.Width;
            int at = (parts * octet * map.Planes * plane + inOctet) * 8 + i % 8, part = map.Planes * plane * 8;
            if (row >= map.Height - (phase >> 1) || column >= map.Width - (phase & 1))
            {
                Assert.Equal((Untouched, Untouched), (actual[at], actual[at + part]));
                continue;
            }
            double sum = 0;
            for (int split = 0; split < splits; split++) sum += sums[split * count + i];
            double expected = kind switch
            {
                1 => (Activate(sum * Factor + Bias[channel]) / SecondFactor + sums[splits * count + i]) * SecondFactor * Gain,
                2 => Activate(sum * Factor * Scale[frame * 72 + channel] + Bias[channel]) * Style[frame * 68 + channel] * Gain,
                _ => sum * Factor,
            };
            double value = parts == 1 ? actual[at] : (double)actual[at] + actual[at + part];
            double limit = parts == 1 ? Math.Abs(expected) * Math.Pow(2, -11) + 2e-6 : 2e-6;
            Assert.True(Math.Abs(value - expected) <= limit, $"{frame} {channel} {phase} {row} {column}: {value:R}, {expected:R}");
        }
    }

    // 2^24 + 1 is 2^24 in float32: what is left of such numbers tells in which order they were added.
    [Theory]
    [EveryAccelerator(3)]
    [EveryAccelerator(4)]
    [EveryAccelerator(8)]
    public void Parts_are_added_in_their_order(string device, int splits)
    {
        HalfMap map = new(default, 1, 64, 8, 8);
        int count = (int)map.Length;
        float[] sums = new float[splits * count], values = [1 << 24, -(1 << 24), 1, 3, 5, 7, 11, 13], expected = new float[count];
        Random random = new(splits);
        for (int i = 0; i < count; i++)
        {
            float[] parts = values[..splits];
            random.Shuffle(parts);
            for (int split = 0; split < splits; split++)
            {
                sums[split * count + i] = parts[split];
                expected[i] = split == 0 ? parts[0] : expected[i] + parts[split];
            }
        }
        Assert.Equal(expected, Run(device, a => Reduce(a, sums, map, splits, _ => new() { Factor = 1, Gain = 1 })));
    }
}
