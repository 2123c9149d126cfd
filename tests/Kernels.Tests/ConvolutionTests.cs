using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Convolution as an implicit matrix product: shapes, tiles, splits, modulation, epilogue.</summary>
public class ConvolutionTests
{
    private static Tensor Convolve(
        KernelLoader loader, Tensor x, Tensor weight, int stride = 1, int padding = 0, bool transposed = false, float[]? scale = null,
        Func<DeviceScope, int, Epilogue>? epilogue = null)
    {
        using DeviceScope scope = new(loader);
        ConvolutionWeights weights =
            scope.Own(new ConvolutionWeights(loader, weight.Values, weight.Batch, weight.Channels, weight.Width, transposed));
        ConvolutionShape shape = new(x.Batch, x.Height, x.Width, stride, padding, transposed);
        int height = shape.OutputHeight(weight.Width), width = shape.OutputWidth(weight.Width),
            elements = x.Batch * height * width * weight.Batch;
        ArrayView<float> output = scope.Allocate<float>(elements);
        scope.Run(ConvolutionLauncher.Prepare(loader, weights, shape, new()
        {
            Input = scope.Upload(x),
            Output = output,
            InputScale = scale == null ? default : scope.Upload(scale),
            InputScaleStride = x.Channels,
            Workspace = scope.Allocate<float>(ConvolutionLauncher.WorkspaceLength(weights, shape)),
            Epilogue = epilogue?.Invoke(scope, elements) ?? default,
        }));
        return scope.DownloadNhwc(output, x.Batch, weight.Batch, height, width);
    }

    [Theory, EveryEngine]
    public void Kernels_of_1_3_and_4_match_the_official_layers(string device)
    {
        Near.Equal(
            Ops.Read("equal_conv1.out0"), Run(device,
                a => Convolve(a, Ops.Read("equal_conv1.in0"), Ops.Read("equal_conv1.w.weight"), epilogue: Bias("equal_conv1.w.bias"))));
        Near.Equal(
            Ops.Read("equal_conv3.out0"),
            Run(device, a => Convolve(a, Ops.Read("equal_conv3.in0"), Ops.Read("equal_conv3.w.weight"), padding: 1,
                epilogue: Bias("equal_conv3.w.bias"))));
        Near.Equal(
            Ops.Read("equal_conv4_valid.out0"),
            Run(device, a => Convolve(a, Ops.Read("equal_conv4_valid.in0"), Ops.Read("equal_conv4_valid.w.weight"))));
        Near.Equal(
            Ops.Read("conv_layer.out0"),
            Run(device, a => Convolve(a, Ops.Read("conv_layer.in0"), Ops.Read("conv_layer.w.0.weight"), padding: 1,
                epilogue: Bias("conv_layer.w.1.bias", activate: 1))));

        static Func<DeviceScope, int, Epilogue> Bias(string name, int activate = 0) =>
            (scope, _) => new() { Bias = scope.Upload(Ops.Read(name).Values), Activate = activate };
    }

    [Theory]
    [EveryEngine(1, 1, 1, 1, 1, 1, 1, 0)]
    [EveryEngine(1, 3, 5, 1, 1, 3, 1, 1)]
    [EveryEngine(2, 7, 9, 5, 3, 3, 1, 1)]
    [EveryEngine(3, 12, 20, 4, 4, 3, 1, 1)]
    [EveryEngine(2, 4, 36, 9, 13, 3, 2, 0)]
    [EveryEngine(2, 6, 33, 7, 7, 1, 1, 0)]
    [EveryEngine(2, 16, 8, 4, 4, 4, 1, 0)]
    [EveryEngine(1, 40, 68, 6, 11, 3, 1, 1)]
    public void Odd_shapes_and_any_channel_count_match_the_definition(
        string device, int batch, int inputs, int outputs, int height, int width, int kernel, int stride, int padding)
    {
        Tensor x = Tensor.Random(1, batch, inputs, height, width), weight = Tensor.Random(2, outputs, inputs, kernel, kernel);
        Near.Equal(x.Convolve(weight, stride, padding), Run(device, a => Convolve(a, x, weight, stride, padding)), 2e-6);
    }

