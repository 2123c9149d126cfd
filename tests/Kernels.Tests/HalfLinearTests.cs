using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The encoder's last layer, the normalized styles and what follows from them.</summary>
public class HalfLinearTests
{
    private static float[] Apply(KernelLoader loader, Half[] x, int frames, Half[] weights, int outputs, float factor)
    {
        using DeviceScope scope = new(loader);
        HalfLinearArguments arguments = new()
        {
            Input = scope.Upload(x),
            Weights = scope.Upload(weights),
            Output = scope.Upload(Enumerable.Repeat(float.NaN, frames * outputs).ToArray()),
            Frames = frames,
            Inputs = x.Length / frames,
            Outputs = outputs,
            Factor = factor,
        };
        scope.Run(HalfLinear.Prepare(loader, arguments));
        return scope.Download(arguments.Output);
    }

    private static Half[] RandomHalves(int length, int seed) => [.. RandomFloats(length, seed).Select(value => Intrinsics.ToHalf(value))];

    [Theory]
    [EveryAccelerator(1, 8, 1)]
    [EveryAccelerator(5, 256, 6)]
    [EveryAccelerator(4, 2064, 4)]
    [EveryAccelerator(9, 4096, 9)]
    public void Any_number_of_frames_and_features_matches_the_definition(string device, int frames, int inputs, int outputs)
    {
        Half[] x = RandomHalves(frames * inputs, 1), weights = RandomHalves(outputs * inputs, 2);
        float[] expected = new float[frames * outputs];
        for (int i = 0; i < expected.Length; i++)
        {
            double sum = 0;
            for (int k = 0; k < inputs; k++) sum += (double)(float)x[i / outputs * inputs + k] * weights[i % outputs * inputs + k];
            expected[i] = (float)(sum * 0.3);
        }
        float[] actual = Run(device, a => Apply(a, x, frames, weights, outputs, 0.3f));
        Near.Equal(expected, actual, 1e-6);
        Assert.Equal(actual.AsSpan(0, outputs).ToArray(), Run(device, a => Apply(a, x[..inputs], 1, weights, outputs, 0.3f)));
    }

    private sealed record Styled(float[] Normalized, float[] Factors, Tensor Input);

    // Two demodulated layers with a layer of 3 between them that is not: one of 44 inputs (or more), behind which are four of padding, and
    // one of 5 that starts at no multiple of four; a row of each, one of padding, and one whose weights start at no multiple of four; the
    // last group of warps is not full.
    private static Styled Normalize(
        KernelLoader loader, float[] styles, float[] squared, Tensor constant, int frames, int inputs, int parts = 1)
    {
        using DeviceScope scope = new(loader);
        int stride = inputs + 12;
        HalfMap input = Chw8.Allocate(scope, frames, constant.Channels, constant.Height, constant.Width, parts: parts);
        NormalizedStylesArguments arguments = new()
        {
            Styles = scope.Upload(styles),
            Normalized = scope.Upload(Enumerable.Repeat(float.NaN, styles.Length).ToArray()),
            Layers = scope.Upload<StyleLayer>([new() { Offset = 0, Length = inputs + 4 }, new() { Offset = inputs + 7, Length = 5 }]),
            SquaredWeights = scope.Upload(squared),
            Rows = scope.Upload<DemodulationRow>(
            [
                new() { Inputs = inputs }, new() { Style = inputs + 7, Inputs = 5, Weights = inputs, Output = 1 },
                new() { Inputs = 0, Weights = squared.Length, Output = 2 },
                new() { Inputs = inputs, Weights = 1, Output = 3 },
            ]),
            Demodulations = scope.Upload(Enumerable.Repeat(float.NaN, frames * 4).ToArray()),
            Constant = scope.Upload(constant),
            Input = input.View,
            Frames = frames,
            LayerCount = 2,
            RowCount = 4,
            StyleStride = stride,
            OutputStride = 4,
            Pixels = constant.Height * constant.Width,
            Channels = constant.Channels,
        };
        scope.Run(NormalizedStyles.Prepare(loader, arguments, parts));
        return new(scope.Download(arguments.Normalized), scope.Download(arguments.Demodulations), Chw8.Download(scope, input));
    }

