using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Warping;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>Backward through the end of a decoder level.</summary>
public class FlowWarpGradientTests
{
    /// <summary>What goes in; arrays of maps are NCHW, as in the official program.</summary>
    private sealed record Level(Tensor X, Tensor Feature, double[] Style, double[] FlowWeights, double[] RgbWeights, double[] RgbBias)
    {
        public required float[] GridX { get; init; }

        public required float[] GridY { get; init; }

        /// <summary>What is added to the sums of ToFlow: bias and skip.</summary>
        public required double[] FlowOffset { get; init; }

        public int Frames => X.Batch;

        public int Channels => X.Channels;

        public int Plane => X.Height * X.Width;

        /// <summary>o.</summary>
        public double[] Flow()
        {
            double[] flow = [.. FlowOffset];
            for (int i = 0; i < flow.Length; i++)
            {
                int frame = i / (3 * Plane), j = i / Plane % 3, p = i % Plane;
                for (int c = 0; c < Channels; c++)
                {
                    flow[i] += Style[frame * Channels + c] * FlowWeights[j * Channels + c]
                        * X.Values[(frame * Channels + c) * Plane + p];
                }
            }
            return flow;
        }
    }

    private sealed record Cotangents(Tensor? Blended, Tensor? Warped, float[]? Rgb, float[]? UpperFlow);

    private sealed record Gradients(
        double[] Flow, double[] RgbSum, double[] X, double[] Feature, double[] Style, double[] FlowWeights, double[] RgbWeights,
        double[] FlowBias, double[] RgbBias, double[] RgbOffset)
    {
        public Gradients(Level level) : this(
            new double[level.Frames * 3 * level.Plane], new double[level.Frames * 3 * level.Plane], new double[level.X.Values.Length],
            new double[level.X.Values.Length], new double[level.Frames * level.Channels], new double[3 * level.Channels],
            new double[3 * level.Channels], new double[3], new double[3], new double[3])
        {
        }
    }