    [Theory]
    [EveryEngine(1, 1, 1, 1, 1)]
    [EveryEngine(2, 8, 8, 4, 4)]
    [EveryEngine(1, 5, 7, 3, 6)]
    [EveryEngine(2, 36, 12, 5, 2)]
    public void Transposed_convolution_matches_the_definition(string device, int batch, int inputs, int outputs, int height, int width)
    {
        Tensor x = Tensor.Random(3, batch, inputs, height, width), weight = Tensor.Random(4, outputs, inputs, 3, 3);
        Near.Equal(x.ConvolveTransposed(weight), Run(device, a => Convolve(a, x, weight, transposed: true)), 2e-6);
    }

    [Theory]
    [EveryEngine(8)]
    [EveryEngine(11)]
    public void Modulation_demodulation_bias_activation_and_residual_apply_in_that_order(string device, int inputs)
    {
        const int Outputs = 12;
        Tensor x = Tensor.Random(5, 2, inputs, 5, 4), weight = Tensor.Random(6, Outputs, inputs, 3, 3),
            residual = Tensor.Random(7, 2, Outputs, 5, 4);
        float[] scale = RandomFloats(2 * inputs, 8), factors = RandomFloats(2 * Outputs, 9), bias = RandomFloats(Outputs, 10);
        Tensor sum = x.Map((value, n, c) => value * (double)scale[n * inputs + c]).Convolve(weight, 1, 1)
            .Map((value, n, c) => value * (double)factors[n * Outputs + c]).Activate(bias);
        Tensor expected = Tensor.Create(2, Outputs, 5, 4, (n, c, y, z) => (sum[n, c, y, z] + residual[n, c, y, z]) * 0.5);
        Tensor actual = Run(device, a => Convolve(a, x, weight, 1, 1, scale: scale, epilogue: (scope, _) => new()
        {
            Scale = scope.Upload(factors),
            ScaleStride = Outputs,
            Bias = scope.Upload(bias),
            Activate = 1,
            Residual = scope.Upload(residual),
            ResidualGain = 0.5f,
        }));
        Near.Equal(expected, actual, 2e-6);
    }

    [Theory, EveryEngine]
    public void The_tile_does_not_change_a_bit(string device)
    {
        // 2 x 13 x 11 pixels and 128 channels: every tile has blocks that stick out. 24 input channels: K is cut.
        Tensor x = Tensor.Random(11, 2, 24, 13, 11), weight = Tensor.Random(12, 128, 24, 3, 3);
        float[][] results =
        [
            Run(device, a => With<Tile128x128>(a, x, weight)), Run(device, a => With<Tile128x64>(a, x, weight)),
            Run(device, a => With<Tile64x64>(a, x, weight)),
            Run(device, a => With<Tile64x32>(a, x, weight)), Run(device, a => With<Tile32x32>(a, x, weight)),
        ];
        Near.Equal(x.Convolve(weight, 1, 1).ToNhwc(), results[0], 2e-6);
        Assert.All(results, result => Assert.Equal(results[0], result));

        static float[] With<TTile>(KernelLoader loader, Tensor x, Tensor weight) where TTile : struct, IConvolutionTile
        {
            using DeviceScope scope = new(loader);
            ConvolutionWeights weights = scope.Own(new ConvolutionWeights(loader, weight.Values, weight.Batch, weight.Channels, 3));
            ConvolutionShape shape = new(x.Batch, x.Height, x.Width, 1, 1);
            Assert.Equal(2, ConvolutionLauncher.Splits(weights, shape));
            ArrayView<float> output = scope.Allocate<float>(x.Batch * x.Height * x.Width * weight.Batch);
            scope.Run(ConvolutionLauncher.Prepare<TTile>(loader, weights, shape, new()
            {
                Input = scope.Upload(x),
                Output = output,
                Workspace = scope.Allocate<float>(ConvolutionLauncher.WorkspaceLength(weights, shape)),
            }));
            return scope.Download(output);
        }
    }

