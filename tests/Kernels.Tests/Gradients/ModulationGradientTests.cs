using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Modulation;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>Backward through modulation and demodulation.</summary>
public class ModulationGradientTests
{
    private static (float[] Dx, float[] Ds) ApplyStyle(
        KernelLoader loader, float[] x, float[] g, float[] style, float[] dx, float[] ds, int frames, int channels, bool sharesInput,
        bool accumulates, bool inPlace = false)
    {
        using DeviceScope scope = new(loader);
        int pixels = g.Length / (frames * channels);
        ArrayView<float> gradient = scope.Upload(g), result = inPlace ? gradient : scope.Upload(dx), styles = scope.Upload(ds);
        scope.Run(StyleGradient.Prepare(loader, new()
        {
            Input = scope.Upload(x),
            Gradient = gradient,
            Style = scope.Upload(style),
            Result = result,
            StyleGradient = styles,
            Partials = scope.Allocate<float>(StyleGradient.PartialsLength(frames, pixels, channels)),
            Frames = frames,
            Pixels = pixels,
            Channels = channels,
            StyleStride = style.Length / frames,
            StyleGradientStride = ds.Length / frames,
            SharesInput = sharesInput ? 1 : 0,
            Accumulates = accumulates ? 1 : 0,
        }));
        return (scope.Download(result), scope.Download(styles));
    }

    [Theory]
    [EveryEngine(2, 8, 70, false, false, 0)]
    [EveryEngine(3, 6, 30, false, true, 1)]
    [EveryEngine(1, 136, 150, false, true, 4)]
    [EveryEngine(5, 20, 16, true, false, 4)]
    [EveryEngine(4, 3, 16, true, true, 2)]
    [EveryEngine(16, 64, 4, true, true, 0, OnProcessor = false)] // A group there is 256 threads, and slow.
    public void A_modulation_passes_its_gradient_to_input_and_style(
        string device, int frames, int channels, int pixels, bool sharesInput, bool accumulates, int padding)
    {
        int elements = frames * pixels * channels, inputs = sharesInput ? pixels * channels : elements, stride = channels + padding;
        float[] x = RandomFloats(inputs, 1), g = RandomFloats(elements, 2), style = RandomFloats(frames * stride, 3);
        float[] dx = RandomFloats(inputs, 4), ds = RandomFloats(frames * (stride + 1), 5);
        double[] input = [.. dx.Select(value => accumulates ? (double)value : 0)], styles = [.. ds.Select(value => (double)value)];
        for (int i = 0; i < elements; i++)
        {
            int frame = i / (pixels * channels), channel = i % channels, at = sharesInput ? i % (pixels * channels) : i;
            input[at] += (double)style[frame * stride + channel] * g[i];
            styles[frame * (stride + 1) + channel] += (double)x[at] * g[i];
        }
        (float[] actualInput, float[] actualStyles) = Run(device, a =>
            ApplyStyle(a, x, g, style, dx, ds, frames, channels, sharesInput, accumulates, inPlace: !sharesInput && !accumulates));
        Near.Equal([.. input.Select(value => (float)value)], actualInput, 1e-6);
        Near.Equal([.. styles.Select(value => (float)value)], actualStyles);
    }

    private sealed record Demodulated(
        int Frames, int Outputs, int Inputs, int Taps, double Scale, double[] Style, double[] Weights, double[] Gradients,
        double[] Products, double[] Bias)
    {
        public double D(double[] style, double[] weights, int frame, int output)
        {
            double sum = 1e-8;
            for (int i = 0; i < Inputs; i++)
                for (int k = 0; k < Taps; k++)
                    sum += Math.Pow(Scale * style[frame * Inputs + i] * weights[(output * Inputs + i) * Taps + k], 2);
            return 1 / Math.Sqrt(sum);
        }

        // What style and weights move through the demodulations alone: sum of <g, d u>, u held.
        public double Loss(double[] style, double[] weights)
        {
            double loss = 0;
            for (int f = 0; f < Frames; f++)
                for (int o = 0; o < Outputs; o++)
                {
                    double gu = (Products[f * Outputs + o] - Bias[o] * Gradients[f * Outputs + o]) / D(Style, Weights, f, o);
                    loss += gu * D(style, weights, f, o);
                }
            return loss;
        }
    }

    private static double[] Doubles(int length, int seed) => [.. RandomFloats(length, seed).Select(value => (double)value)];

    private static float[] Floats(double[] values) => [.. values.Select(value => (float)value)];

