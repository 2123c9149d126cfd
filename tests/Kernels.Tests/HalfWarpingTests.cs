using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Warping;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The end of a decoder level on half maps, against its formulas in float64.</summary>
public class HalfWarpingTests
{
    private sealed record Level(Tensor Warped, Tensor Blended, Tensor Flow, Tensor Rgb);

    /// <summary>A level's inputs, all random; previous sums have half the size.</summary>
    private sealed class Case
    {
        public Case(int batch, int channels, int height, int width, int features, bool hasPrevious, int zeros = 3, int parts = 1)
        {
            Parts = parts;
            X = Chw8.ClearLast(Chw8.Round(Tensor.Random(1, batch, channels, height, width), parts), zeros);
            Feature = Chw8.ClearLast(Chw8.Round(Tensor.Random(2, features, channels, height, width), parts), zeros);
            Stride = channels + 4;
            Style = RandomFloats(batch * Stride, 3);
            NextStyle = RandomFloats(batch * Stride, 4);
            FlowWeights = [.. RandomFloats(3 * channels, 5).Select(value => value * 2 / MathF.Sqrt(channels))];
            RgbWeights = [.. RandomFloats(3 * channels, 6).Select(value => value * 2 / MathF.Sqrt(channels))];
            if (hasPrevious)
                (PreviousFlow, PreviousRgb) =
                    (Tensor.Random(7, batch, 3, height / 2, width / 2), Tensor.Random(8, batch, 3, height / 2, width / 2));
            (GridX, GridY) = (Linspace(width), Linspace(height));
        }

        public int Parts { get; }
        public Tensor X { get; }
        public Tensor Feature { get; }
        public int Stride { get; }
        public float[] Style { get; }
        public float[] NextStyle { get; }
        public float[] FlowWeights { get; }
        public float[] RgbWeights { get; }
        public float[] FlowBias { get; } = [0.1f, -0.2f, 0.3f];
        public float[] RgbBias { get; } = [0.3f, -0.1f, 0.2f];
        public float[] RgbOffset { get; } = [-0.5f, 0.25f, 0.125f];
        public Tensor? PreviousFlow { get; }
        public Tensor? PreviousRgb { get; }
        public float[] GridX { get; }
        public float[] GridY { get; }

        private static float[] Linspace(int count) =>
            [.. Enumerable.Range(0, count).Select(i => (float)(-1 + 2.0 * i / Math.Max(count - 1, 1)))];
    }

    private static Tensor ToFlow(Case level, bool isComplete = true) =>
        Tensor.Create(level.X.Batch, 3, level.X.Height, level.X.Width, (n, j, y, i) =>
    {
        double sum = isComplete ? level.FlowBias[j] + Upsampled(level.PreviousFlow, n, j, y, i) : 0;
        for (int c = 0; c < level.X.Channels; c++)
            sum += (double)level.Style[n * level.Stride + c] * level.FlowWeights[j * level.X.Channels + c] * level.X[n, c, y, i];
        return sum;
    });

    private static double Mask(Tensor flow, int n, int y, int x) => 1 / (1 + Math.Exp(-flow[n, 2, y, x]));

    private static Level Expected(Case level, bool hasNextStyle)
    {
        Tensor flow = ToFlow(level);
        Tensor warped = Tensor.Create(flow.Batch, level.X.Channels, flow.Height, flow.Width, (n, c, y, x) =>
        {
            double gx = Math.Tanh(flow[n, 0, y, x]) + level.GridX[x], gy = Math.Tanh(flow[n, 1, y, x]) + level.GridY[y];
            double column = ((gx + 1) * flow.Width - 1) / 2, row = ((gy + 1) * flow.Height - 1) / 2, sum = 0;
            int left = (int)Math.Floor(column), top = (int)Math.Floor(row);
            for (int i = 0; i < 4; i++)
            {
                double weight = (i % 2 == 0 ? left + 1 - column : column - left) * (i < 2 ? top + 1 - row : row - top);
                sum += weight * level.Feature.At(level.Feature.Batch == 1 ? 0 : n, c, top + i / 2, left + i % 2);
            }
            return sum * Mask(flow, n, y, x);
        });
        Tensor blended = Tensor.Create(flow.Batch, level.X.Channels, flow.Height, flow.Width, (n, c, y, x) =>
            (warped[n, c, y, x] + level.X[n, c, y, x] * (1 - Mask(flow, n, y, x)))
                * (hasNextStyle ? level.NextStyle[n * level.Stride + c] : 1.0));
        Tensor rgb = Tensor.Create(flow.Batch, 3, flow.Height, flow.Width, (n, j, y, x) =>
        {
            double sum = level.RgbBias[j];
            for (int c = 0; c < level.X.Channels; c++) sum += (double)level.RgbWeights[j * level.X.Channels + c] * warped[n, c, y, x];
            return Math.Sqrt(2) * (sum < 0 ? 0.2 * sum : sum) + level.RgbOffset[j] + Upsampled(level.PreviousRgb, n, j, y, x);
        });
        return new(warped, blended, flow, rgb);
    }

