using Lia.Weights;

namespace Lia.Network.Tests.Reference;

/// <summary>
/// The network in double, written as the definition reads: zeros are inserted, kernels are flipped, nothing is folded or fused. The truth
/// for widths that the reference files do not have. Slow.
/// </summary>
internal sealed class ReferenceNetwork(ITensorSource weights, ModelArchitecture architecture)
{
    private int Levels => int.Log2(architecture.Size) - 2;

    /// <summary>Appearance code and features, from 8x8 up.</summary>
    public (double[] Appearance, Tensor[] Features) Encode(Tensor picture)
    {
        const string Net = "enc.net_app.convs";
        List<Tensor> features = [];
        Tensor x = Activate(Convolve(picture, Weight($"{Net}.0.0.weight"), 1, 0), Weight($"{Net}.0.1.bias"));
        features.Add(x);
        for (int block = 1; block <= Levels; block++)
        {
            x = Residual(weights, $"{Net}.{block}", x);
            if (x.Height >= 8) features.Add(x);
        }
        Tensor code = Convolve(x, Weight($"{Net}.{Levels + 1}.weight"), 1, 0);
        features.Reverse();
        return ([.. Enumerable.Range(0, code.Channels).Select(c => code[c, 0, 0])], [.. features]);
    }

    /// <summary>A residual block of the encoder, or of a discriminator.</summary>
    public static Tensor Residual(ITensorSource weights, string name, Tensor x)
    {
        Tensor inner = Activate(Convolve(x, Weight(weights, $"{name}.conv1.0.weight"), 1, 1), Weight(weights, $"{name}.conv1.1.bias"));
        inner = Activate(Convolve(UpFirDown(inner, 1, 1, 2, 2, 1), Weight(weights, $"{name}.conv2.1.weight"), 2, 0),
            Weight(weights, $"{name}.conv2.2.bias"));
        Tensor skip = Convolve(UpFirDown(x, 1, 1, 1, 1, 1), Weight(weights, $"{name}.skip.1.weight"), 2, 0);
        return Tensor.From(inner.Channels, inner.Height, inner.Width,
            (c, y, column) => (inner[c, y, column] + skip[c, y, column]) / Math.Sqrt(2));
    }

    /// <summary>The motion code of an appearance code: layer after layer.</summary>
    public double[] Motion(double[] appearance)
    {
        double[] x = appearance;
        for (int layer = 0; layer < 5; layer++) x = Linear(x, $"enc.fc.{layer}");
        return x;
    }

    /// <summary>The picture of a latent.</summary>
    /// <param name="latent">The latent.</param>
    /// <param name="features">The source's, from 8x8 up.</param>
    /// <param name="flows">Receives ToFlow's result of each level, from 8x8 up; null where nobody wants it.</param>
    public Tensor Decode(double[] latent, Tensor[] features, List<Tensor>? flows = null)
    {
        float[] constant = weights.Read("dec.input.input");
        Tensor x = Tensor.From(architecture.ChannelsAt(4), 4, 4, (c, y, column) => constant[(c * 4 + y) * 4 + column]);
        x = Styled(x, latent, "dec.conv1", up: false);
        Tensor? flow = null, rgb = null;
        for (int i = 0; i < Levels; i++)
        {
            x = Styled(x, latent, $"dec.convs.{2 * i}", up: true);
            x = Styled(x, latent, $"dec.convs.{2 * i + 1}", up: false);
            string name = $"dec.to_flows.{i}";
            Tensor o = Modulated(x, latent, $"{name}.conv", up: false, demodulate: false);
            flow = Sum(o, flow, weights.Read($"{name}.bias"));
            flows?.Add(flow);
            (Tensor warped, x) = Warp(x, features[i], flow);
            name = $"dec.to_rgbs.{i}";
            Tensor color = Activate(Convolve(warped, Weight($"{name}.conv.0.weight"), 1, 0), Weight($"{name}.conv.1.bias"));
            rgb = Sum(color, rgb, weights.Read($"{name}.bias"));
        }
        return rgb!;
    }

    private static Tensor Sum(Tensor own, Tensor? previous, float[] bias)
    {
        Tensor? below = previous == null ? null : UpFirDown(previous, 2, 1, 2, 1, 4);
        return Tensor.From(own.Channels, own.Height, own.Width, (c, y, x) => own[c, y, x] + bias[c] + (below?[c, y, x] ?? 0));
    }

    private static (Tensor Warped, Tensor Blended) Warp(Tensor x, Tensor feature, Tensor flow)
    {
        int size = x.Height;
        Tensor warped = Tensor.From(x.Channels, size, size, (c, y, column) =>
        {
            double gridX = Math.Tanh(flow[0, y, column]) + (float)(-1 + 2.0 * column / (size - 1));
            double gridY = Math.Tanh(flow[1, y, column]) + (float)(-1 + 2.0 * y / (size - 1));
            double px = ((gridX + 1) * size - 1) / 2, py = ((gridY + 1) * size - 1) / 2;
            int left = (int)Math.Floor(px), top = (int)Math.Floor(py);
            double fx = px - left, fy = py - top;
            double sample = (1 - fy) * ((1 - fx) * feature[c, top, left] + fx * feature[c, top, left + 1])
                + fy * ((1 - fx) * feature[c, top + 1, left] + fx * feature[c, top + 1, left + 1]);
            return sample * Mask(y, column);
        });
        return (warped, Tensor.From(x.Channels, size, size,
            (c, y, column) => warped[c, y, column] + x[c, y, column] * (1 - Mask(y, column))));

        double Mask(int y, int column) => 1 / (1 + Math.Exp(-flow[2, y, column]));
    }