    [Theory]
    [EveryAccelerator(1, 44, 1)]
    [EveryAccelerator(2, 44, 1)]
    [EveryAccelerator(3, 44, 2)]
    [EveryAccelerator(6, 44, 1)]
    [EveryAccelerator(1, 44, 2)]
    [EveryAccelerator(1, 1100, 1)]
    [EveryAccelerator(5, 1100, 1)]
    public void Normalized_styles_have_the_maximum_one_demodulation_takes_it_out_and_the_constant_takes_the_first(
        string device, int frames, int inputs, int parts)
    {
        int stride = inputs + 12;
        float[] styles = RandomFloats(frames * stride, 1), squared = [.. RandomFloats(inputs + 5, 2).Select(value => value * value)];
        Tensor constant = Tensor.Random(3, 1, 48, 4, 3); // Not all lanes of the last warp have an octet.
        for (int frame = 0; frame < frames; frame++)
        {
            // Far beyond the square root of float32's range, and so small that 1e-8 counts.
            float scale = (frame % 3) switch { 1 => 1e25f, 2 => 1e-5f, _ => 1 };
            for (int i = 0; i < stride; i++) styles[frame * stride + i] *= scale;
            Array.Clear(styles, frame * stride + inputs, 4);
        }
        Styled actual = Run(device, a => Normalize(a, styles, squared, constant, frames, inputs, parts));
        double[] maxima = new double[frames];
        for (int frame = 0; frame < frames; frame++)
        {
            foreach (var (layer, offset, length, first) in new[] { (0, 0, inputs, 0), (1, inputs + 7, 5, inputs), (3, 0, inputs, 1) })
            {
                float[] style = styles.AsSpan(frame * stride + offset, length).ToArray();
                double maximum = style.Max(value => Math.Abs((double)value)), sum = 1e-8;
                if (layer == 0) maxima[frame] = maximum;
                for (int i = 0; i < length; i++)
                {
                    sum += (double)style[i] * style[i] * squared[first + i];
                    Assert.Equal((float)(style[i] / maximum), actual.Normalized[frame * stride + offset + i]);
                }
                Assert.Equal(1, actual.Factors[frame * 4 + layer] / (maximum / Math.Sqrt(sum)), 1e-6);
            }
            Assert.Equal(new float[4], actual.Normalized.AsSpan(frame * stride + inputs, 4).ToArray());
            Assert.True(float.IsFinite(actual.Factors[frame * 4 + 2])); // Of a row of padding.
        }
        Tensor expected = Tensor.Create(
            frames, 48, 4, 3, (n, c, y, x) => (double)constant[0, c, y, x] * styles[n * stride + c] / maxima[n]);
        if (parts == 1) Near.Rounded(expected, actual.Input);
        else Near.Equal(expected, actual.Input, 2e-7);
        // The same bits of a frame alone.
        int last = frames - 1;
        Styled alone = Run(device, a => Normalize(a, styles[(last * stride)..], squared, constant, 1, inputs, parts));
        Assert.Equal(alone.Factors, actual.Factors[(4 * last)..]);
        Assert.Equal(alone.Input.Values, actual.Input.Values[(last * alone.Input.Values.Length)..]);
    }

    [Theory]
    [EveryAccelerator(4)]
    [EveryAccelerator(1)]
    public void Zeros_and_NaN_in_styles(string device, int together)
    {
        const int Inputs = 44, Stride = Inputs + 12;
        float[] styles = new float[4 * Stride], squared = [.. Enumerable.Repeat(1f, Inputs), .. new float[5]];
        Tensor constant = Tensor.Create(1, 48, 4, 4, (_, _, _, _) => 1);
        styles[Stride + 7] = float.NaN;
        for (int i = 0; i < Stride; i++) (styles[2 * Stride + i], styles[3 * Stride + i]) = (1e30f, 1e-42f);
        float[] normalized = [], factors = [];
        for (int first = 0; first < 4; first += together)
        {
            Styled part = Run(device, a => Normalize(
                a, styles[(first * Stride)..((first + together) * Stride)], squared, constant, together, Inputs));
            (normalized, factors) = ([.. normalized, .. part.Normalized], [.. factors, .. part.Factors]);
        }
        Assert.Equal(new float[Inputs + 4], normalized[..(Inputs + 4)]);
        Assert.Equal(1e4, factors[0], 1e-2);
        Assert.True(float.IsNaN(normalized[Stride + 7]) && float.IsNaN(factors[4]));
        Assert.Equal(1, factors[8] * Math.Sqrt(Inputs), 1e-6);
        Assert.True(float.IsFinite(factors[9])); // All weights zero, and the constant too small to count.
        Assert.True(factors[12] is >= 0 and < 1e-20f); // Styles that are no normal numbers.
    }
}