    /// <summary>
    /// The definition in double, pixel by pixel, reverse mode by hand; <see cref="The_definition_is_what_finite_differences_say"/> holds
    /// it. <paramref name="flow"/> is o as the kernel is given it.
    /// </summary>
    private static Gradients Define(Level level, Cotangents given, double[] flow, double[]? flowToWeights = null)
    {
        Gradients result = new(level);
        int channels = level.Channels, plane = level.Plane, width = level.X.Width, height = level.X.Height;
        double[] sample = new double[channels], g = new double[channels];
        for (int f = 0; f < level.Frames; f++)
        {
            for (int p = 0; p < plane; p++)
            {
                double Map(Tensor map, int c) => map.Values[(f * channels + c) * plane + p];
                int At(int c) => (f * channels + c) * plane + p;
                int planar = f * 3 * plane + p;
                double o0 = flow[planar], o1 = flow[planar + plane], m = 1 / (1 + Math.Exp(-flow[planar + 2 * plane]));
                (double ix, double iy) = Position(level, o0, o1, p);
                int x0 = (int)Math.Floor(ix), y0 = (int)Math.Floor(iy);
                double Corner(int c, int y, int x) => level.Feature.At(f, c, y, x);
                double u = ix - x0, v = iy - y0;
                double[] r = new double[3], dr = new double[3];
                for (int c = 0; c < channels; c++)
                {
                    sample[c] = (1 - v) * ((1 - u) * Corner(c, y0, x0) + u * Corner(c, y0, x0 + 1))
                        + v * ((1 - u) * Corner(c, y0 + 1, x0) + u * Corner(c, y0 + 1, x0 + 1));
                    for (int j = 0; j < 3; j++) r[j] += level.RgbWeights[j * channels + c] * sample[c] * m;
                }
                for (int j = 0; j < 3; j++)
                {
                    double drgb = given.Rgb?[planar + j * plane] ?? 0;
                    dr[j] = drgb * Math.Sqrt(2) * (r[j] + level.RgbBias[j] > 0 ? 1 : 0.2);
                    result.RgbSum[planar + j * plane] = dr[j];
                    result.RgbBias[j] += dr[j];
                    result.RgbOffset[j] += drgb;
                }
                double dm = 0, dx = 0, dy = 0;
                for (int c = 0; c < channels; c++)
                {
                    double blended = given.Blended == null ? 0 : Map(given.Blended, c);
                    g[c] = blended + (given.Warped == null ? 0 : Map(given.Warped, c));
                    for (int j = 0; j < 3; j++)
                    {
                        g[c] += level.RgbWeights[j * channels + c] * dr[j];
                        result.RgbWeights[j * channels + c] += sample[c] * m * dr[j];
                    }
                    dm += g[c] * sample[c] - blended * Map(level.X, c);
                    dx += g[c] * ((1 - v) * (Corner(c, y0, x0 + 1) - Corner(c, y0, x0))
                        + v * (Corner(c, y0 + 1, x0 + 1) - Corner(c, y0 + 1, x0)));
                    dy += g[c] * ((1 - u) * (Corner(c, y0 + 1, x0) - Corner(c, y0, x0))
                        + u * (Corner(c, y0 + 1, x0 + 1) - Corner(c, y0, x0 + 1)));
                    for (int k = 0; k < 4; k++)
                    {
                        int y = y0 + k / 2, x = x0 + k % 2;
                        if (y >= 0 && y < height && x >= 0 && x < width)
                        {
                            result.Feature[((f * channels + c) * height + y) * width + x] +=
                                g[c] * m * (k % 2 == 0 ? 1 - u : u) * (k / 2 == 0 ? 1 - v : v);
                        }
                    }
                    result.X[At(c)] += blended * (1 - m);
                }
                double[] flowGradient =
                [
                    dx * m * width / 2 * (1 - Math.Pow(Math.Tanh(o0), 2)), dy * m * height / 2 * (1 - Math.Pow(Math.Tanh(o1), 2)),
                    dm * m * (1 - m),
                ];
                for (int j = 0; j < 3; j++)
                {
                    flowGradient[j] += given.UpperFlow?[planar + j * plane] ?? 0;
                    result.Flow[planar + j * plane] = flowGradient[j];
                    if (flowToWeights != null) flowGradient[j] = flowToWeights[planar + j * plane];
                    result.FlowBias[j] += flowGradient[j];
                    for (int c = 0; c < channels; c++)
                    {
                        double s = level.Style[f * channels + c], w = level.FlowWeights[j * channels + c];
                        result.X[At(c)] += s * w * flowGradient[j];
                        result.Style[f * channels + c] += w * Map(level.X, c) * flowGradient[j];
                        result.FlowWeights[j * channels + c] += s * Map(level.X, c) * flowGradient[j];
                    }
                }
            }
        }
        return result;
    }

    private static (double X, double Y) Position(Level level, double o0, double o1, int p)
    {
        int width = level.X.Width, height = level.X.Height;
        return (((Math.Tanh(o0) + level.GridX[p % width] + 1) * width - 1) / 2,
            ((Math.Tanh(o1) + level.GridY[p / width] + 1) * height - 1) / 2);
    }

    /// <summary>The sum of all outputs times their cotangents, forward.</summary>
    private static double Loss(Level level, Cotangents given)
    {
        double[] flow = level.Flow();
        double loss = 0;
        int channels = level.Channels, plane = level.Plane;
        for (int f = 0; f < level.Frames; f++)
        {
            for (int p = 0; p < plane; p++)
            {
                int planar = f * 3 * plane + p;
                (double ix, double iy) = Position(level, flow[planar], flow[planar + plane], p);
                double m = 1 / (1 + Math.Exp(-flow[planar + 2 * plane]));
                double[] r = [.. level.RgbBias];
                for (int c = 0; c < channels; c++)
                {
                    double warped = 0;
                    for (int y = (int)Math.Floor(iy); y <= Math.Floor(iy) + 1; y++)
                    {
                        for (int x = (int)Math.Floor(ix); x <= Math.Floor(ix) + 1; x++)
                            warped += m * (1 - Math.Abs(ix - x)) * (1 - Math.Abs(iy - y)) * level.Feature.At(f, c, y, x);
                    }
                    int at = (f * channels + c) * plane + p;
                    loss += warped * (given.Warped?.Values[at] ?? 0)
                        + (warped + (1 - m) * level.X.Values[at]) * (given.Blended?.Values[at] ?? 0);
                    for (int j = 0; j < 3; j++) r[j] += level.RgbWeights[j * channels + c] * warped;
                }
                for (int j = 0; j < 3; j++)
                {
                    loss += Math.Sqrt(2) * (r[j] < 0 ? 0.2 * r[j] : r[j]) * (given.Rgb?[planar + j * plane] ?? 0)
                        + flow[planar + j * plane] * (given.UpperFlow?[planar + j * plane] ?? 0);
                }
            }
        }
        return loss;
    }

