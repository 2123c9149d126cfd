using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Losses;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>What the perceptual loss does to pictures and features beside its convolutions: pyramid, VGG's input, pooling.</summary>
public class PyramidTests
{
    private static (float[] Output, float[] Gradient) Shrink(
        KernelLoader loader, Tensor x, Tensor outputGradient, int factor, float[]? before = null)
    {
        using DeviceScope scope = new(loader);
        AntiAliasArguments arguments = new()
        {
            Input = scope.Upload(x.Values),
            Output = scope.Allocate<float>(outputGradient.Values.Length),
            OutputGradient = scope.Upload(outputGradient.Values),
            Gradient = before == null ? scope.Allocate<float>(x.Values.Length) : scope.Upload(before),
            Taps = scope.Upload(AntiAlias.Taps(factor)),
            Images = x.Batch * x.Channels,
            Height = x.Height,
            Width = x.Width,
            Factor = factor,
            Accumulates = before == null ? 0 : 1,
        };
        scope.Run(AntiAlias.Prepare(loader, arguments), AntiAlias.PrepareGradient(loader, arguments));
        return (scope.Download(arguments.Output), scope.Download(arguments.Gradient));
    }

    [Theory]
    [EveryEngine(2)]
    [EveryEngine(4)]
    [EveryEngine(8)]
    public void The_pyramid_matches_the_official_one(string device, int factor)
    {
        string name = $"anti_alias_{factor}";
        Tensor x = TrainOps.Read($"{name}.in0"), expected = TrainOps.Read($"{name}.out0");
        Assert.Equal(expected.Height, AntiAlias.LevelSize(x.Height, factor));
        (float[] actual, float[] gradient) = Run(device, a => Shrink(a, x, TrainOps.Read($"{name}.ct0"), factor));
        Near.Equal(expected.Values, actual);
        Near.Equal(TrainOps.Read($"{name}.grad.in0").Values, gradient);
    }