    // Zeros between samples, pad (2, 1), [1, 3, 3, 1] / 4 per axis.
    private static double Upsampled(Tensor? x, int n, int j, int row, int column)
    {
        if (x == null) return 0;
        int[] fir = [1, 3, 3, 1];
        double sum = 0;
        for (int i = 0; i < 16; i++)
        {
            int y = row + i / 4 - 2, k = column + i % 4 - 2;
            if (y % 2 == 0 && k % 2 == 0) sum += fir[i / 4] * fir[i % 4] / 16.0 * x.At(n, j, y / 2, k / 2);
        }
        return sum;
    }

    private static Level Apply(KernelLoader loader, Case level, bool hasNextStyle, bool isTapped = true)
    {
        using DeviceScope scope = new(loader);
        int[] planar = [level.X.Batch, 3, level.X.Height, level.X.Width];
        HalfMap x = Chw8.Upload(scope, level.X, level.Parts),
            blended = Chw8.Allocate(scope, x.Frames, x.Channels, x.Height, x.Width, parts: level.Parts),
            warped = Chw8.Allocate(scope, x.Frames, x.Channels, x.Height, x.Width, parts: level.Parts);
        HalfRgbProjectionArguments projection = Projection(scope, level);
        HalfFlowWarpArguments arguments = new()
        {
            Input = x.View,
            Feature = projection.Feature,
            Projection = projection.Output,
            ProjectionStride = level.Feature.Batch == 1 ? 0 : 4 * projection.PixelsPerFrame,
            Style = scope.Upload(level.Style),
            FlowWeights = scope.Upload(level.FlowWeights),
            FlowBias = scope.Upload(level.FlowBias),
            RgbBias = scope.Upload(level.RgbBias),
            RgbOffset = scope.Upload(level.RgbOffset),
            PreviousFlow = level.PreviousFlow == null ? default : scope.Upload(level.PreviousFlow.Values),
            PreviousRgb = level.PreviousRgb == null ? default : scope.Upload(level.PreviousRgb.Values),
            GridX = scope.Upload(level.GridX),
            GridY = scope.Upload(level.GridY),
            NextStyle = hasNextStyle ? scope.Upload(level.NextStyle) : default,
            Flow = Poisoned(scope, planar),
            Rgb = Poisoned(scope, planar),
            Blended = blended.View,
            Warped = isTapped ? warped.View : default,
            Frames = level.X.Batch,
            Height = level.X.Height,
            Width = level.X.Width,
            Channels = level.X.Channels,
            StyleStride = level.Stride,
            NextStyleStride = level.Stride,
            FeatureStride = level.Feature.Batch == 1 ? 0 : level.Parts * level.X.Channels * level.X.Height * level.X.Width,
        };
        scope.Run(HalfRgbProjection.Prepare(loader, projection, level.Parts), HalfFlowWarp.Prepare(loader, arguments, level.Parts));
        return new(
            Chw8.Download(scope, warped), Chw8.Download(scope, blended), new(scope.Download(arguments.Flow), planar),
            new(scope.Download(arguments.Rgb), planar));
    }