    private static float[] Linspace(int count) => [.. Enumerable.Range(0, count).Select(i => (float)(-1 + 2.0 * i / (count - 1)))];

    private static double[] Doubles(float[] values) => [.. values.Select(value => (double)value)];

    private static float[] Floats(double[] values) => [.. values.Select(value => (float)value)];

    /// <summary>Inputs whose flows have offsets up to <paramref name="reach"/>.</summary>
    private static (Level Level, Cotangents Given) Random(int frames, int channels, int height, int width, double reach = 0.5)
    {
        Level level = new(
            Tensor.Random(1, frames, channels, height, width), Tensor.Random(2, frames, channels, height, width),
            Doubles(RandomFloats(frames * channels, 3)), [.. Doubles(RandomFloats(3 * channels, 4)).Select(w => w / Math.Sqrt(channels))],
            [.. Doubles(RandomFloats(3 * channels, 5)).Select(w => w / Math.Sqrt(channels))], Doubles(RandomFloats(3, 6)))
        {
            GridX = Linspace(width),
            GridY = Linspace(height),
            FlowOffset = [.. Doubles(RandomFloats(frames * 3 * height * width, 7)).Select(o => o * reach)],
        };
        return (level, new(Tensor.Random(8, frames, channels, height, width), null, RandomFloats(frames * 3 * height * width, 9),
            RandomFloats(frames * 3 * height * width, 10)));
    }

    private sealed record Options
    {
        public bool Accumulates { get; init; }

        public bool InPlace { get; init; }

        public int Padding { get; init; }

        /// <summary>Frames that are scattered at a time; 0: as the kernel's host chooses.</summary>
        public int ScatteredFrames { get; init; }
    }

