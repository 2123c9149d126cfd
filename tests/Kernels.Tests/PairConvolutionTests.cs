using System.Collections.Concurrent;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>
/// Convolutions of pairs of halves on tensor cores: every shape, tile and cut against the float64 definition on float32 operands.
/// </summary>
public class PairConvolutionTests
{
    // Inputs and weights are in error by at most 2^-23 of themselves each, the product that is left out is at most 2^-22 of theirs, and the
    // result is rounded to 2^-23: in the norm of sums of products of random signs, less than 2^-21; sums of float32 add a few 2^-24.
    private static readonly double Limit = Math.ScaleB(1, -21);

    private static Tensor Convolve(
        KernelLoader loader, HalfConvolutionKind kind, Tensor x, Tensor weight, Tensor? skip = null, Tensor? skipWeight = null,
        Func<DeviceScope, HalfEpilogue>? epilogue = null, Func<ConvolutionCut, ConvolutionCut>? cutOf = null)
    {
        using DeviceScope scope = new(loader);
        HalfConvolutionLauncher launcher = scope.Own(new HalfConvolutionLauncher(loader, ConvolutionMachine.Hopper));
        int outputs = weight.Batch, inputs = weight.Channels;
        const WeightPrecision Pair = WeightPrecision.Pair;
        HalfConvolutionWeights weights = scope.Own(kind switch
        {
            HalfConvolutionKind.Same =>
                HalfConvolutionWeights.Same(loader, weight.Values, outputs, inputs, weight.Width, launcher.MostChunk, Pair),
            HalfConvolutionKind.Down =>
                HalfConvolutionWeights.Down(loader, weight.Values, skipWeight!.Values, outputs, inputs, launcher.MostChunk, Pair),
            _ => HalfConvolutionWeights.Up(loader, weight.Values, outputs, inputs, launcher.MostChunk, Pair),
        });
        HalfMap input = kind == HalfConvolutionKind.Down ? Chw8.UploadPhases(scope, x, 2) : Chw8.Upload(scope, x, 2);
        HalfMap output = kind switch
        {
            HalfConvolutionKind.Same => Chw8.Allocate(scope, x.Batch, outputs, x.Height, x.Width, parts: 2),
            HalfConvolutionKind.Down => Chw8.Allocate(scope, x.Batch, outputs, x.Height / 2, x.Width / 2, parts: 2),
            _ => Chw8.Allocate(scope, x.Batch, outputs, x.Height + 1, x.Width + 1, 4, 2),
        };
        HalfEpilogue applied = epilogue?.Invoke(scope) ?? new() { Gain = 1 };
        ConvolutionCut cut = launcher.Cut(weights, output);
        if (cutOf != null) cut = cutOf(cut);
        ArrayView<float> workspace = scope.Allocate<float>(Math.Max(1, HalfConvolutionLauncher.WorkspaceLength(weights, output, cut)));
        KernelLaunch[] launches = launcher.Prepare(weights,
            new(input, output, applied) { Skip = skip == null ? null : Chw8.Upload(scope, skip, 2) }, cut, workspace);
        launcher.Commit();
        scope.Run(launches);
        return kind == HalfConvolutionKind.Up ? Chw8.DownloadPhases(scope, output) : Chw8.Download(scope, output);
    }