    // Odd extents, and rows wider than a block's 256 columns.
    [Theory]
    [EveryEngine(2, 3, 263)]
    [EveryEngine(8, 11, 270)]
    [EveryEngine(4, 1, 1)]
    public void Levels_of_any_extent_match_the_definition(string device, int factor, int height, int width)
    {
        Tensor x = Tensor.Random(1, 1, 2, height, width);
        int radius = 2 * (factor - 1), rows = (height + factor - 1) / factor, columns = (width + factor - 1) / factor;
        Tensor outputGradient = Tensor.Random(2, 1, 2, rows, columns);
        double deviation = (factor - 1) / 2.0;
        double[] taps = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(i => Math.Exp(-i * i / (2 * deviation * deviation)))];
        double[] g = [.. taps.Select(tap => tap / taps.Sum())];
        Tensor expected = Tensor.Create(1, 2, rows, columns, (n, c, row, column) =>
        {
            double sum = 0;
            for (int i = 0; i < g.Length; i++)
                for (int j = 0; j < g.Length; j++) sum += g[i] * g[j] * x.At(n, c, row * factor + i - radius, column * factor + j - radius);
            return sum;
        });
        float[] before = RandomFloats(x.Values.Length, 3);
        double[] adjoint = [.. before.Select(value => (double)value)];
        for (int c = 0; c < 2; c++)
            for (int row = 0; row < rows; row++)
                for (int column = 0; column < columns; column++)
                    for (int i = 0; i < g.Length; i++)
                        for (int j = 0; j < g.Length; j++)
                        {
                            int y = row * factor + i - radius, at = column * factor + j - radius;
                            if (y >= 0 && y < height && at >= 0 && at < width)
                                adjoint[(c * height + y) * width + at] += g[i] * g[j] * outputGradient[0, c, row, column];
                        }
        (float[] actual, float[] gradient) = Run(device, a => Shrink(a, x, outputGradient, factor, before));
        Near.Equal(expected.Values, actual, 1e-6);
        Near.Equal([.. adjoint.Select(value => (float)value)], gradient, 1e-6);
    }

    [Fact]
    public void A_factor_that_the_pyramid_has_not_is_refused() =>
        Assert.Contains("2, 4 and 8", Assert.Throws<ArgumentOutOfRangeException>(() => AntiAlias.Taps(3)).Message);

    private static (float[] Output, float[] Gradient) See(
        KernelLoader loader, float[] x, float[] outputGradient, int frames, int channels, float[]? before = null)
    {
        using DeviceScope scope = new(loader);
        VggInputArguments arguments = new()
        {
            Input = scope.Upload(x),
            Output = scope.Allocate<float>(outputGradient.Length),
            OutputGradient = scope.Upload(outputGradient),
            Gradient = before == null ? scope.Allocate<float>(x.Length) : scope.Upload(before),
            Frames = frames,
            Pixels = x.Length / 3 / frames,
            Channels = channels,
            Accumulates = before == null ? 0 : 1,
        };
        scope.Run(VggInput.Prepare(loader, arguments), VggInput.PrepareGradient(loader, arguments));
        return (scope.Download(arguments.Output), scope.Download(arguments.Gradient));
    }

    [Theory]
    [EveryEngine(3, false)]
    [EveryEngine(4, true)]
    public void Pictures_are_clamped_and_normalized_and_the_clamps_edge_lets_gradients_through(
        string device, int channels, bool accumulates)
    {
        double[] mean = [0.485, 0.456, 0.406], deviation = [0.229, 0.224, 0.225];
        const int Frames = 2, Pixels = 7;
        float[] x = [.. RandomFloats(Frames * 3 * Pixels, 1).Select(value => 1.5f * value)];
        float[] edges = [1f, -1f, MathF.BitIncrement(1f), MathF.BitDecrement(-1f), MathF.BitDecrement(1f), float.PositiveInfinity, -0f];
        edges.CopyTo(x, Pixels); // one plane of the first frame
        float[] outputGradient = RandomFloats(Frames * Pixels * channels, 2), before = RandomFloats(x.Length, 3);
        float[] expected = new float[outputGradient.Length], expectedGradient = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int frame = i / (3 * Pixels), color = i / Pixels % 3, pixel = i % Pixels, at = (frame * Pixels + pixel) * channels + color;
            expected[at] = (float)((Math.Clamp((double)x[i], -1, 1) / 2 + 0.5 - mean[color]) / deviation[color]);
            expectedGradient[i] = (float)((accumulates ? before[i] : 0)
                + (Math.Abs(x[i]) <= 1 ? outputGradient[at] / 2 / deviation[color] : 0));
        }
        (float[] actual, float[] gradient) = Run(device, a => See(a, x, outputGradient, Frames, channels, accumulates ? before : null));
        Near.Equal(expected, actual, 1e-6);
        Near.Equal(expectedGradient, gradient, 1e-6);
        bool[] passes = [true, true, false, false, true, false, true];
        for (int i = 0; i < Pixels; i++)
            Assert.Equal(passes[i], gradient[Pixels + i] != (accumulates ? before[Pixels + i] : 0));
    }

    [Theory, EveryEngine]
    public void What_is_no_number_in_a_picture_is_none_for_VGG(string device)
    {
        (float[] actual, float[] gradient) = Run(device, a => See(a, [0, float.NaN, 0], [1, 1, 1], 1, 3));
        Assert.Equal([false, true, false], actual.Select(float.IsNaN));
        Assert.Equal(0, gradient[1]);
    }

    [Fact]
    public void Other_than_three_or_four_channels_are_refused() => Run(EmulatorName, a =>
        Assert.Throws<ArgumentOutOfRangeException>(() => VggInput.Prepare(a, new() { Frames = 1, Pixels = 1, Channels = 5 })));

    private static (Tensor Output, Tensor Gradient) Pool(KernelLoader loader, Tensor x, Tensor outputGradient, int rectified = 0)
    {
        using DeviceScope scope = new(loader);
        MaxPoolArguments arguments = new()
        {
            Input = scope.Upload(x),
            Output = scope.Allocate<float>(outputGradient.Values.Length),
            OutputGradient = scope.Upload(outputGradient),
            Gradient = scope.Upload([.. Enumerable.Repeat(float.NaN, x.Values.Length)]),
            Frames = x.Batch,
            Height = x.Height,
            Width = x.Width,
            Channels = x.Channels,
            Rectified = rectified,
        };
        scope.Run(MaxPool.Prepare(loader, arguments), MaxPool.PrepareGradient(loader, arguments));
        return (scope.DownloadNhwc(arguments.Output, x.Batch, x.Channels, x.Height / 2, x.Width / 2),
            scope.DownloadNhwc(arguments.Gradient, x.Batch, x.Channels, x.Height, x.Width));
    }

    [Theory, EveryEngine]
    public void Pooling_matches_the_official_one(string device)
    {
        (Tensor actual, Tensor gradient) =
            Run(device, a => Pool(a, TrainOps.Read("max_pool.in0"), TrainOps.Read("max_pool.ct0")));
        Near.Equal(TrainOps.Read("max_pool.out0"), actual, 0);
        Near.Equal(TrainOps.Read("max_pool.grad.in0"), gradient, 0);
    }

    // Small integers: most windows have several maxima, the first of which takes the gradient; odd extents leave a row and a column out.
    [Theory]
    [EveryEngine(4, 6, 8, 0)]
    [EveryEngine(5, 5, 7, 0)]
    [EveryEngine(6, 4, 4, 1)]
    public void Of_several_maxima_the_first_takes_the_gradient(string device, int channels, int height, int width, int rectified)
    {
        Tensor x = new(RandomIntegers(2 * channels * height * width, 1, 1), 2, channels, height, width);
        Tensor outputGradient = Tensor.Random(2, 2, channels, height / 2, width / 2);
        Tensor expected = Tensor.Create(2, channels, height / 2, width / 2, (n, c, y, column) => Window(n, c, y, column).Max());
        Tensor expectedGradient = Tensor.Create(2, channels, height, width, (n, c, y, column) =>
        {
            if (y / 2 >= height / 2 || column / 2 >= width / 2) return 0;
            float[] window = Window(n, c, y / 2, column / 2);
            bool isFirst = Array.IndexOf(window, window.Max()) == y % 2 * 2 + column % 2;
            return isFirst && (rectified == 0 || window.Max() > 0) ? outputGradient[n, c, y / 2, column / 2] : 0;
        });
        (Tensor actual, Tensor gradient) = Run(device, a => Pool(a, x, outputGradient, rectified));
        Assert.Equal(expected.Values, actual.Values);
        Assert.Equal(expectedGradient.Values, gradient.Values);

        float[] Window(int n, int c, int y, int column) =>
            [
                x[n, c, 2 * y, 2 * column], x[n, c, 2 * y, 2 * column + 1],
                x[n, c, 2 * y + 1, 2 * column], x[n, c, 2 * y + 1, 2 * column + 1],
            ];
    }

    [Theory, EveryEngine]
    public void No_number_wins_over_numbers_wherever_it_is(string device)
    {
        foreach (int place in Enumerable.Range(0, 4))
        {
            float[] window = [1, 2, 3, 4];
            window[place] = float.NaN;
            (Tensor actual, Tensor gradient) = Run(device, a => Pool(a, new(window, 1, 1, 2, 2), new([5], 1, 1, 1, 1)));
            Assert.Equal(float.NaN, actual.Values[0]);
            Assert.Equal(Enumerable.Range(0, 4).Select(i => i == place ? 5f : 0f), gradient.Values);
        }
    }
}