    /// <summary>By the kernels; what they add to is left in the result's maps, styles and parameters.</summary>
    private static Gradients Apply(KernelLoader loader, Level level, Cotangents given, double[] flow, Options? options = null)
    {
        options ??= new();
        using DeviceScope scope = new(loader);
        int channels = level.Channels, frames = level.Frames, stride = channels + options.Padding, elements = level.X.Values.Length;
        float[] style = RandomFloats(frames * stride, 20);
        for (int i = 0; i < frames * channels; i++) style[i / channels * stride + i % channels] = (float)level.Style[i];
        float[] Before(int length, int seed) => options.Accumulates ? RandomFloats(length, seed) : new float[length];
        ArrayView<float> blended = given.Blended == null ? default : scope.Upload(given.Blended);
        ArrayView<float> upper = given.UpperFlow == null ? default : scope.Upload(given.UpperFlow);
        FlowWarpGradientArguments a = new()
        {
            Input = scope.Upload(level.X),
            Feature = scope.Upload(level.Feature),
            FeatureStride = channels * level.Plane,
            Style = scope.Upload(style),
            StyleStride = stride,
            FlowWeights = scope.Upload(Floats(level.FlowWeights)),
            RgbWeights = scope.Upload(Floats(level.RgbWeights)),
            RgbBias = scope.Upload(Floats(level.RgbBias)),
            GridX = scope.Upload(level.GridX),
            GridY = scope.Upload(level.GridY),
            Flow = scope.Upload(Floats(flow)),
            BlendedGradient = blended,
            WarpedGradient = given.Warped == null ? default : scope.Upload(given.Warped),
            RgbGradient = given.Rgb == null ? default : scope.Upload(given.Rgb),
            UpperFlowGradient = upper,
            FlowGradient = options.InPlace ? upper : scope.Allocate<float>(3 * frames * level.Plane),
            RgbSumGradient = scope.Allocate<float>(3 * frames * level.Plane),
            InputGradient = options.InPlace ? blended : scope.Upload(Before(elements, 11)),
            FeatureGradient = scope.Upload(Before(elements, 12)),
            StyleGradient = scope.Upload(Before(frames * stride, 13)),
            StyleGradientStride = stride,
            FlowWeightGradient = scope.Upload(Before(3 * channels, 14)),
            RgbWeightGradient = scope.Upload(Before(3 * channels, 15)),
            FlowBiasGradient = scope.Upload(Before(3, 16)),
            RgbBiasGradient = scope.Upload(Before(3, 17)),
            RgbOffsetGradient = scope.Upload(Before(3, 18)),
            Partials = scope.Allocate<float>(FlowWarpGradient.PartialsLength(frames, level.X.Height, level.X.Width, channels)),
            Scatter = scope.Allocate<long>(FlowWarpGradient.ScatterLength(frames, level.X.Height, level.X.Width, channels)),
            Frames = frames,
            Height = level.X.Height,
            Width = level.X.Width,
            Channels = channels,
            FlowScale = 0.5f,
            RgbScale = 0.25f,
            AccumulatesInput = options.Accumulates ? 1 : 0,
            AccumulatesFeature = options.Accumulates ? 1 : 0,
            AccumulatesParameters = options.Accumulates ? 1 : 0,
            ScatteredFrames = options.ScatteredFrames,
        };
        scope.Run(FlowWarpGradient.Prepare(loader, a));
        double[] Added(ArrayView<float> view, int seed, double scale = 1)
        {
            float[] before = Before((int)view.Length, seed);
            return [.. scope.Download(view).Select((value, i) => (value - (double)before[i]) / scale)];
        }
        double[] AddedMap(ArrayView<float> view, int seed) => Doubles(
            Tensor.FromNhwc(Floats(Added(view, seed)), frames, channels, level.X.Height, level.X.Width).Values);
        double[] styles = Added(a.StyleGradient, 13);
        return new(
            Doubles(scope.Download(a.FlowGradient)), Doubles(scope.Download(a.RgbSumGradient)),
            options.InPlace ? Doubles(scope.DownloadNhwc(blended, frames, channels, level.X.Height, level.X.Width).Values)
                : AddedMap(a.InputGradient, 11),
            AddedMap(a.FeatureGradient, 12),
            [.. Enumerable.Range(0, frames * channels).Select(i => styles[i / channels * stride + i % channels])],
            Added(a.FlowWeightGradient, 14, 0.5), Added(a.RgbWeightGradient, 15, 0.25), Added(a.FlowBiasGradient, 16),
            Added(a.RgbBiasGradient, 17), Added(a.RgbOffsetGradient, 18));
    }

    private static void Compare(Gradients expected, Gradients actual, double limit = 1e-5)
    {
        List<string> faults = [];
        void Near(double[] wanted, double[] got, string what)
        {
            double error = Math.Sqrt(wanted.Zip(got, (x, y) => (x - y) * (x - y)).Sum()), norm = Math.Sqrt(wanted.Sum(x => x * x));
            if (!(error <= limit * norm)) faults.Add($"{what}: relative error {error / norm:E2}, limit {limit:E2}");
        }
        Near(expected.RgbSum, actual.RgbSum, "RGB before its activation");
        Near(expected.Flow, actual.Flow, "flow");
        Near(expected.X, actual.X, "x");
        Near(expected.Feature, actual.Feature, "feature");
        Near(expected.Style, actual.Style, "style");
        Near(expected.FlowWeights, actual.FlowWeights, "flow weights");
        Near(expected.RgbWeights, actual.RgbWeights, "RGB weights");
        Near(expected.FlowBias, actual.FlowBias, "flow bias");
        Near(expected.RgbBias, actual.RgbBias, "RGB bias");
        Near(expected.RgbOffset, actual.RgbOffset, "RGB offset");
        Assert.Empty(faults);
    }

    // o as the kernel is given it, in float; in the definition the same numbers.
    private static double[] Rounded(double[] flow) => Doubles(Floats(flow));

