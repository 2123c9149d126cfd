using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Losses;
using Lia.Kernels.Pixels;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>The distance of pictures that needs no network, with its gradient, and what moves pictures about.</summary>
public class PictureDistanceTests
{
    private const float PixelWeight = 0.9f, EdgeWeight = 0.6f;

    /// <summary>A level as the loss defines it; <see cref="Weights"/> null for ones.</summary>
    private sealed record Level(int Planes, int Height, int Width, float[] Values, float[] Targets, float[]? Weights)
    {
        public double Distance(double[] values)
        {
            double pixels = 0, edges = 0;
            for (int plane = 0; plane < Planes; plane++)
                for (int y = 0; y < Height; y++)
                    for (int x = 0; x < Width; x++)
                    {
                        double D(int above, int left)
                        {
                            int at = (plane * Height + y - above) * Width + x - left;
                            return values[at] - Targets[at];
                        }
                        double weight = Weights?[(plane / 3 * Height + y) * Width + x] ?? 1;
                        pixels += weight * Math.Abs(D(0, 0));
                        if (y > 0 && x > 0)
                        {
                            edges += weight
                                * (Math.Abs(D(0, 0) - D(0, 1)) + Math.Abs(D(0, 0) - D(1, 0)) + 0.7 * Math.Abs(D(0, 0) - D(1, 1)));
                        }
                    }
            int count = Planes * (Height - 1) * (Width - 1);
            return PixelWeight * pixels / values.Length + (count == 0 ? 0 : EdgeWeight * edges / count);
        }

        // The mean over the 2x2 pixels of each sample of the level below, times the gradient there.
        public double Below(double[] values, float[] coarser)
        {
            double sum = 0;
            for (int i = 0; i < values.Length; i++)
                sum += values[i] / 4 * coarser[i / Width / 2 * (Width / 2) + i % Width / 2];
            return sum;
        }
    }

    private static (float Value, float[] Gradient) Apply(KernelLoader loader, Level level, float[]? coarser = null, float[]? before = null)
    {
        using DeviceScope scope = new(loader);
        PictureDistanceArguments arguments = new()
        {
            Values = scope.Upload(level.Values),
            Targets = scope.Upload(level.Targets),
            Weights = level.Weights == null ? default : scope.Upload(level.Weights),
            Coarser = coarser == null ? default : scope.Upload(coarser),
            Gradient = scope.Upload(before ?? [.. Enumerable.Repeat(float.NaN, level.Values.Length)]),
            Partials = scope.Allocate<double>(PictureDistance.PartialsLength(level.Planes, level.Height, level.Width)),
            Value = scope.Upload([float.NaN]),
            Planes = level.Planes,
            Height = level.Height,
            Width = level.Width,
            PixelWeight = PixelWeight,
            EdgeWeight = EdgeWeight,
            Accumulates = before == null ? 0 : 1,
        };
        scope.Run(PictureDistance.Prepare(loader, arguments));
        return (scope.Download(arguments.Value)[0], scope.Download(arguments.Gradient));
    }

    // Whole numbers: every difference is 0, where both the slope and the central difference are 0, or farther from 0 than the step, and
    // between kinks the loss is linear.
    [Theory]
    [EveryEngine(3, 4, 6, false, false, false)]
    [EveryEngine(6, 8, 6, true, true, true)]
    [EveryEngine(6, 6, 10, false, true, false)]
    [EveryEngine(3, 5, 7, true, false, true)]
    [EveryEngine(3, 1, 5, true, false, false)]
    [EveryEngine(3, 2, 1, false, false, false)]
    [EveryEngine(3, 14, 20, true, true, false)] // several blocks
    public void Distance_and_gradient_are_what_the_definition_and_central_differences_say(
        string device, int planes, int height, int width, bool weighs, bool hasCoarser, bool accumulates)
    {
        const double Step = 0.25;
        int count = planes * height * width;
        Level level = new(planes, height, width, RandomIntegers(count, 3, 1), RandomIntegers(count, 3, 2),
            weighs ? [.. RandomFloats(count / 3, 3).Select(weight => weight + 1.5f)] : null);
        float[]? coarser = hasCoarser ? [.. RandomFloats(count / 4, 4).Select(value => value / count)] : null;
        float[]? before = accumulates ? [.. RandomFloats(count, 5).Select(value => value / count)] : null;
        double[] values = [.. level.Values.Select(value => (double)value)];
        float[] expected = new float[count];
        for (int i = 0; i < count; i++)
        {
            double At(double moved)
            {
                values[i] = level.Values[i] + moved;
                return level.Distance(values) + (coarser == null ? 0 : level.Below(values, coarser));
            }
            double slope = (At(Step) - At(-Step)) / (2 * Step);
            values[i] = level.Values[i];
            expected[i] = (float)(slope + (before?[i] ?? 0));
        }
        (float value, float[] gradient) = Run(device, a => Apply(a, level, coarser, before));
        Near.Equal([(float)level.Distance(values)], [value], 1e-6);
        Near.Equal(expected, gradient, 1e-6);
    }