    [Theory]
    [EveryHopper(1, 16, 16, 4, 4, 3)]
    [EveryHopper(3, 64, 128, 8, 8, 3)]
    [EveryHopper(2, 10, 7, 5, 3, 3)]
    [EveryHopper(1, 96, 96, 17, 9, 3)]
    [EveryHopper(1, 32, 64, 16, 24, 1)]
    [EveryHopper(5, 64, 64, 4, 4, 3)]
    [EveryOrder(3, 64, 128, 8, 8, 3)]
    public void Stride_1_matches_the_definition_at_any_shape(
        string device, int batch, int inputs, int outputs, int height, int width, int kernel)
    {
        Tensor x = Tensor.Random(1, batch, inputs, height, width), weight = Tensor.Random(2, outputs, inputs, kernel, kernel);
        Near.Equal(x.Convolve(weight, 1, kernel / 2), Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, weight)), Limit);
    }

    private static readonly Tensor Tiled = Tensor.Random(3, 4, 64, 16, 16), TiledWeight = Tensor.Random(4, 128, 64, 3, 3);

    // On each device what the widest tile computes, and every frame of eight: what others are compared with, once for all.
    private static readonly ConcurrentDictionary<string, Lazy<float[]>> Widest = new();
    private static readonly ConcurrentDictionary<(string Device, string Kind), Lazy<float[]>> Together = new();

    private static float[] OfTheWidestTile(string device) => Widest.GetOrAdd(device, _ => new(() =>
    {
        Tensor actual = Run(device, a => Convolve(a, HalfConvolutionKind.Same, Tiled, TiledWeight, cutOf: cut =>
            new(128, 2, 2, 1, 1, cut.Splits)));
        Near.Equal(Tiled.Convolve(TiledWeight, 1, 1), actual, Limit);
        return actual.Values;
    })).Value;

    [Theory]
    [EveryHopper(128, 1, 1, 2)]
    [EveryHopper(64, 2, 2, 1)]
    [EveryHopper(64, 2, 1, 1)]
    [EveryHopper(64, 1, 1, 2)]
    public void Every_tile_gives_the_bits_of_the_widest(string device, int n, int x, int y, int frames) =>
        Assert.Equal(OfTheWidestTile(device), Run(device, a => Convolve(a, HalfConvolutionKind.Same, Tiled, TiledWeight, cutOf: cut =>
            new(n, x * y * frames, x, y, frames, cut.Splits))).Values);

    [Theory]
    [EveryHopper(32)]
    [EveryHopper(16)]
    public void A_narrow_tile_gives_the_bits_of_the_widest(string device, int outputs)
    {
        Tensor narrow = Tensor.Create(outputs, 64, 3, 3, (o, c, i, j) => TiledWeight[o, c, i, j]);
        Tensor actual = Run(device, a => Convolve(a, HalfConvolutionKind.Same, Tiled, narrow, cutOf: cut => cut with { Splits = 1 }));
        for (int frame = 0; frame < 4; frame++)
            Assert.Equal(OfTheWidestTile(device).AsSpan(frame * 128 * 256, outputs * 256).ToArray(),
                actual.Values.AsSpan(frame * outputs * 256, outputs * 256).ToArray());
    }

    [Theory]
    [EveryHopper(1, 16, 16, 1, 1)]
    [EveryHopper(2, 32, 64, 4, 4)]
    [EveryHopper(1, 48, 20, 9, 16)]
    [EveryHopper(2, 128, 64, 8, 8)]
    public void A_transposed_convolution_makes_four_phases(string device, int batch, int inputs, int outputs, int height, int width)
    {
        Tensor x = Tensor.Random(5, batch, inputs, height, width), weight = Tensor.Random(6, outputs, inputs, 3, 3);
        Near.Equal(x.ConvolveTransposed(weight), Run(device, a => Convolve(a, HalfConvolutionKind.Up, x, weight)), Limit);
    }

    [Theory]
    [EveryHopper(2, 16, 32, 4, 1)]
    [EveryHopper(2, 16, 32, 4, 3)]
    [EveryHopper(1, 64, 128, 9, 1)]
    [EveryHopper(1, 64, 128, 9, 3)]
    [EveryHopper(1, 96, 100, 8, 1)]
    [EveryHopper(1, 96, 100, 8, 3)]
    [EveryOrder(1, 64, 128, 9, 1)]
    public void A_strided_convolution_is_activated_before_the_skip_is_added_however_K_is_cut(
        string device, int batch, int inputs, int outputs, int half, int splits)
    {
        Tensor blurred = Tensor.Random(7, batch, inputs, 2 * half + 1, 2 * half + 1),
            x = Tensor.Random(8, batch, inputs, half, half);
        Tensor weight = Tensor.Random(9, outputs, inputs, 3, 3), skip = Tensor.Random(10, outputs, inputs, 1, 1);
        float[] bias = RandomFloats(outputs, 11);
        Tensor conv = blurred.Convolve(weight, 2).Activate(bias), straight = x.Convolve(skip);
        Tensor expected =
            Tensor.Create(batch, outputs, half, half, (n, c, i, j) => (conv[n, c, i, j] + (double)straight[n, c, i, j]) * 0.5);
        Tensor actual = Run(device, a => Convolve(
            a, HalfConvolutionKind.Down, blurred, weight, x, skip, scope =>
                new() { Bias = Chw8.Padded(scope, bias), Gain = 0.5f }, cut => cut with { Splits = splits }));
        Near.Equal(expected, actual, Limit);
    }

    [Theory]
    [EveryHopper(1)]
    [EveryHopper(2)]
    public void Demodulation_bias_activation_and_the_next_style_follow_the_sum_however_K_is_cut(string device, int splits)
    {
        const int Batch = 2, Channels = 128;
        Tensor x = Tensor.Random(12, Batch, Channels, 8, 8), weight = Tensor.Random(13, Channels, Channels, 3, 3);
        float[] scale = RandomFloats(Batch * Channels, 14), bias = RandomFloats(Channels, 15), style = RandomFloats(Batch * Channels, 16);
        Tensor expected = x.Convolve(weight, 1, 1).Map((value, n, c) => (float)(value * (double)scale[n * Channels + c])).Activate(bias)
            .Map((value, n, c) => value * (double)style[n * Channels + c]);
        Near.Equal(expected, Run(device,
            a => Convolve(a, HalfConvolutionKind.Same, x, weight, cutOf: cut => cut with { Splits = splits }, epilogue: scope => new()
        {
            Scale = scope.Upload(scale),
            ScaleStride = Channels,
            Bias = scope.Upload(bias),
            NextStyle = scope.Upload(style),
            NextStyleStride = Channels,
            Gain = 1,
        })), Limit);
    }

    [Theory]
    [EveryHopper(-40)]
    [EveryHopper(40)]
    public void Weights_of_any_magnitude_are_as_exact(string device, int exponent)
    {
        Tensor x = Tensor.Random(17, 1, 16, 4, 4), weight = Tensor.Random(18, 16, 16, 3, 3);
        float magnitude = MathF.ScaleB(1, exponent);
        Tensor scaled = weight.Map((value, _, _) => value * magnitude);
        Near.Equal(x.Convolve(weight, 1, 1),
            Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, scaled, epilogue: _ => new() { Gain = 1 / magnitude })), Limit);
    }

    [Theory, EveryHopper]
    public void Results_beyond_fp16_are_no_numbers(string device)
    {
        Tensor x = Tensor.Random(17, 1, 16, 4, 4), weight = Tensor.Random(18, 16, 16, 3, 3);
        Tensor huge = Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, weight, epilogue: _ => new() { Gain = 1e9f }));
        Assert.All(huge.Values, value => Assert.False(float.IsFinite(value)));
    }

    [Theory]
    [EveryHopper("Same", 1)]
    [EveryHopper("Same", 2)]
    [EveryHopper("Same", 3)]
    [EveryHopper("Up", 1)]
    [EveryHopper("Up", 2)]
    [EveryHopper("Up", 3)]
    public void A_frame_is_the_same_bits_whatever_frames_are_beside_it(string device, string kind, int count)
    {
        HalfConvolutionKind way = Enum.Parse<HalfConvolutionKind>(kind);
        Tensor x = Tensor.Random(19, 8, 128, 8, 8), weight = Tensor.Random(20, 128, 128, 3, 3);
        float[] together =
            Together.GetOrAdd((device, kind), _ => new(() => Run(device, a => Convolve(a, way, x, weight)).Values)).Value;
        Tensor last = Tensor.Create(count, 128, 8, 8, (n, c, i, j) => x[8 - count + n, c, i, j]);
        float[] alone = Run(device, a => Convolve(a, way, last, weight)).Values;
        Assert.Equal(alone, together[^alone.Length..]);
    }

    [Fact]
    public void How_K_is_cut_depends_on_the_layer_alone()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        using HalfConvolutionLauncher launcher = new(loader, ConvolutionMachine.Hopper);
        foreach (int size in new[] { 4, 8, 16, 32, 64 })
        {
            using HalfConvolutionWeights weights =
                HalfConvolutionWeights.Same(loader, new float[512 * 512], 512, 512, 1, launcher.MostChunk, WeightPrecision.Pair);
            int[] splits =
                [.. new[] { 1, 2, 3, 8, 32 }.Select(
                frames => launcher.Cut(weights, new HalfMap(default, frames, 512, size, size, Parts: 2)).Splits)];
            Assert.Single(splits.Distinct());
            Assert.Equal(size <= 8 ? 8 : size == 16 ? 4 : size == 32 ? 2 : 1, splits[0]);
        }
    }
}
