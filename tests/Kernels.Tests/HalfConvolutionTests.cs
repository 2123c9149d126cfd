using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>
/// fp16 convolutions on tensor cores: every machine, shape, tile and split against the float64 definition on the same halves.
/// </summary>
public class HalfConvolutionTests
{
    // Operands are halves, so products are exact in float32; what remains is the order of sums and the rounding of the result.
    private const double Limit = 4e-4;

    private static Tensor Convolve(
        string device, string machine, HalfConvolutionKind kind, Tensor x, Tensor weight, Tensor? skip = null, Tensor? skipWeight = null,
        Func<DeviceScope, HalfEpilogue>? epilogue = null, int splits = 0) => Run(device, loader =>
    {
        using DeviceScope scope = new(loader);
        HalfConvolutionLauncher launcher = scope.Own(new HalfConvolutionLauncher(loader, Enum.Parse<ConvolutionMachine>(machine)));
        int outputs = weight.Batch, inputs = weight.Channels;
        HalfConvolutionWeights weights = scope.Own(kind switch
        {
            HalfConvolutionKind.Same =>
                HalfConvolutionWeights.Same(loader, weight.Values, outputs, inputs, weight.Width, launcher.MostChunk),
            HalfConvolutionKind.Down =>
                HalfConvolutionWeights.Down(loader, weight.Values, skipWeight!.Values, outputs, inputs, launcher.MostChunk),
            _ => HalfConvolutionWeights.Up(loader, weight.Values, outputs, inputs, launcher.MostChunk),
        });
        HalfMap input = kind == HalfConvolutionKind.Down ? Chw8.UploadPhases(scope, x) : Chw8.Upload(scope, x);
        HalfMap output = kind switch
        {
            HalfConvolutionKind.Same => Chw8.Allocate(scope, x.Batch, outputs, x.Height, x.Width),
            HalfConvolutionKind.Down => Chw8.Allocate(scope, x.Batch, outputs, x.Height / 2, x.Width / 2),
            _ => Chw8.Allocate(scope, x.Batch, outputs, x.Height + 1, x.Width + 1, 4),
        };
        HalfEpilogue applied = epilogue?.Invoke(scope) ?? new() { Gain = 1 };
        ConvolutionCut cut = launcher.Cut(weights, output) with { Splits = 1 };
        if (splits > 0) cut = cut with { Splits = splits };
        ArrayView<float> workspace = scope.Allocate<float>(Math.Max(1, HalfConvolutionLauncher.WorkspaceLength(weights, output, cut)));
        KernelLaunch[] launches = launcher.Prepare(weights,
            new(input, output, applied) { Skip = skip == null ? null : Chw8.Upload(scope, skip) }, cut, workspace);
        launcher.Commit();
        scope.Run(launches);
        return kind == HalfConvolutionKind.Up ? Chw8.DownloadPhases(scope, output) : Chw8.Download(scope, output);
    });

    [Theory]
    [EveryMachine(1, 16, 16, 4, 4, 3)]
    [EveryMachine(3, 64, 128, 8, 8, 3)]
    [EveryMachine(2, 10, 7, 5, 3, 3)]
    [EveryMachine(1, 96, 96, 17, 9, 3)]
    [EveryMachine(1, 32, 64, 16, 24, 1)]
    [EveryMachine(5, 64, 64, 4, 4, 3)]
    [EveryMachine(5, 64, 64, 34, 12, 3)]
    [EveryMachine(4, 60, 52, 33, 9, 1)]
    public void Stride_1_matches_the_definition_at_any_shape(
        string device, string machine, int batch, int inputs, int outputs, int height, int width, int kernel)
    {
        Tensor x = Chw8.Round(Tensor.Random(1, batch, inputs, height, width)),
            weight = Chw8.Round(Tensor.Random(2, outputs, inputs, kernel, kernel));
        Near.Equal(x.Convolve(weight, 1, kernel / 2), Convolve(device, machine, HalfConvolutionKind.Same, x, weight), Limit);
    }

