using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Modulation;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>Backward through activation, bias and demodulation, and sums of two branches.</summary>
public class ActivationGradientTests
{
    private sealed record Gradients(float[] Result, float[] Sums, float[] Products);

    private static Gradients Apply(
        KernelLoader loader, float[] y, float[] dy, float[]? scale, int activation, int frames, int channels, bool inPlace = false)
    {
        using DeviceScope scope = new(loader);
        int pixels = y.Length / (frames * channels);
        ArrayView<float> gradient = scope.Upload(dy), result = inPlace ? gradient : scope.Allocate<float>(y.Length);
        ArrayView<float> sums = scope.Allocate<float>(frames * channels), products = scope.Allocate<float>(frames * channels);
        scope.Run(ActivationGradient.Prepare(loader, new()
        {
            Output = scope.Upload(y),
            Gradient = gradient,
            Scale = scale == null ? default : scope.Upload(scale),
            ScaleStride = scale == null ? 0 : scale.Length / frames,
            Result = result,
            GradientSums = sums,
            ProductSums = products,
            Partials = scope.Allocate<float>(ActivationGradient.PartialsLength(frames, pixels, channels)),
            Activation = activation,
            Frames = frames,
            Pixels = pixels,
            Channels = channels,
        }));
        return new(scope.Download(result), scope.Download(sums), scope.Download(products));
    }

    private static double Slope(int activation, double y) => (activation, y > 0) switch
    {
        (0, _) => 1,
        (1, true) => Math.Sqrt(2),
        (1, false) => Math.Sqrt(2) * 0.2,
        (_, true) => 1,
        _ => 0,
    };

    [Theory]
    [EveryEngine(0, 2, 20, 33, 0)]
    [EveryEngine(1, 3, 6, 300, 3)]
    [EveryEngine(1, 1, 136, 260, 4)]
    [EveryEngine(2, 5, 3, 16, 0)]
    [EveryEngine(1, 1, 1, 4100, 0, OnProcessor = false)] // A group there is 256 threads, and slow.
    public void An_activation_is_undone_by_the_sign_of_its_output(
        string device, int activation, int frames, int channels, int pixels, int padding)
    {
        int elements = frames * pixels * channels, stride = channels + padding;
        float[] pre = RandomFloats(elements, 1), dy = RandomFloats(elements, 2), scale = RandomFloats(frames * stride, 3);
        pre[0] = 0f;
        float[] y = [.. pre.Select(value => activation switch
        {
            0 => value,
            1 => (float)(Math.Sqrt(2) * (value < 0 ? 0.2 * value : value)),
            _ => Math.Max(value, 0f),
        })];
        float[] result = new float[elements];
        double[] sums = new double[frames * channels], products = new double[frames * channels];
        for (int i = 0; i < elements; i++)
        {
            int cell = i / (pixels * channels) * channels + i % channels;
            double g = dy[i] * Slope(activation, y[i]);
            result[i] = (float)(padding == 0 ? g : g * scale[i / (pixels * channels) * stride + i % channels]);
            sums[cell] += g;
            products[cell] += g * pre[i];
        }
        Gradients actual = Run(device,
            a => Apply(a, y, dy, padding == 0 ? null : scale, activation, frames, channels, inPlace: activation == 1));
        Near.Equal(result, actual.Result, 1e-6);
        Near.Equal([.. sums.Select(value => (float)value)], actual.Sums);
        Near.Equal([.. products.Select(value => (float)value)], actual.Products);
    }