    [Fact]
    public void The_definition_is_what_finite_differences_say()
    {
        (Level level, Cotangents given) = Random(2, 3, 6, 5);
        given = given with { Warped = Tensor.Random(30, 2, 3, 6, 5) };
        Gradients defined = Define(level, given, level.Flow());
        void Check(double[] gradient, double[] point, Func<double[], Level> moved)
        {
            double error = 0, norm = 0;
            for (int i = 0; i < point.Length; i++)
            {
                // A small step: few pixels cross a grid line or the activation's bend within it, and they move little.
                double difference = FiniteDifferences.Of(x => Loss(moved(x), given), point, i, 1e-7);
                error += Math.Pow(difference - gradient[i], 2);
                norm += gradient[i] * gradient[i];
            }
            Assert.True(Math.Sqrt(error / norm) < 1e-5, $"relative error {Math.Sqrt(error / norm):E2}");
        }
        Check(defined.Flow, level.FlowOffset, x => level with { FlowOffset = x });
        Check(defined.Style, level.Style, x => level with { Style = x });
        Check(defined.FlowWeights, level.FlowWeights, x => level with { FlowWeights = x });
        Check(defined.RgbWeights, level.RgbWeights, x => level with { RgbWeights = x });
        Check(defined.RgbBias, level.RgbBias, x => level with { RgbBias = x });
        // Maps are float: a step that float holds, over which the loss is linear in the feature.
        void CheckMap(double[] gradient, Tensor map, Func<Tensor, Level> moved, float step, double limit)
        {
            double error = 0, norm = 0;
            for (int i = 0; i < map.Values.Length; i++)
            {
                double At(float offset)
                {
                    float[] values = [.. map.Values];
                    values[i] = MathF.Round(values[i] * 1024) / 1024 + offset;
                    return Loss(moved(new(values, map.Shape)), given);
                }
                error += Math.Pow((At(step) - At(-step)) / (2 * step) - gradient[i], 2);
                norm += gradient[i] * gradient[i];
            }
            Assert.True(Math.Sqrt(error / norm) < limit, $"relative error {Math.Sqrt(error / norm):E2}");
        }
        Tensor Coarse(Tensor map) => new([.. map.Values.Select(value => MathF.Round(value * 1024) / 1024)], map.Shape);
        level = level with { X = Coarse(level.X), Feature = Coarse(level.Feature) };
        defined = Define(level, given, level.Flow());
        CheckMap(defined.Feature, level.Feature, x => level with { Feature = x }, 1 / 4096f, 1e-6);
        CheckMap(defined.X, level.X, x => level with { X = x }, 1 / 65536f, 1e-4);
    }

    [Theory]
    [EveryEngine(2, 8, 6, 10, 0, false)]
    [EveryEngine(1, 3, 9, 7, 1, true)]
    [EveryEngine(3, 6, 5, 8, 3, false, OnProcessor = false)] // A group there is 256 threads, and slow.
    [EveryEngine(2, 20, 16, 18, 4, true, OnProcessor = false)]
    [EveryEngine(5, 40, 4, 4, 0, true, OnProcessor = false)]
    [EveryEngine(1, 136, 12, 12, 4, false, OnProcessor = false)]
    public void The_gradients_are_those_of_the_definition(
        string device, int frames, int channels, int height, int width, int padding, bool accumulates)
    {
        (Level level, Cotangents given) = Random(frames, channels, height, width);
        double[] flow = Rounded(level.Flow());
        Options options = new() { Accumulates = accumulates, InPlace = !accumulates, Padding = padding };
        Compare(Define(level, given, flow), Run(device, a => Apply(a, level, given, flow, options)));
    }

    [Theory]
    [EveryEngine(5, 2, OnProcessor = false)] // A group there is 256 threads, and slow.
    [EveryEngine(3, 1)]
    public void Frames_are_scattered_a_few_at_a_time(string device, int frames, int atOnce)
    {
        (Level level, Cotangents given) = Random(frames, 8, 6, 6);
        double[] flow = Rounded(level.Flow());
        Options options = new() { ScatteredFrames = atOnce, Accumulates = true };
        Compare(Define(level, given, flow), Run(device, a => Apply(a, level, given, flow, options)));
    }

    [Theory, EveryEngine]
    public void The_last_level_has_RGB_alone(string device)
    {
        (Level level, Cotangents given) = Random(2, 16, 8, 8);
        given = new(null, null, given.Rgb, null);
        double[] flow = Rounded(level.Flow());
        Compare(Define(level, given, flow), Run(device, a => Apply(a, level, given, flow)));
    }