    [Theory]
    [EveryMachine(1, 16, 16, 1, 1)]
    [EveryMachine(2, 32, 64, 4, 4)]
    [EveryMachine(1, 48, 20, 9, 16)]
    [EveryMachine(3, 80, 16, 8, 8)]
    [EveryMachine(2, 64, 64, 16, 24)]
    [EveryMachine(3, 120, 52, 16, 11)]
    public void A_transposed_convolution_makes_four_phases(
        string device, string machine, int batch, int inputs, int outputs, int height, int width)
    {
        Tensor x = Chw8.Round(Tensor.Random(3, batch, inputs, height, width)),
            weight = Chw8.Round(Tensor.Random(4, outputs, inputs, 3, 3));
        Near.Equal(x.ConvolveTransposed(weight), Convolve(device, machine, HalfConvolutionKind.Up, x, weight), Limit);
    }

    [Theory]
    [EveryMachine(2, 16, 32, 4, 1)]
    [EveryMachine(2, 16, 32, 4, 3)]
    [EveryMachine(1, 64, 128, 9, 1)]
    [EveryMachine(1, 64, 128, 9, 3)]
    [EveryMachine(1, 96, 100, 8, 1)]
    [EveryMachine(1, 96, 100, 8, 3)]
    public void A_strided_convolution_is_activated_before_the_skip_is_added(
        string device, string machine, int batch, int inputs, int outputs, int half, int splits)
    {
        Tensor blurred = Chw8.Round(Tensor.Random(5, batch, inputs, 2 * half + 1, 2 * half + 1)),
            x = Chw8.Round(Tensor.Random(6, batch, inputs, half, half));
        Tensor weight = Chw8.Round(Tensor.Random(7, outputs, inputs, 3, 3)),
            skip = Chw8.Round(Tensor.Random(8, outputs, inputs, 1, 1));
        float[] bias = RandomFloats(outputs, 9);
        Tensor conv = blurred.Convolve(weight, 2).Activate(bias), straight = x.Convolve(skip);
        Tensor expected =
            Tensor.Create(batch, outputs, half, half, (n, c, i, j) => (conv[n, c, i, j] + (double)straight[n, c, i, j]) * 0.5);
        Tensor actual = Convolve(device, machine, HalfConvolutionKind.Down, blurred, weight, x, skip,
            scope => new() { Bias = Chw8.Padded(scope, bias), Gain = 0.5f }, splits);
        Near.Equal(expected, actual, Limit);
    }

    [Theory]
    [EveryMachine(1)]
    [EveryMachine(2)]
    public void Demodulation_bias_activation_and_the_next_style_follow_the_sum_however_K_is_cut(string device, string machine, int splits)
    {
        const int Batch = 2, Channels = 64;
        Tensor x = Chw8.Round(Tensor.Random(10, Batch, Channels, 8, 8)), weight = Chw8.Round(Tensor.Random(11, Channels, Channels, 3, 3));
        float[] scale = RandomFloats(Batch * Channels, 12), bias = RandomFloats(Channels, 13), style = RandomFloats(Batch * Channels, 14);
        Tensor expected = x.Convolve(weight, 1, 1).Map((value, n, c) => (float)(value * (double)scale[n * Channels + c])).Activate(bias)
            .Map((value, n, c) => value * (double)style[n * Channels + c]);
        Near.Equal(expected, Convolve(device, machine, HalfConvolutionKind.Same, x, weight, splits: splits, epilogue: scope => new()
        {
            Scale = scope.Upload(scale),
            ScaleStride = Channels,
            Bias = scope.Upload(bias),
            NextStyle = scope.Upload(style),
            NextStyleStride = Channels,
            Gain = 1,
        }), Limit);
    }

    [Theory]
    [EveryMachine(-40)]
    [EveryMachine(40)]
    public void Weights_of_any_magnitude_are_exact(string device, string machine, int exponent)
    {
        Tensor x = Chw8.Round(Tensor.Random(15, 1, 16, 4, 4)), weight = Chw8.Round(Tensor.Random(16, 16, 16, 3, 3));
        float magnitude = MathF.ScaleB(1, exponent);
        Tensor scaled = weight.Map((value, _, _) => value * magnitude);
        Near.Equal(x.Convolve(weight, 1, 1),
            Convolve(device, machine, HalfConvolutionKind.Same, x, scaled, epilogue: _ => new() { Gain = 1 / magnitude }), Limit);
    }

    [Theory, EveryMachine]
    public void Results_beyond_fp16_saturate(string device, string machine)
    {
        Tensor x = Chw8.Round(Tensor.Random(15, 1, 16, 4, 4)), weight = Chw8.Round(Tensor.Random(16, 16, 16, 3, 3));
        Tensor huge = Convolve(device, machine, HalfConvolutionKind.Same, x, weight, epilogue: _ => new() { Gain = 1e9f });
        Assert.All(huge.Values, value => Assert.Equal(65504, MathF.Abs(value)));
    }