    // P of the features.
    private static HalfRgbProjectionArguments Projection(DeviceScope scope, Case level) => new()
    {
        Feature = Chw8.Upload(scope, level.Feature, level.Parts).View,
        Weights = scope.Upload(level.RgbWeights),
        Output = Poisoned(scope, [level.Feature.Batch, level.Feature.Height, level.Feature.Width, 4]),
        Frames = level.Feature.Batch,
        PixelsPerFrame = level.Feature.Height * level.Feature.Width,
        Channels = level.Feature.Channels,
    };

    private static ArrayView<float> Poisoned(DeviceScope scope, int[] shape) =>
        scope.Upload(Enumerable.Repeat(float.NaN, shape.Aggregate(1, (a, b) => a * b)).ToArray());

    // What a level should be, and what it is; its flow and picture, which are float32, are held to it, and a run without taps to one with.
    private static (Level Expected, Level Actual) Compare(string device, Case level)
    {
        bool hasNextStyle = level.X.Batch > 1;
        Level expected = Expected(level, hasNextStyle), actual = Run(device, a => Apply(a, level, hasNextStyle)),
            untapped = Run(device, a => Apply(a, level, hasNextStyle, isTapped: false));
        Assert.Equal(actual.Flow.Values, untapped.Flow.Values);
        Assert.Equal(actual.Rgb.Values, untapped.Rgb.Values);
        Assert.Equal(actual.Blended.Values, untapped.Blended.Values);
        Near.Equal(expected.Flow, actual.Flow, 1e-6);
        Near.Equal(expected.Rgb, actual.Rgb, 1e-5);
        return (expected, actual);
    }

    // From one pixel of one warp to one that eight warps share, two and four octets a thread, the last ones past the channels.
    [Theory]
    [EveryAccelerator(1, 16, 1, 1, 1, false)]
    [EveryAccelerator(2, 48, 6, 10, 2, true)]
    [EveryAccelerator(1, 512, 2, 4, 1, true)]
    [EveryAccelerator(3, 80, 4, 4, 3, false)]
    [EveryAccelerator(1, 64, 64, 66, 1, true)]
    [EveryAccelerator(1, 48, 160, 144, 1, true)]
    [EveryAccelerator(1, 272, 62, 64, 1, false)]
    public void A_level_matches_its_formulas(
        string device, int batch, int channels, int height, int width, int features, bool hasPrevious)
    {
        Case level = new(batch, channels, height, width, features, hasPrevious);
        (Level expected, Level actual) = Compare(device, level);
        // Coordinates in float32 err by some 1e-7 of the picture's width in pixels, and neighbours differ by up to 2.
        Near.Rounded(expected.Warped, actual.Warped, 1, 1e-6 * Math.Max(height, width) + 1e-6);
        Near.Rounded(expected.Blended, actual.Blended, 1, 1e-6 * Math.Max(height, width) + 1e-6);
        Assert.Equal((0f, 0f), (actual.Warped[0, channels - 1, 0, 0], actual.Blended[0, channels - 1, 0, 0]));
    }

    // Two halves a value: a kernel of its own, whose ToFlow is summed by multiply-adds.
    [Theory]
    [EveryAccelerator(1, 16, 1, 1, 1, false)]
    [EveryAccelerator(2, 48, 6, 10, 2, true)]
    [EveryAccelerator(1, 512, 2, 4, 1, true)]
    [EveryAccelerator(1, 528, 6, 6, 1, true)]
    public void A_level_of_pairs_keeps_their_22_bits(
        string device, int batch, int channels, int height, int width, int features, bool hasPrevious)
    {
        Case level = new(batch, channels, height, width, features, hasPrevious, parts: 2);
        (Level expected, Level actual) = Compare(device, level);
        Near.Equal(expected.Warped, actual.Warped, 1e-6 + 1e-7 * Math.Max(height, width));
        Near.Equal(expected.Blended, actual.Blended, 1e-6 + 1e-7 * Math.Max(height, width));
    }

    // The tensor cores of Turing and of Ampere, whose products are others; the emulator has them all.
    [Theory]
    [InlineData(75)]
    [InlineData(80)]
    public void Older_tensor_cores_sum_ToFlow_as_well(int sm)
    {
        Case level = new(2, 144, 3, 5, 1, false);
        using KernelLoader loader = EmulatorAccelerator.CreateLoader(sm, new EmulatorOptions { DetectGlobalRaces = true });
        Level expected = Expected(level, true), actual = Apply(loader, level, true, isTapped: false);
        Near.Equal(expected.Flow, actual.Flow, 1e-6);
        Near.Rounded(expected.Blended, actual.Blended, 1, 5e-6);
    }

