using Lia.Testing;
using Lia.Weights;

namespace Lia.Kernels.Tests;

/// <summary>A small NCHW array with the float64 definitions of the network's operations, straight from their formulas.</summary>
internal sealed record Tensor(float[] Values, params int[] Shape)
{
    public int Batch => Shape[0];

    public int Channels => Shape[1];

    public int Height => Shape[2];

    public int Width => Shape[3];

    public float this[int n, int c, int y, int x] => Values[((n * Channels + c) * Height + y) * Width + x];

    public static Tensor Random(int seed, params int[] shape) =>
        new(Gpu.Tests.TestAccelerators.RandomFloats(shape.Aggregate(1, (a, b) => a * b), seed), shape);

    public static Tensor Create(int batch, int channels, int height, int width, Func<int, int, int, int, double> value)
    {
        Tensor result = new(new float[batch * channels * height * width], batch, channels, height, width);
        for (int i = 0; i < result.Values.Length; i++)
        {
            int x = i % width, y = i / width % height, c = i / (width * height) % channels;
            result.Values[i] = (float)value(i / (width * height * channels), c, y, x);
        }
        return result;
    }

    public static Tensor FromNhwc(float[] values, int batch, int channels, int height, int width) =>
        Create(batch, channels, height, width, (n, c, y, x) => values[((n * height + y) * width + x) * channels + c]);

    public float[] ToNhwc()
    {
        float[] values = new float[Values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int c = i % Channels, x = i / Channels % Width, y = i / (Channels * Width) % Height;
            values[i] = this[i / (Channels * Width * Height), c, y, x];
        }
        return values;
    }

    /// <summary>Zero outside.</summary>
    public float At(int n, int c, int y, int x) => y >= 0 && y < Height && x >= 0 && x < Width ? this[n, c, y, x] : 0;

    /// <summary>EqualConv2d with weights [o, c, k, k], scaled by 1 / sqrt(c k k).</summary>
    public Tensor Convolve(Tensor weight, int stride = 1, int padding = 0)
    {
        int k = weight.Width;
        double scale = 1 / Math.Sqrt(Channels * k * k);
        return Create(Batch, weight.Batch, (Height + 2 * padding - k) / stride + 1, (Width + 2 * padding - k) / stride + 1, (n, o, y, x) =>
        {
            double sum = 0;
            for (int c = 0; c < Channels; c++)
                for (int i = 0; i < k; i++)
                    for (int j = 0; j < k; j++)
                        sum += (double)At(n, c, y * stride - padding + i, x * stride - padding + j) * weight[o, c, i, j];
            return sum * scale;
        });
    }

    /// <summary>Transposed convolution, stride 2: out[o, 2y+i, 2x+j] += w[o, c, i, j] x[c, y, x] / sqrt(9 c).</summary>
    public Tensor ConvolveTransposed(Tensor weight)
    {
        double scale = 1 / Math.Sqrt(Channels * 9);
        return Create(Batch, weight.Batch, 2 * Height + 1, 2 * Width + 1, (n, o, y, x) =>
        {
            double sum = 0;
            for (int c = 0; c < Channels; c++)
                for (int i = y & 1; i < 3; i += 2)
                    for (int j = x & 1; j < 3; j += 2) sum += (double)At(n, c, (y - i) / 2, (x - j) / 2) * weight[o, c, i, j];
            return sum * scale;
        });
    }

    /// <summary>upfirdn2d without upsampling, FIR kernel outer([1,3,3,1], [1,3,3,1]) * gain.</summary>
    public Tensor Blur(int padding, int stride, double gain)
    {
        int[] fir = [1, 3, 3, 1];
        return Create(Batch, Channels, (Height + 2 * padding - 4) / stride + 1, (Width + 2 * padding - 4) / stride + 1, (n, c, y, x) =>
        {
            double sum = 0;
            for (int i = 0; i < 16; i++)
                sum += (double)fir[i / 4] * fir[i % 4] * At(n, c, y * stride - padding + i / 4, x * stride - padding + i % 4);
            return sum * gain;
        });
    }

    public Tensor Map(Func<float, int, int, double> function) =>
        Create(Batch, Channels, Height, Width, (n, c, y, x) => function(this[n, c, y, x], n, c));

    /// <summary>sqrt(2) * leaky_relu(x + b, 0.2).</summary>
    public Tensor Activate(float[] bias) =>
        Map((value, _, c) => Math.Sqrt(2) * (value + (double)bias[c] is var sum && sum < 0 ? 0.2 * sum : sum));
}

/// <summary>How near two arrays are.</summary>
internal static class Near
{
    /// <summary>Fails unless |actual - expected| is at most <paramref name="limit"/> times |expected| (Euclidean norms).</summary>
    public static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double limit = 1e-5)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow((double)actual[i] - expected[i], 2);
            norm += Math.Pow(expected[i], 2);
        }
        double error = Math.Sqrt(difference / norm);
        Assert.True(error <= limit, $"relative error {error:E2}, limit {limit:E2}");
    }

    /// <summary>
    /// Fails unless every element is the nearest half of a number that is within <paramref name="slack"/> * (|expected| +
    /// <paramref name="scale"/>) of the expected one: rounding moves it by half an ulp (2^-11 of it, 2^-25 among the subnormals), the rest
    /// is for float32 sums over terms of that scale.
    /// </summary>
    public static void Rounded(Tensor expected, Tensor actual, double scale = 0, double slack = 1e-6)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        for (int i = 0; i < expected.Values.Length; i++)
        {
            double magnitude = Math.Abs(expected.Values[i]),
                limit = magnitude * Math.Pow(2, -11) + Math.Pow(2, -25) + slack * (magnitude + scale);
            Assert.True(Math.Abs(actual.Values[i] - (double)expected.Values[i]) <= limit,
                $"element {i}: {actual.Values[i]:R}, expected {expected.Values[i]:R}");
        }
    }

    /// <inheritdoc cref="Equal(ReadOnlySpan{float}, ReadOnlySpan{float}, double)"/>
    public static void Equal(Tensor expected, Tensor actual, double limit = 1e-5)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Equal(expected.Values, actual.Values, limit);
    }
}

/// <summary>The official program's building blocks: inputs, parameters and outputs.</summary>
internal static class Ops
{
    private static readonly Lazy<SafetensorsFile> File = new(() => new(TestData.Unpack("ops.safetensors")));

    public static Tensor Read(string name)
    {
        int[] shape = [.. File.Value.Tensors[name].Shape];
        float[] values = File.Value.Read(name);
        return new(values, shape.Length == 5 ? shape[1..] : shape);
    }
}

/// <summary>The official program's building blocks in training: as <see cref="Ops"/>, with cotangents and gradients.</summary>
internal static class TrainOps
{
    private static readonly Lazy<SafetensorsFile> File = new(() => new(TestData.Unpack("train_ops.safetensors")));

    public static Tensor Read(string name)
    {
        int[] shape = [.. File.Value.Tensors[name].Shape];
        float[] values = File.Value.Read(name);
        return new(values, shape.Length == 5 ? shape[1..] : shape);
    }
}