    [Theory, EveryEngine]
    public void What_is_not_wanted_is_left_out(string device)
    {
        float[] y = RandomFloats(2 * 10 * 8, 1), dy = RandomFloats(2 * 10 * 8, 2);
        double[] products = new double[16], sums = new double[16];
        for (int i = 0; i < y.Length; i++)
        {
            products[i / 80 * 8 + i % 8] += dy[i] * (double)y[i];
            sums[i / 80 * 8 + i % 8] += dy[i] * Slope(2, y[i]);
        }
        (float[] result, float[] first, float[] second, int[] launches) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ActivationGradientArguments arguments = new()
            {
                Output = scope.Upload(y), Gradient = scope.Upload(dy), Frames = 2, Pixels = 10, Channels = 8, Activation = 2,
            };
            ActivationGradientArguments stored = arguments, product = arguments, sum = arguments;
            stored.Result = scope.Allocate<float>(160);
            product.ProductSums = scope.Allocate<float>(16);
            sum.GradientSums = scope.Allocate<float>(16);
            product.Partials = sum.Partials = scope.Allocate<float>(ActivationGradient.PartialsLength(2, 10, 8));
            KernelLaunch[][] all = [ActivationGradient.Prepare(a, stored), ActivationGradient.Prepare(a, product),
                ActivationGradient.Prepare(a, sum)];
            foreach (KernelLaunch[] some in all) scope.Run(some);
            return (scope.Download(stored.Result), scope.Download(product.ProductSums), scope.Download(sum.GradientSums),
                all.Select(some => some.Length).ToArray());
        });
        Assert.Equal([1, 2, 2], launches);
        Near.Equal([.. dy.Select((value, i) => (float)(value * Slope(2, y[i])))], result, 1e-7);
        Near.Equal([.. products.Select(value => (float)value)], first);
        Near.Equal([.. sums.Select(value => (float)value)], second);
    }

    [Fact]
    public void An_activation_that_does_not_exist_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(
        () => ActivationGradient.Prepare(null!, new() { Activation = 3, Frames = 1, Pixels = 1, Channels = 4 }));

    [Theory]
    [EveryEngine(1, 5, false)]
    [EveryEngine(7, 40, true)]
    [EveryEngine(64, 3, true)]
    public void A_bias_takes_the_sum_over_the_frames(string device, int frames, int channels, bool accumulates)
    {
        float[] sums = RandomFloats(frames * channels, 4), before = RandomFloats(channels, 5);
        float[] expected = [.. Enumerable.Range(0, channels).Select(c => (float)((accumulates ? before[c] : 0.0)
            + 0.25 * Enumerable.Range(0, frames).Sum(f => (double)sums[f * channels + c])))];
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> gradient = scope.Upload(before);
            scope.Run(BiasGradient.Prepare(a, new()
            {
                GradientSums = scope.Upload(sums),
                Gradient = gradient,
                Frames = frames,
                Channels = channels,
                Factor = 0.25f,
                Accumulates = accumulates ? 1 : 0,
            }));
            return scope.Download(gradient);
        });
        Near.Equal(expected, actual, 1e-6);
    }

    [Theory]
    [EveryEngine(1024, true)]
    [EveryEngine(1023, true)]
    [EveryEngine(6, false)]
    public void Two_branches_are_added_and_scaled(string device, int length, bool hasSecond)
    {
        float[] x = RandomFloats(length, 1), second = RandomFloats(length, 2);
        float[] expected = [.. x.Select((value, i) => (float)((value + (hasSecond ? (double)second[i] : 0)) / Math.Sqrt(2)))];
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> first = scope.Upload(x);
            scope.Run(AddScaled.Prepare(a, new()
            {
                First = first,
                Second = hasSecond ? scope.Upload(second) : default,
                Output = first,
                Gain = (float)(1 / Math.Sqrt(2)),
            }));
            return scope.Download(first);
        });
        Near.Equal(expected, actual, 1e-6);
    }

    [Theory, EveryEngine]
    public void Branches_of_different_length_are_refused(string device) => Run(device, a =>
    {
        using DeviceScope scope = new(a);
        ArrayView<float> four = scope.Allocate<float>(4), five = scope.Allocate<float>(5);
        Assert.Throws<ArgumentException>(() => AddScaled.Prepare(a, new() { First = four, Output = five }));
        Assert.Throws<ArgumentException>(() => AddScaled.Prepare(a, new() { First = four, Second = five, Output = four }));
        return 0;
    });
}