    private Tensor Styled(Tensor x, double[] latent, string name, bool up) =>
        Activate(Modulated(x, latent, $"{name}.conv", up, demodulate: true), Weight($"{name}.activate.bias"));

    /// <summary>Weights are modulated and demodulated, not activations.</summary>
    private Tensor Modulated(Tensor x, double[] latent, string name, bool up, bool demodulate)
    {
        double[] style = Linear(latent, $"{name}.modulation");
        (float[] values, int[] shape) = Weight($"{name}.weight");
        int outputs = shape[1], inputs = shape[2], kernel = shape[3], perOutput = inputs * kernel * kernel;
        double[] modulated = new double[values.Length];
        for (int o = 0; o < outputs; o++)
        {
            double square = 0;
            for (int i = 0; i < perOutput; i++)
            {
                double value = values[o * perOutput + i] / Math.Sqrt(perOutput) * style[i / (kernel * kernel)];
                modulated[o * perOutput + i] = value;
                square += value * value;
            }
            for (int i = 0; demodulate && i < perOutput; i++) modulated[o * perOutput + i] /= Math.Sqrt(square + 1e-8);
        }
        if (!up) return Convolve(x, modulated, outputs, kernel, 1, kernel / 2);
        Tensor full = new(outputs, 2 * x.Height + 1, 2 * x.Width + 1);
        for (int o = 0; o < outputs; o++)
        {
            for (int c = 0; c < inputs; c++)
            {
                for (int y = 0; y < x.Height; y++)
                {
                    for (int column = 0; column < x.Width; column++)
                    {
                        for (int tap = 0; tap < 9; tap++)
                            full[o, 2 * y + tap / 3, 2 * column + tap % 3] += modulated[(o * inputs + c) * 9 + tap] * x[c, y, column];
                    }
                }
            }
        }
        return UpFirDown(full, 1, 1, 1, 1, 4);
    }

    private double[] Linear(double[] x, string name)
    {
        float[] weight = weights.Read($"{name}.weight"), bias = weights.Read($"{name}.bias");
        return [.. bias.Select((b, row) => x.Select((value, i) => value * weight[row * x.Length + i]).Sum() / Math.Sqrt(x.Length) + b)];
    }

    private (float[] Values, int[] Shape) Weight(string name) => Weight(weights, name);

    internal static (float[] Values, int[] Shape) Weight(ITensorSource weights, string name) =>
        (weights.Read(name), [.. weights.Tensors[name].Shape]);

    internal static Tensor Convolve(Tensor x, (float[] Values, int[] Shape) weight, int step, int padding)
    {
        int kernel = weight.Shape[^1];
        double scale = 1 / Math.Sqrt(weight.Shape[1] * kernel * kernel);
        return Convolve(x, [.. weight.Values.Select(value => value * scale)], weight.Shape[0], kernel, step, padding);
    }

    internal static Tensor Convolve(Tensor x, double[] weight, int outputs, int kernel, int step, int padding) =>
        Tensor.From(outputs, (x.Height + 2 * padding - kernel) / step + 1, (x.Width + 2 * padding - kernel) / step + 1, (o, y, column) =>
        {
            double sum = 0;
            for (int c = 0; c < x.Channels; c++)
            {
                for (int i = 0; i < kernel; i++)
                {
                    for (int j = 0; j < kernel; j++)
                        sum += weight[((o * x.Channels + c) * kernel + i) * kernel + j]
                            * x[c, y * step + i - padding, column * step + j - padding];
                }
            }
            return sum;
        });

    internal static Tensor Activate(Tensor x, (float[] Values, int[] Shape) bias) =>
        x.Map((c, value) => Math.Sqrt(2) * (value + bias.Values[c] >= 0 ? value + bias.Values[c] : 0.2 * (value + bias.Values[c])));

    /// <summary>Inserts zeros, pads, correlates with the (symmetric) kernel, drops samples.</summary>
    internal static Tensor UpFirDown(Tensor x, int up, int down, int padBefore, int padAfter, double gain)
    {
        int[] taps = [1, 3, 3, 1];
        int height = (x.Height * up + padBefore + padAfter - 4) / down + 1, width = (x.Width * up + padBefore + padAfter - 4) / down + 1;
        return Tensor.From(x.Channels, height, width, (c, y, column) =>
        {
            double sum = 0;
            for (int tap = 0; tap < 16; tap++)
            {
                int row = y * down + tap / 4 - padBefore, place = column * down + tap % 4 - padBefore;
                if (row >= 0 && place >= 0 && row % up == 0 && place % up == 0)
                    sum += taps[tap / 4] * taps[tap % 4] * gain / 64 * x[c, row / up, place / up];
            }
            return sum;
        });
    }
}