    [Theory]
    [EveryEngine("to_flow")]
    [EveryEngine("to_flow_first")]
    public void ToFlow_has_the_official_gradients(string device, string name)
    {
        Tensor x = TrainOps.Read($"{name}.in0"), latent = TrainOps.Read($"{name}.in1"), feature = TrainOps.Read($"{name}.in2");
        Tensor matrix = TrainOps.Read($"{name}.w.m.conv.modulation.weight");
        float[] offset = TrainOps.Read($"{name}.w.m.conv.modulation.bias").Values;
        double[] style = new double[x.Batch * x.Channels];
        for (int i = 0; i < style.Length; i++)
        {
            style[i] = offset[i % x.Channels];
            for (int k = 0; k < 16; k++)
                style[i] += (double)latent.Values[i / x.Channels * 16 + k] * matrix.Values[i % x.Channels * 16 + k] / 4;
        }
        double scale = 1 / Math.Sqrt(x.Channels);
        Level level = new(x, feature, style, [.. TrainOps.Read($"{name}.w.m.conv.weight").Values.Select(w => w * scale)],
            new double[3 * x.Channels], new double[3])
        {
            GridX = Linspace(x.Width), GridY = Linspace(x.Height), FlowOffset = [],
        };
        Cotangents given = new(
            TrainOps.Read($"{name}.ct1"), TrainOps.Read($"{name}.ct0"), null, TrainOps.Read($"{name}.ct2").Values);
        double[] flow = Doubles(TrainOps.Read($"{name}.out2").Values);
        Gradients actual = Run(device, a => Apply(a, level, given, flow));
        Near.Equal(TrainOps.Read($"{name}.grad.in0").Values, Floats(actual.X));
        Near.Equal(TrainOps.Read($"{name}.grad.in2").Values, Floats(actual.Feature));
        Near.Equal(TrainOps.Read($"{name}.grad.w.m.bias").Values, Floats(actual.FlowBias));
        Near.Equal(TrainOps.Read($"{name}.grad.w.m.conv.weight").Values, Floats([.. actual.FlowWeights.Select(w => w * scale)]));
        Near.Equal(TrainOps.Read($"{name}.grad.w.m.conv.modulation.bias").Values, [.. Enumerable.Range(0, x.Channels)
            .Select(c => (float)Enumerable.Range(0, x.Batch).Sum(f => actual.Style[f * x.Channels + c]))]);
        Near.Equal(TrainOps.Read($"{name}.grad.in1").Values, [.. Enumerable.Range(0, x.Batch * 16).Select(i =>
            (float)Enumerable.Range(0, x.Channels)
                .Sum(c => actual.Style[i / 16 * x.Channels + c] * matrix.Values[c * 16 + i % 16] / 4))]);
    }

    [Theory]
    [EveryEngine("to_rgb")]
    [EveryEngine("to_rgb_first")]
    public void ToRgb_of_an_unmoved_feature_has_the_official_gradients(string device, string name)
    {
        Tensor x = TrainOps.Read($"{name}.in0");
        double scale = 1 / Math.Sqrt(x.Channels);
        float[] centers = [.. Enumerable.Range(0, x.Width).Select(i => (float)((2.0 * i + 1) / x.Width - 1))];
        Level level = new(x, x, new double[x.Batch * x.Channels], new double[3 * x.Channels],
            [.. TrainOps.Read($"{name}.w.conv.0.weight").Values.Select(w => w * scale)],
            Doubles(TrainOps.Read($"{name}.w.conv.1.bias").Values))
        {
            GridX = centers, GridY = centers, FlowOffset = [],
        };
        // Not moved, and a mask of one.
        double[] flow = [.. Enumerable.Range(0, x.Batch * 3 * level.Plane).Select(i => i / level.Plane % 3 == 2 ? 40.0 : 0)];
        Gradients actual = Run(device, a => Apply(a, level, new(null, null, TrainOps.Read($"{name}.ct0").Values, null), flow));
        Near.Equal(TrainOps.Read($"{name}.grad.in0").Values, Floats(actual.Feature));
        Near.Equal(TrainOps.Read($"{name}.grad.w.conv.0.weight").Values, Floats([.. actual.RgbWeights.Select(w => w * scale)]));
        Near.Equal(TrainOps.Read($"{name}.grad.w.conv.1.bias").Values, Floats(actual.RgbBias));
        Near.Equal(TrainOps.Read($"{name}.grad.w.bias").Values, Floats(actual.RgbOffset));
    }

