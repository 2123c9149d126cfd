using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The encoder's last layer, the decoder's input and the normalised styles.</summary>
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

    [Theory, EveryAccelerator]
    public void The_constant_takes_the_first_style(string device)
    {
        const int Frames = 3, Channels = 48, Stride = 52;
        Tensor constant = Tensor.Random(1, 1, Channels, 4, 4);
        float[] style = RandomFloats(Frames * Stride, 2);
        Tensor actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            HalfMap output = Chw8.Allocate(scope, Frames, Channels, 4, 4);
            ConstantInputArguments arguments = new()
            {
                Constant = scope.Upload(constant), Style = scope.Upload(style), Output = output.View, Frames = Frames, Pixels = 16,
                    Channels = Channels,
                StyleStride = Stride,
            };
            scope.Run(ConstantInput.Prepare(a, arguments));
            return Chw8.Download(scope, output);
        });
        Near.Rounded(Tensor.Create(Frames, Channels, 4, 4, (n, c, y, x) => (double)constant[0, c, y, x] * style[n * Stride + c]), actual);
    }

    // Two demodulated layers of 40 and 5 inputs with a layer of 3 between them that is not, one output row each.
    private static (float[] Styles, float[] Factors) Normalize(KernelLoader loader, float[] styles, float[] squared, int frames)
    {
        using DeviceScope scope = new(loader);
        StyleNormalizationArguments arguments = new()
        {
            Styles = scope.Upload(styles),
            Layers = scope.Upload<StyleLayer>([new() { Offset = 0, Length = 40 }, new() { Offset = 43, Length = 5 }]),
            Maxima = scope.Allocate<float>(frames * 2),
            Frames = frames,
            LayerCount = 2,
            StyleStride = 48,
        };
        DemodulationArguments demodulation = new()
        {
            Styles = arguments.Styles,
            SquaredWeights = scope.Upload(squared),
            Rows = scope.Upload<DemodulationRow>(
                [new() { Inputs = 40 }, new() { Style = 43, Inputs = 5, Weights = 40, Output = 1, Layer = 1 }]),
            Maxima = arguments.Maxima,
            Factors = scope.Upload([3f, 0.25f]),
            Output = scope.Allocate<float>(frames * 2),
            Frames = frames,
            RowCount = 2,
            StyleStride = 48,
            OutputStride = 2,
            LayerCount = 2,
        };
        scope.Run(StyleNormalization.Prepare(loader, arguments), Demodulation.Prepare(loader, demodulation));
        return (scope.Download(arguments.Styles), scope.Download(demodulation.Output));
    }

    [Theory, EveryAccelerator]
    public void Normalized_styles_have_the_maximum_one_and_demodulation_takes_it_out(string device)
    {
        const int Frames = 6;
        float[] styles = RandomFloats(Frames * 48, 1), squared = [.. RandomFloats(45, 2).Select(value => value * value)];
        // Far beyond the square root of float32's range, and so small that 1e-8 counts.
        for (int i = 0; i < 48; i++) (styles[48 + i], styles[96 + i]) = (styles[48 + i] * 1e25f, styles[96 + i] * 1e-5f);
        (float[] actual, float[] factors) = Run(device, a => Normalize(a, styles, squared, Frames));
        for (int frame = 0; frame < Frames; frame++)
        {
            foreach (var (layer, offset, length, first) in new[] { (0, 0, 40, 0), (1, 43, 5, 40) })
            {
                float[] style = styles.AsSpan(frame * 48 + offset, length).ToArray();
                double maximum = style.Max(value => Math.Abs((double)value)), sum = 1e-8;
                for (int i = 0; i < length; i++)
                {
                    sum += (double)style[i] * style[i] * squared[first + i];
                    Assert.Equal((float)(style[i] / maximum), actual[frame * 48 + offset + i]);
                }
                double expected = maximum / Math.Sqrt(sum) * (layer == 0 ? 3 : 0.25);
                Assert.Equal(1, factors[frame * 2 + layer] / expected, 1e-6);
            }
            Assert.Equal(styles.AsSpan(frame * 48 + 40, 3).ToArray(), actual.AsSpan(frame * 48 + 40, 3).ToArray());
        }
    }

    [Theory, EveryAccelerator]
    public void Zeros_and_NaN_in_styles(string device)
    {
        float[] styles = new float[4 * 48], squared = [.. Enumerable.Repeat(1f, 40), .. new float[5]];
        styles[48 + 7] = float.NaN;
        for (int i = 0; i < 48; i++) styles[96 + i] = 1e30f;
        (float[] actual, float[] factors) = Run(device, a => Normalize(a, styles, squared, 4));
        Assert.Equal(new float[48], actual[..48]);
        Assert.Equal(3e4, factors[0], 1e-2);
        Assert.True(float.IsNaN(actual[48 + 7]) && float.IsNaN(factors[2]));
        Assert.True(float.IsFinite(factors[5])); // All weights zero, and the constant too small to count.
    }
}
