using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Warping;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The end of a decoder level: flow, warp, mask, blend and RGB.</summary>
public class WarpingTests
{
    private sealed record Level(Tensor Warped, Tensor Blended, Tensor Flow, Tensor Rgb);

    private static float[] Linspace(int count) => [.. Enumerable.Range(0, count).Select(i => (float)(-1 + 2.0 * i / (count - 1)))];

    /// <summary>Grid coordinates of the pixel centres, where a warp moves nothing.</summary>
    private static float[] Centers(int count) => [.. Enumerable.Range(0, count).Select(i => (float)((2.0 * i + 1) / count - 1))];

    private static Level Apply(
        KernelLoader loader, Tensor x, Tensor feature, float[] style, float[] flowWeights, float[] flowBias, float[] rgbWeights,
        float[] rgbBias, float[] rgbOffset,
        float[] gridX, float[] gridY, Tensor? previousFlow = null, Tensor? previousRgb = null)
    {
        using DeviceScope scope = new(loader);
        int elements = x.Values.Length, planar = x.Batch * 3 * x.Height * x.Width;
        FlowWarpArguments arguments = new()
        {
            Input = scope.Upload(x),
            Feature = scope.Upload(feature),
            Style = scope.Upload(style),
            FlowWeights = scope.Upload(flowWeights),
            FlowBias = scope.Upload(flowBias),
            RgbWeights = scope.Upload(rgbWeights),
            RgbBias = scope.Upload(rgbBias),
            RgbOffset = scope.Upload(rgbOffset),
            PreviousFlow = previousFlow == null ? default : scope.Upload(previousFlow.Values),
            PreviousRgb = previousRgb == null ? default : scope.Upload(previousRgb.Values),
            GridX = scope.Upload(gridX),
            GridY = scope.Upload(gridY),
            Flow = scope.Allocate<float>(planar),
            Rgb = scope.Allocate<float>(planar),
            Blended = scope.Allocate<float>(elements),
            Warped = scope.Allocate<float>(elements),
            Frames = x.Batch,
            Height = x.Height,
            Width = x.Width,
            Channels = x.Channels,
            StyleStride = x.Channels,
            FeatureStride = feature.Batch == 1 ? 0 : x.Channels * x.Height * x.Width,
        };
        scope.Run(FlowWarp.Prepare(loader, arguments));
        return new(
            scope.DownloadNhwc(arguments.Warped, x.Batch, x.Channels, x.Height, x.Width),
            scope.DownloadNhwc(arguments.Blended, x.Batch, x.Channels, x.Height, x.Width),
            new(scope.Download(arguments.Flow), x.Batch, 3, x.Height, x.Width),
            new(scope.Download(arguments.Rgb), x.Batch, 3, x.Height, x.Width));
    }

    private static float[] Scaled(float[] weight, int inputs) => [.. weight.Select(value => (float)(value / Math.Sqrt(inputs)))];

    [Theory]
    [EveryEngine("to_flow")]
    [EveryEngine("to_flow_first")]
    public void ToFlow_matches_the_official_layer(string device, string name)
    {
        Tensor x = Ops.Read($"{name}.in0"), latent = Ops.Read($"{name}.in1");
        Tensor matrix = Ops.Read($"{name}.w.m.conv.modulation.weight");
        float[] offset = Ops.Read($"{name}.w.m.conv.modulation.bias").Values, style = new float[x.Batch * x.Channels];
        for (int i = 0; i < style.Length; i++)
        {
            double sum = offset[i % x.Channels];
            for (int k = 0; k < 16; k++)
                sum += (double)latent.Values[i / x.Channels * 16 + k] * matrix.Values[i % x.Channels * 16 + k] / 4;
            style[i] = (float)sum;
        }
        Level level = Run(device, a => Apply(
            a, x, Ops.Read($"{name}.in2"), style, Scaled(Ops.Read($"{name}.w.m.conv.weight").Values, x.Channels),
            Ops.Read($"{name}.w.m.bias").Values,
            new float[3 * x.Channels], new float[3], new float[3], Linspace(x.Width), Linspace(x.Height), name == "to_flow"
                ? Ops.Read($"{name}.in3") : null));
        Near.Equal(Ops.Read($"{name}.out2"), level.Flow);
        Near.Equal(Ops.Read($"{name}.out0"), level.Warped);
        Near.Equal(Ops.Read($"{name}.out1"), level.Blended);
    }

    [Theory]
    [EveryEngine("to_rgb")]
    [EveryEngine("to_rgb_first")]
    public void ToRgb_of_an_unmoved_feature_matches_the_official_layer(string device, string name)
    {
        Tensor x = Ops.Read($"{name}.in0");
        Level level = Run(device, a => Unmoved(
            a, x, x, Scaled(Ops.Read($"{name}.w.conv.0.weight").Values, x.Channels), Ops.Read($"{name}.w.conv.1.bias").Values,
            Ops.Read($"{name}.w.bias").Values,
            name == "to_rgb" ? Ops.Read($"{name}.in1") : null));
        Near.Equal(Ops.Read($"{name}.out0"), level.Rgb);
    }