    [Theory, EveryMachine]
    public void A_frame_does_not_depend_on_those_beside_it(string device, string machine)
    {
        Tensor x = Chw8.Round(Tensor.Random(17, 3, 32, 8, 8)), weight = Chw8.Round(Tensor.Random(18, 32, 32, 3, 3));
        Tensor last = Tensor.Create(1, 32, 8, 8, (_, c, i, j) => x[2, c, i, j]);
        float[] together = Convolve(device, machine, HalfConvolutionKind.Same, x, weight).Values,
            alone = Convolve(device, machine, HalfConvolutionKind.Same, last, weight).Values;
        Assert.Equal(alone, together[^alone.Length..]);
    }

    [Theory, EveryHopper]
    public void Weights_are_the_first_operand_where_64_channels_have_pixels_for_the_whole_device(string device) => Run(device, loader =>
    {
        using DeviceScope scope = new(loader);
        HalfConvolutionLauncher launcher = scope.Own(new HalfConvolutionLauncher(loader, ConvolutionMachine.Hopper)),
            ampere = scope.Own(new HalfConvolutionLauncher(loader, ConvolutionMachine.Ampere));
        HalfConvolutionWeights Weights(int outputs, int inputs, int mostChunk, WeightPrecision precision = WeightPrecision.Half) =>
            scope.Own(HalfConvolutionWeights.Same(loader, new float[outputs * inputs * 9], outputs, inputs, 3, mostChunk, precision));
        HalfMap Map(int channels, int frames, int side) => new(default, frames, channels, side, side);
        HalfConvolutionWeights square = Weights(64, 64, launcher.MostChunk);
        int device8 = 8 * loader.Properties.Multiprocessors;
        Assert.Equal(ConvolutionCut.Wide, launcher.Cut(square, Map(64, device8, 64)));
        Assert.Equal(ConvolutionCut.Wide, launcher.Cut(square, Map(64, device8, 64), isWhole: true));
        Assert.False(launcher.Cut(square, Map(64, 1, 8)).IsWide);
        Assert.False(launcher.Cut(square, Map(64, device8, 64), isMap: true).IsWide);
        HalfConvolutionWeights transposed =
            scope.Own(HalfConvolutionWeights.Up(loader, new float[64 * 128 * 9], 64, 128, launcher.MostChunk));
        Assert.Equal(ConvolutionCut.WideUp, launcher.Cut(transposed, new(default, device8, 64, 33, 33, 4)));
        Assert.False(launcher.Cut(transposed, new(default, device8, 64, 33, 33, 4), isMap: true).IsWide);
        // Weights that do not fit pass by; rows that do not fit into a tile go another way.
        HalfConvolutionWeights large = scope.Own(HalfConvolutionWeights.Up(loader, new float[128 * 64 * 9], 128, 64, launcher.MostChunk)),
            fine = scope.Own(
                HalfConvolutionWeights.Up(loader, new float[64 * 128 * 9], 64, 128, launcher.MostChunk, WeightPrecision.Fine));
        Assert.Equal(ConvolutionCut.FlatUp, launcher.Cut(large, new(default, device8, 128, 33, 33, 4)));
        Assert.Equal(ConvolutionCut.FlatUp, launcher.Cut(fine, new(default, device8, 64, 33, 33, 4)));
        Assert.False(launcher.Cut(large, new(default, device8, 128, 33, 33, 4), isMap: true).IsWide);
        Assert.False(launcher.Cut(large, new(default, device8, 128, 129, 129, 4)).IsWide);
        Assert.False(launcher.Cut(Weights(64, 128, launcher.MostChunk), Map(64, device8, 64)).IsWide);
        Assert.False(launcher.Cut(Weights(128, 64, launcher.MostChunk), Map(128, device8, 64)).IsWide);
        Assert.False(launcher.Cut(Weights(64, 64, launcher.MostChunk, WeightPrecision.Fine), Map(64, device8, 64)).IsWide);
        Assert.False(ampere.Cut(Weights(64, 64, ampere.MostChunk), Map(64, device8, 64)).IsWide);
        return true;
    });
}