    [Theory, EveryEngine]
    public void What_is_no_number_shows_in_distance_and_gradient(string device)
    {
        float[] values = new float[3 * 4 * 4];
        values[5] = float.NaN;
        (float value, float[] gradient) = Run(device, a => Apply(a, new(3, 4, 4, values, new float[values.Length], null)));
        Assert.Equal(float.NaN, value);
        Assert.Equal(float.NaN, gradient[5]);
        Assert.Equal(0, gradient[^1]);
    }

    [Theory]
    [InlineData(5, 4)]
    [InlineData(4, 5)]
    public void A_level_below_odd_extents_is_refused(int height, int width)
    {
        int count = 3 * height * width;
        string distance = Run(EmulatorName, a => Assert.Throws<ArgumentException>(() =>
            Apply(a, new(3, height, width, new float[count], new float[count], null), new float[count / 4])).Message);
        string pool = Run(EmulatorName, a => Assert.Throws<ArgumentException>(() =>
            PictureDistance.PreparePool(a, new() { Planes = 3, Height = height, Width = width })).Message);
        Assert.All([distance, pool], message => Assert.Contains($"not {height} x {width}", message));
    }

    [Theory]
    [EveryEngine(2, 6, 10)]
    [EveryEngine(5, 2, 2)]
    public void The_level_below_is_the_mean_of_four_pixels(string device, int planes, int height, int width)
    {
        float[] x = RandomIntegers(planes * height * width, 100);
        float[] expected = new float[x.Length / 4];
        for (int i = 0; i < x.Length; i++) expected[i / width / 2 * (width / 2) + i % width / 2] += x[i] / 4; // exact
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> output = scope.Upload([.. Enumerable.Repeat(float.NaN, expected.Length)]);
            scope.Run(PictureDistance.PreparePool(a, new()
            {
                Input = scope.Upload(x),
                Output = output,
                Planes = planes,
                Height = height,
                Width = width,
            }));
            return scope.Download(output);
        });
        Assert.Equal(expected, actual);
    }

    [Theory]
    [EveryEngine(2, 35, 3, 0, false)]
    [EveryEngine(2, 35, 3, 1, false)]
    [EveryEngine(1, 200, 3, 0, true)]
    [EveryEngine(3, 16, 8, 1, true)]
    public void Channels_go_first_and_last(string device, int frames, int pixels, int channels, int toPlanar, bool accumulates)
    {
        int count = frames * pixels * channels;
        float[] x = RandomIntegers(count, 1000, 1), before = RandomIntegers(count, 1000, 2), expected = new float[count];
        for (int f = 0; f < frames; f++)
            for (int p = 0; p < pixels; p++)
                for (int c = 0; c < channels; c++)
                {
                    int planar = (f * channels + c) * pixels + p, last = (f * pixels + p) * channels + c;
                    (int from, int to) = toPlanar != 0 ? (last, planar) : (planar, last);
                    expected[to] = x[from] + (accumulates ? before[to] : 0);
                }
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> output = scope.Upload(accumulates ? before : [.. Enumerable.Repeat(float.NaN, count)]);
            scope.Run(ChannelOrder.Prepare(a, new()
            {
                Input = scope.Upload(x),
                Output = output,
                Frames = frames,
                Pixels = pixels,
                Channels = channels,
                ToPlanar = toPlanar,
                Accumulates = accumulates ? 1 : 0,
            }));
            return scope.Download(output);
        });
        Assert.Equal(expected, actual);
    }

    [Theory]
    [EveryEngine(1, 0f)]
    [EveryEngine(300, -1.5f)]
    public void A_fill_reaches_its_view_and_no_farther(string device, int length, float value)
    {
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> all = scope.Upload([.. Enumerable.Repeat(7f, length + 2)]);
            scope.Run(Fill.Prepare(a, all.SubView(1, length), value));
            return scope.Download(all);
        });
        Assert.Equal([7f, .. Enumerable.Repeat(value, length), 7f], actual);
    }
}