    [Theory, EveryAccelerator]
    public void Frames_do_not_depend_on_their_neighbors(string device)
    {
        Case level = new(3, 64, 8, 8, 1, false);
        Case first = new(1, 64, 8, 8, 1, false);
        Level together = Run(device, a => Apply(a, level, true)), alone = Run(device, a => Apply(a, first, true));
        Assert.Equal(level.X.Values.AsSpan(0, first.X.Values.Length).ToArray(), first.X.Values);
        Assert.Equal(alone.Blended.Values, together.Blended.Values.AsSpan(0, alone.Blended.Values.Length).ToArray());
        Assert.Equal(alone.Rgb.Values, together.Rgb.Values.AsSpan(0, alone.Rgb.Values.Length).ToArray());
    }

    [Theory, EveryAccelerator]
    public void NaN_in_a_pixel_reaches_its_outputs_and_no_others(string device)
    {
        Case level = new(1, 32, 4, 4, 1, false);
        level.X.Values[5] = float.NaN;
        Level actual = Run(device, a => Apply(a, level, false));
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(i == 5, float.IsNaN(actual.Flow.Values[i]));
            Assert.Equal(i == 5, float.IsNaN(actual.Blended.Values[i]));
            Assert.Equal(i == 5, float.IsNaN(actual.Rgb.Values[i]));
        }
    }

    [Theory]
    [EveryAccelerator(1, 16, 3, 5, 1, false)]
    [EveryAccelerator(2, 48, 18, 20, 1, true)]
    [EveryAccelerator(2, 16, 8, 8, 2, true)]
    public void The_last_level_warps_the_projected_feature(
        string device, int batch, int channels, int height, int width, int features, bool hasPrevious)
    {
        Case level = new(batch, channels, height, width, features, hasPrevious);
        Level expected = Expected(level, false);
        var (flow, rgb, pixels) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            int[] planar = [batch, 3, height, width];
            HalfRgbProjectionArguments projection = Projection(scope, level);
            HalfRgbWarpArguments arguments = new()
            {
                FlowSums = scope.Upload(ToFlow(level, isComplete: false).Values),
                Projection = projection.Output,
                FlowBias = scope.Upload(level.FlowBias),
                RgbBias = scope.Upload(level.RgbBias),
                RgbOffset = scope.Upload(level.RgbOffset),
                PreviousFlow = level.PreviousFlow == null ? default : scope.Upload(level.PreviousFlow.Values),
                PreviousRgb = level.PreviousRgb == null ? default : scope.Upload(level.PreviousRgb.Values),
                GridX = scope.Upload(level.GridX),
                GridY = scope.Upload(level.GridY),
                Flow = Poisoned(scope, planar),
                Rgb = Poisoned(scope, planar),
                Frames = batch,
                Height = height,
                Width = width,
                ProjectionStride = features == 1 ? 0 : 4 * height * width,
            };
            HalfRgbWarpArguments bytes = arguments with
                { Flow = default, Rgb = default, Pixels = scope.Allocate<byte>(batch * 3 * height * width) };
            scope.Run(HalfRgbProjection.Prepare(a, projection), HalfRgbWarp.Prepare(a, arguments), HalfRgbWarp.Prepare(a, bytes));
            return (new Tensor(scope.Download(arguments.Flow), planar), new Tensor(scope.Download(arguments.Rgb), planar),
                scope.Download(bytes.Pixels));
        });
        Near.Equal(expected.Flow, flow, 1e-6);
        Near.Equal(expected.Rgb, rgb, 1e-5);
        for (int i = 0; i < pixels.Length; i++)
        {
            float value = rgb[i / (3 * height * width), i % 3, i / (3 * width) % height, i / 3 % width];
            Assert.Equal((byte)Math.Clamp(MathF.Round((value + 1) / 2 * 255), 0, 255), pixels[i]);
        }
        Assert.True(pixels.Distinct().Count() > 20);
    }
}