    [Theory]
    [EveryEngine(2, 6, 8, 9, 0)]
    [EveryEngine(1, 3, 5, 1, 2)]
    [EveryEngine(7, 20, 34, 9, 1)]
    public void A_demodulation_moves_as_finite_differences_say(
        string device, int frames, int outputs, int inputs, int taps, int padding)
    {
        double scale = 1 / Math.Sqrt(inputs * taps);
        Demodulated layer = new(frames, outputs, inputs, taps, (float)scale, Doubles(frames * inputs, 1),
            Doubles(outputs * inputs * taps, 2), Doubles(frames * outputs, 3), Doubles(frames * outputs, 4), Doubles(outputs, 5));
        int styleStride = inputs + padding, outputStride = outputs + padding;
        float[] style = new float[frames * styleStride], d = new float[frames * outputStride], squares = new float[outputs * inputs];
        for (int f = 0; f < frames; f++)
        {
            for (int i = 0; i < inputs; i++) style[f * styleStride + i] = (float)layer.Style[f * inputs + i];
            for (int o = 0; o < outputs; o++) d[f * outputStride + o] = (float)layer.D(layer.Style, layer.Weights, f, o);
        }
        for (int i = 0; i < layer.Weights.Length; i++) squares[i / taps] += (float)Math.Pow(layer.Scale * layer.Weights[i], 2);
        float[] ds = RandomFloats(frames * styleStride, 6), dw = RandomFloats(layer.Weights.Length, 7);
        (float[] actualStyle, float[] actualWeight) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> styles = scope.Upload(ds), weights = scope.Upload(dw);
            scope.Run(DemodulationGradient.Prepare(a, new()
            {
                GradientSums = scope.Upload(Floats(layer.Gradients)),
                ProductSums = scope.Upload(Floats(layer.Products)),
                Bias = scope.Upload(Floats(layer.Bias)),
                Demodulation = scope.Upload(d),
                Style = scope.Upload(style),
                SquaredWeights = scope.Upload(squares),
                Weights = scope.Upload(Floats(layer.Weights)),
                StyleGradient = styles,
                WeightGradient = weights,
                Frames = frames,
                Outputs = outputs,
                Inputs = inputs,
                DemodulationStride = outputStride,
                StyleStride = styleStride,
                StyleGradientStride = styleStride,
                Taps = taps,
                Scale = (float)scale,
            }));
            return (scope.Download(styles), scope.Download(weights));
        });
        float[] expectedStyle = [.. ds], expectedWeight = [.. dw];
        for (int i = 0; i < layer.Style.Length; i++)
        {
            expectedStyle[i / inputs * styleStride + i % inputs] += (float)FiniteDifferences.Of(
                moved => layer.Loss(moved, layer.Weights), layer.Style, i);
        }
        int step = Math.Max(1, layer.Weights.Length / 300);
        List<float> sampledExpected = [], sampledActual = [];
        for (int i = 0; i < layer.Weights.Length; i += step)
        {
            sampledExpected.Add(expectedWeight[i] + (float)FiniteDifferences.Of(
                moved => layer.Loss(layer.Style, moved), layer.Weights, i));
            sampledActual.Add(actualWeight[i]);
        }
        Near.Equal(expectedStyle, actualStyle);
        Near.Equal([.. sampledExpected], [.. sampledActual]);
    }

    [Theory, EveryEngine]
    public void A_styled_convolution_has_the_official_gradients(string device)
    {
        const int Outputs = 6, Inputs = 8, Code = 16;
        Tensor x = TrainOps.Read("styled_conv.in0"), latent = TrainOps.Read("styled_conv.in1"), y = TrainOps.Read("styled_conv.out0");
        Tensor weight = TrainOps.Read("styled_conv.w.conv.weight"), matrix = TrainOps.Read("styled_conv.w.conv.modulation.weight");
        float[] offset = TrainOps.Read("styled_conv.w.conv.modulation.bias").Values;
        int frames = x.Batch, pixels = x.Height * x.Width;
        double scale = 1 / Math.Sqrt(Inputs * 9);
        double[] style = new double[frames * Inputs], d = new double[frames * Outputs];
        float[] squares = new float[Outputs * Inputs];
        for (int i = 0; i < style.Length; i++)
        {
            style[i] = offset[i % Inputs];
            for (int k = 0; k < Code; k++)
                style[i] += (double)latent.Values[i / Inputs * Code + k] * matrix.Values[i % Inputs * Code + k] / 4;
        }
        for (int i = 0; i < weight.Values.Length; i++) squares[i / 9] += (float)Math.Pow(scale * weight.Values[i], 2);
        for (int i = 0; i < d.Length; i++)
        {
            double sum = 1e-8;
            for (int c = 0; c < Inputs * 9; c++)
                sum += Math.Pow(scale * weight.Values[i % Outputs * Inputs * 9 + c] * style[i / Outputs * Inputs + c / 9], 2);
            d[i] = 1 / Math.Sqrt(sum);
        }
        Tensor dx = null!, dw = null!;
        float[] db = null!, ds = null!, dOffset = null!;
        Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> sums = scope.Allocate<float>(d.Length), products = scope.Allocate<float>(d.Length);
            ArrayView<float> raw = scope.Upload(TrainOps.Read("styled_conv.ct0")), bias = scope.Allocate<float>(Outputs);
            ArrayView<float> factors = scope.Upload(Floats(d)), styles = scope.Upload(Floats(style));
            scope.Run(ActivationGradient.Prepare(a, new()
            {
                Output = scope.Upload(y), Gradient = raw, Result = raw, Scale = factors, ScaleStride = Outputs, GradientSums = sums,
                ProductSums = products, Partials = scope.Allocate<float>(ActivationGradient.PartialsLength(frames, pixels, Outputs)),
                Activation = 1, Frames = frames, Pixels = pixels, Channels = Outputs,
            }));
            scope.Run(BiasGradient.Prepare(a,
                new() { GradientSums = sums, Gradient = bias, Frames = frames, Channels = Outputs, Factor = 1f }));
            db = scope.Download(bias);

            // The convolution's own gradients, by definition.
            Tensor du = scope.DownloadNhwc(raw, frames, Outputs, x.Height, x.Width);
            Tensor modulated = Tensor.Create(frames, Inputs, x.Height, x.Width, (n, c, i, j) =>
            {
                double sum = 0;
                for (int o = 0; o < Outputs; o++)
                    for (int k = 0; k < 9; k++) sum += scale * weight[o, c, k / 3, k % 3] * du.At(n, o, i + 1 - k / 3, j + 1 - k % 3);
                return sum;
            });
            Tensor direct = Tensor.Create(Outputs, Inputs, 3, 3, (o, c, k, l) =>
            {
                double sum = 0;
                for (int n = 0; n < frames; n++)
                    for (int i = 0; i < x.Height; i++)
                        for (int j = 0; j < x.Width; j++)
                            sum += scale * style[n * Inputs + c] * x.At(n, c, i + k - 1, j + l - 1) * du[n, o, i, j];
                return sum;
            });

            ArrayView<float> gradient = scope.Upload(modulated), styleGradient = scope.Upload(new float[style.Length]);
            ArrayView<float> weightGradient = scope.Upload(direct.Values), offsetGradient = scope.Allocate<float>(Inputs);
            scope.Run(StyleGradient.Prepare(a, new()
            {
                Input = scope.Upload(x), Gradient = gradient, Result = gradient, Style = styles, StyleStride = Inputs,
                StyleGradient = styleGradient, StyleGradientStride = Inputs,
                Partials = scope.Allocate<float>(StyleGradient.PartialsLength(frames, pixels, Inputs)),
                Frames = frames, Pixels = pixels, Channels = Inputs,
            }));
            scope.Run(DemodulationGradient.Prepare(a, new()
            {
                GradientSums = sums, ProductSums = products, Bias = scope.Upload(TrainOps.Read("styled_conv.w.activate.bias").Values),
                Demodulation = factors, DemodulationStride = Outputs, Style = styles, StyleStride = Inputs,
                SquaredWeights = scope.Upload(squares), Weights = scope.Upload(weight.Values), StyleGradient = styleGradient,
                StyleGradientStride = Inputs, WeightGradient = weightGradient, Frames = frames, Outputs = Outputs, Inputs = Inputs,
                Taps = 9, Scale = (float)scale,
            }));
            scope.Run(BiasGradient.Prepare(a, new()
            {
                GradientSums = styleGradient, Gradient = offsetGradient, Frames = frames, Channels = Inputs, Factor = 1f,
            }));
            dx = scope.DownloadNhwc(gradient, frames, Inputs, x.Height, x.Width);
            dw = new(scope.Download(weightGradient), Outputs, Inputs, 3, 3);
            ds = scope.Download(styleGradient);
            dOffset = scope.Download(offsetGradient);
            return 0;
        });
        Near.Equal(TrainOps.Read("styled_conv.grad.w.activate.bias").Values, db);
        Near.Equal(TrainOps.Read("styled_conv.grad.in0"), dx);
        Near.Equal(TrainOps.Read("styled_conv.grad.w.conv.weight"), dw);
        Near.Equal(TrainOps.Read("styled_conv.grad.w.conv.modulation.bias").Values, dOffset);
        float[] dLatent = [.. Enumerable.Range(0, frames * Code).Select(i => (float)Enumerable.Range(0, Inputs)
            .Sum(c => (double)ds[i / Code * Inputs + c] * matrix.Values[c * Code + i % Code] / 4))];
        Near.Equal(TrainOps.Read("styled_conv.grad.in1").Values, dLatent);
    }
}

/// <summary>Derivatives of functions that are computed in double.</summary>
internal static class FiniteDifferences
{
    /// <summary>
    /// d f / d x[<paramref name="index"/>] from four values around it: of fourth order, right to some 1e-10 where f is smooth.
    /// </summary>
    public static double Of(Func<double[], double> function, double[] point, int index, double step = 1e-3)
    {
        double[] moved = [.. point];
        double At(double offset)
        {
            moved[index] = point[index] + offset;
            return function(moved);
        }
        return (8 * (At(step) - At(-step)) - (At(2 * step) - At(-2 * step))) / (12 * step);
    }
}