    [Theory, EveryEngine]
    public void A_frame_does_not_depend_on_the_frames_beside_it(string device)
    {
        Tensor x = Tensor.Random(13, 3, 16, 5, 5), weight = Tensor.Random(14, 32, 16, 3, 3);
        Tensor second = new(x.Values.AsSpan(x.Values.Length / 3, x.Values.Length / 3).ToArray(), 1, 16, 5, 5);
        float[] together = Run(device, a => Convolve(a, x, weight, 1, 1)).Values,
            alone = Run(device, a => Convolve(a, second, weight, 1, 1)).Values;
        Assert.Equal(alone, together.AsSpan(alone.Length, alone.Length).ToArray());
    }

    [Fact]
    public void How_K_is_cut_is_a_property_of_the_layer()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        using DeviceScope scope = new(loader);
        ConvolutionWeights weights = scope.Own(new ConvolutionWeights(loader, new float[64 * 128 * 9], 64, 128, 3));
        int[] splits = [.. new[] { 4, 8, 16, 32, 64, 128 }.Select(size => ConvolutionLauncher.Splits(weights, new(1, size, size, 1, 1)))];
        Assert.Equal([16, 16, 16, 8, 2, 1], splits);
        foreach (int size in new[] { 4, 8, 16, 32, 64, 128 })
            Assert.Equal(ConvolutionLauncher.Splits(weights, new(1, size, size, 1, 1)),
                ConvolutionLauncher.Splits(weights, new(32, size, size, 1, 1)));
    }

    [Theory, EveryEngine]
    public void Convolution_is_linear(string device)
    {
        Tensor x = Tensor.Random(15, 1, 8, 6, 6), y = Tensor.Random(16, 1, 8, 6, 6), weight = Tensor.Random(17, 8, 8, 3, 3);
        Tensor both = Tensor.Create(1, 8, 6, 6, (n, c, i, j) => x[n, c, i, j] * 2.0 - y[n, c, i, j]);
        Tensor ofX = Run(device, a => Convolve(a, x, weight, 1, 1)), ofY = Run(device, a => Convolve(a, y, weight, 1, 1));
        Near.Equal(Tensor.Create(1, 8, 6, 6, (n, c, i, j) => ofX[n, c, i, j] * 2.0 - ofY[n, c, i, j]),
            Run(device, a => Convolve(a, both, weight, 1, 1)), 2e-6);
    }

    [Theory]
    [EveryEngine(8)]
    [EveryEngine(7)]
    public void The_first_layer_reads_planes(string device, int channels)
    {
        Tensor x = Tensor.Random(18, 2, 3, 5, 3), weight = Tensor.Random(19, channels, 3, 1, 1);
        float[] bias = RandomFloats(channels, 20);
        Tensor actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            ArrayView<float> output = scope.Allocate<float>(2 * 15 * channels);
            float[] rows = new float[3 * channels];
            for (int i = 0; i < rows.Length; i++) rows[i] = weight.Values[i % channels * 3 + i / channels] / MathF.Sqrt(3);
            scope.Run(FirstLayer.Prepare(a, new()
            {
                Input = scope.Upload(x.Values),
                Weights = scope.Upload(rows),
                Bias = scope.Upload(bias),
                Output = output,
                Frames = 2,
                Pixels = 15,
                Channels = channels,
            }));
            return scope.DownloadNhwc(output, 2, channels, 5, 3);
        });
        Near.Equal(x.Convolve(weight).Activate(bias), actual, 2e-6);
    }
}