    [Theory]
    // The processor accelerator runs a group as 256 threads and takes its time; the cases above hold it.
    [EveryEngine(0, OnProcessor = false)]
    [EveryEngine(1, OnProcessor = false)]
    public void Flows_that_leave_the_picture_or_meet_on_a_point_are_no_exception(string device, int what)
    {
        (Level level, Cotangents given) = Random(2, 8, 16, 16);
        int plane = level.Plane;
        double[] flow = new double[6 * plane];
        for (int i = 0; i < flow.Length; i++)
        {
            int f = i / (3 * plane), j = i / plane % 3, p = i % plane;
            // On one point: tanh of the offset takes the grid's place, where it is within reach; else far outside, and masks of 0 and 1.
            double grid = j == 0 ? level.GridX[p % 16] : level.GridY[p / 16], wanted = Math.Clamp(0.03 - grid, -0.999, 0.999);
            flow[i] = j == 2 ? (p % 3 - 1) * 200.0 : what == 0 ? Math.Atanh(wanted) : (f == 0 ? 30 : -30) * (p % 2 == 0 ? 1 : 0.02);
        }
        flow = Rounded(flow);
        Gradients actual = Run(device, a => Apply(a, level, given, flow)), expected = Define(level, given, flow);
        Assert.All(actual.Flow.Concat(actual.X).Concat(actual.Feature), value => Assert.True(double.IsFinite(value)));
        Compare(expected, actual);
    }

    [Theory]
    [EveryEngine(1e30f, 1e30f, OnProcessor = false)] // as above
    [EveryEngine(1e-30f, 1e-30f, OnProcessor = false)]
    [EveryEngine(1e30f, 1e-30f)]
    public void Huge_and_tiny_gradients_are_scattered_without_loss(string device, float first, float second)
    {
        // Frames have their own scale: a huge one takes nothing from a tiny one.
        (Level level, Cotangents given) = Random(2, 4, 8, 8);
        Tensor blended = given.Blended!.Map((value, n, _) => value * (n == 0 ? first : second));
        given = new(blended, null, null, null);
        double[] flow = Rounded(level.Flow());
        Gradients expected = Define(level, given, flow), actual = Run(device, a => Apply(a, level, given, flow));
        int half = expected.Feature.Length / 2;
        float[] Part(Gradients gradients, Range part, float scale) => [.. gradients.Feature[part].Select(x => (float)(x / scale))];
        Near.Equal(Part(expected, ..half, first), Part(actual, ..half, first), 1e-6);
        Near.Equal(Part(expected, half.., second), Part(actual, half.., second), 1e-6);
    }

    [Theory, EveryEngine(OnProcessor = false)] // as above
    public void A_gradient_that_is_no_number_shows_in_the_frame_it_belongs_to(string device)
    {
        (Level level, Cotangents given) = Random(2, 4, 8, 8);
        given.Blended!.Values[5] = float.NaN;
        double[] flow = Rounded(level.Flow());
        double[] feature = Run(device, a => Apply(a, level, given, flow)).Feature;
        Assert.All(feature[..256], value => Assert.True(double.IsNaN(value)));
        Assert.All(feature[256..], value => Assert.True(double.IsFinite(value)));
    }

    [Theory, EveryEngine]
    public void Equal_inputs_give_equal_bits(string device)
    {
        (Level level, Cotangents given) = Random(3, 12, 16, 16);
        double[] flow = Rounded(level.Flow());
        (Gradients first, Gradients second) = Run(device, a => (Apply(a, level, given, flow), Apply(a, level, given, flow)));
        Assert.Equal(first.Feature, second.Feature);
        Assert.Equal(first.X, second.X);
        Assert.Equal(first.Style, second.Style);
    }

    [Fact]
    public void Frames_that_share_a_feature_are_refused() => Assert.Throws<ArgumentException>(
        () => FlowWarpGradient.Prepare(null!, new() { Frames = 2, Height = 4, Width = 4, Channels = 4 }));
}