    [Theory]
    [EveryEngine(2, 16, 6)]
    [EveryEngine(1, 5, 7)]
    [EveryEngine(1, 40, 1)]
    [EveryEngine(3, 64, 2)]
    public void A_warp_by_nothing_returns_the_feature(string device, int batch, int channels, int size)
    {
        Tensor x = Tensor.Random(1, batch, channels, size, size), feature = Tensor.Random(2, 1, channels, size, size);
        Level level = Run(device, a => Unmoved(a, x, feature, new float[3 * channels], new float[3], new float[3]));
        Tensor expected = Tensor.Create(batch, channels, size, size, (_, c, i, j) => feature[0, c, i, j]);
        Near.Equal(expected, level.Warped, 1e-6);
        Near.Equal(expected, level.Blended, 1e-6);
    }

    // No flow from x, pixel centres as the grid, and a mask of one.
    private static Level Unmoved(
        KernelLoader loader, Tensor x, Tensor feature, float[] rgbWeights, float[] rgbBias, float[] rgbOffset,
        Tensor? previousRgb = null) =>
        Apply(loader, x, feature, new float[x.Batch * x.Channels], new float[3 * x.Channels], [0, 0, 40], rgbWeights, rgbBias, rgbOffset,
            Centers(x.Width), Centers(x.Height), previousRgb: previousRgb);

    internal struct SampleArguments
    {
        public ArrayView<float> Feature, Grid, Output;
        public int Height, Width, Channels, Points, PointsPerFrame;
    }

    private static void SampleKernel(SampleArguments a)
    {
        int point = Grid.IdxX * Group.DimX + Group.IdxX;
        if (point < a.Points)
        {
            Bilinear corners = Bilinear.Of(a.Grid[2 * point], a.Grid[2 * point + 1], a.Width, a.Height);
            ArrayView<float> feature = a.Feature.SubView(point / a.PointsPerFrame * (a.Height * a.Width * a.Channels));
            for (int channel = 0; channel < a.Channels; channel += 4)
                Quad.Store<VectorAccess>(a.Output, point * a.Channels, channel, a.Channels,
                    Bilinear.Sample<VectorAccess>(corners, feature, channel, a.Channels));
        }
    }

    [Theory, EveryEngine]
    public void Grid_sampling_matches_the_official_one_inside_and_outside(string device)
    {
        Tensor feature = Ops.Read("grid_sample.in0"), grid = Ops.Read("grid_sample.in1"), expected = Ops.Read("grid_sample.out0");
        Tensor actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            SampleArguments arguments = new()
            {
                Feature = scope.Upload(feature),
                Grid = scope.Upload(grid.Values),
                Output = scope.Allocate<float>(expected.Values.Length),
                Height = feature.Height,
                Width = feature.Width,
                Channels = feature.Channels,
                Points = grid.Values.Length / 2,
                PointsPerFrame = expected.Height * expected.Width,
            };
            scope.Run(KernelLaunch.Create(a, SampleKernel, KernelLaunch.Linear(arguments.Points), arguments));
            return scope.DownloadNhwc(arguments.Output, expected.Batch, expected.Channels, expected.Height, expected.Width);
        });
        Near.Equal(expected, actual);
    }

    internal struct FunctionArguments
    {
        public ArrayView<float> Input, Tanh, Sigmoid;
    }

    private static void FunctionKernel(FunctionArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        if (index < a.Input.IntLength)
        {
            a.Tanh[index] = Activation.Tanh(a.Input[index]);
            a.Sigmoid[index] = Activation.Sigmoid(a.Input[index]);
        }
    }

    [Theory, EveryEngine]
    public void Tanh_and_sigmoid_are_accurate_to_float32(string device)
    {
        float[] x = [0f, -0f, 1e-30f, 100f, -100f, 0.59999f, 0.6f, .. Enumerable.Range(-2000, 4001).Select(i => i * 0.005f)];
        (float[] tanh, float[] sigmoid) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            FunctionArguments arguments = new()
                { Input = scope.Upload(x), Tanh = scope.Allocate<float>(x.Length), Sigmoid = scope.Allocate<float>(x.Length) };
            scope.Run(KernelLaunch.Create(a, FunctionKernel, KernelLaunch.Linear(x.Length), arguments));
            return (scope.Download(arguments.Tanh), scope.Download(arguments.Sigmoid));
        });
        const double SmallestNormal = 1.2e-38; // Below it a result may be flushed to zero.
        for (int i = 0; i < x.Length; i++)
        {
            double exactTanh = Math.Tanh(x[i]), exactSigmoid = 1 / (1 + Math.Exp(-(double)x[i]));
            Assert.True(Math.Abs(tanh[i] - exactTanh) <= Math.Abs(exactTanh) * Math.Pow(2, -22), $"tanh({x[i]:R}) = {tanh[i]:R}");
            // ILGPU's PTX for XMath.Exp is ex2.approx of x log2(e), rounded: its relative error grows with |x|.
            double ofExp = device is StockEmulatorName or StockCudaName ? Math.Abs(x[i]) * Math.Pow(2, -23) : 0;
            Assert.True(Math.Abs(sigmoid[i] - exactSigmoid) <= exactSigmoid * (Math.Pow(2, -21) + ofExp) + SmallestNormal,
                $"sigmoid({x[i]:R}) = {sigmoid[i]:R}");
        }
    }
}
