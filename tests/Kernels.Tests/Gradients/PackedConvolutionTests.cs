using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>
/// Training's convolutions on Hopper: maps and weights that are packed on the device, float32 results, and gradients by the weights.
/// </summary>
public class PackedConvolutionTests
{
    // Halves: two operands, each rounded by at most 2^-11 of itself. Pairs: each in error by 2^-22 at most, and one product left out.
    private static double Limit(int parts) => parts == 1 ? 1e-3 : 2e-6;

    private static Tensor Rounded(Tensor tensor, int parts) => parts == 1 ? Chw8.Round(tensor) : tensor;

    private static HalfMap Pack(DeviceScope scope, KernelLoader loader, Tensor x, int parts, bool hasPhases, float[]? style = null,
        int frames = 0, ArrayView<float> scale = default, float factor = 1)
    {
        int count = frames == 0 ? x.Batch : frames;
        HalfMap map = hasPhases
            ? Chw8.Allocate(scope, count, x.Channels, (x.Height + 1) / 2, (x.Width + 1) / 2, 4, parts)
            : Chw8.Allocate(scope, count, x.Channels, x.Height, x.Width, parts: parts);
        int stride = (x.Channels + 7) / 8 * 8 + 8;
        float[] rows = new float[count * stride];
        for (int n = 0; style != null && n < count; n++) style.AsSpan(n * x.Channels, x.Channels).CopyTo(rows.AsSpan(n * stride));
        scope.Run([MapPacking.Prepare(loader, map, new()
        {
            Input = scope.Upload(x),
            Style = style == null ? default : scope.Upload(rows),
            StyleStride = stride,
            Scale = scale,
            Factor = factor,
            FrameStride = frames == 0 ? x.Height * x.Width * x.Channels : 0,
            Height = x.Height,
            Width = x.Width,
        })]);
        return map;
    }

    private static Tensor Convolve(KernelLoader loader, HalfConvolutionKind kind, Tensor x, Tensor weight, int parts,
        WeightUse use = WeightUse.Forward, Func<DeviceScope, Epilogue>? epilogue = null, bool findsScale = false,
        Func<ConvolutionCut, ConvolutionCut>? cutOf = null)
    {
        using DeviceScope scope = new(loader);
        HalfConvolutionLauncher launcher = scope.Own(new HalfConvolutionLauncher(loader, ConvolutionMachine.Hopper));
        bool isForward = use == WeightUse.Forward;
        int outputs = isForward ? weight.Batch : weight.Channels, inputs = isForward ? weight.Channels : weight.Batch;
        HalfConvolutionWeights weights = scope.Own(HalfConvolutionWeights.Changing(loader, kind, outputs, inputs, weight.Width,
            ConvolutionGradients.Scale(weight), launcher.MostChunk, parts == 1 ? WeightPrecision.Half : WeightPrecision.Pair));
        scope.Run([HalfWeightPacking.Prepare(loader, weights, scope.Upload(weight.Values), use)]);
        ArrayView<float> factor = default;
        if (findsScale)
        {
            factor = scope.Allocate<float>(2);
            scope.Run(OperandScale.Prepare(loader, scope.Upload(x), scope.Allocate<int>(OperandScale.PartialsLength), factor));
        }
        HalfMap input = Pack(scope, loader, x, parts, weights.HasPhases, scale: factor);
        (int height, int width) = kind switch
        {
            HalfConvolutionKind.Up => (2 * x.Height + 1, 2 * x.Width + 1),
            HalfConvolutionKind.Strided => ((x.Height - 1) / 2, (x.Width - 1) / 2),
            _ => (x.Height, x.Width),
        };
        HalfMap extents = kind == HalfConvolutionKind.Up ? new(default, x.Batch, outputs, x.Height + 1, x.Width + 1, 4)
            : new(default, x.Batch, outputs, height, width);
        ConvolutionCut cut = launcher.Cut(weights, extents, isMap: true);
        if (cutOf != null) cut = cutOf(cut);
        Float32Result result = new()
        {
            Output = scope.Allocate<float>(x.Batch * height * width * outputs),
            OperandScale = factor,
            Factor = 1,
            Epilogue = epilogue?.Invoke(scope) ?? default,
            Height = height,
            Width = width,
            Channels = outputs,
        };
        float[] nothing = new float[Math.Max(1, HalfConvolutionLauncher.MapWorkspaceLength(result, x.Batch, cut))];
        nothing.AsSpan().Fill(float.NaN);
        KernelLaunch[] launches =
            launcher.Prepare(weights, new(input, extents, new() { Gain = 1 }) { Map = result }, cut, scope.Upload(nothing));
        launcher.Commit();
        scope.Run(launches);
        return scope.DownloadNhwc(result.Output, x.Batch, outputs, height, width);
    }

    private static Tensor GradientByWeights(KernelLoader loader, Tensor x, Tensor gradient, int parts, int stride = 1,
        bool isTransposed = false, float[]? style = null, bool shares = false)
    {
        using DeviceScope scope = new(loader);
        HalfConvolutionLauncher launcher = scope.Own(new HalfConvolutionLauncher(loader, ConvolutionMachine.Hopper));
        ArrayView<float> scale = scope.Allocate<float>(2);
        scope.Run(OperandScale.Prepare(loader, scope.Upload(gradient), scope.Allocate<int>(OperandScale.PartialsLength), scale));
        HalfMap input = Pack(scope, loader, x, parts, stride == 2, style, shares ? gradient.Batch : 0),
            output = Pack(scope, loader, gradient, parts, isTransposed, scale: scale);
        float[] nothing = new float[HalfConvolutionLauncher.GradientWorkspaceLength(input, output)];
        nothing.AsSpan().Fill(float.NaN);
        ArrayView<float> result = scope.Allocate<float>(gradient.Channels * x.Channels * 9);
        KernelLaunch[] launches = launcher.PrepareGradient(new(input, output, scale, default, result, 0.25f), scope.Upload(nothing));
        launcher.Commit();
        WgmmaCode.HasNoCalls(launches[0].Kernel.Compiled);
        scope.Run(launches);
        return new(scope.Download(result), gradient.Channels, x.Channels, 3, 3);
    }

    [Theory]
    // Parts, frames, inputs, outputs, rows, columns, side of the kernel.
    [EveryHopper(1, 2, 16, 32, 8, 8, 3)]
    [EveryHopper(1, 1, 3, 20, 5, 9, 1)]
    [EveryHopper(1, 5, 64, 64, 4, 4, 3)]
    [EveryHopper(1, 1, 70, 3, 17, 6, 3)]
    [EveryHopper(2, 2, 16, 32, 8, 8, 3)]
    [EveryHopper(2, 3, 7, 10, 5, 3, 3)]
    [EveryHopper(2, 1, 96, 130, 9, 16, 1)]
    public void A_convolution_and_its_gradient_by_the_input_match_the_definition(
        string device, int parts, int frames, int inputs, int outputs, int height, int width, int kernel)
    {
        Tensor x = Tensor.Random(1, frames, inputs, height, width), weight = Tensor.Random(2, outputs, inputs, kernel, kernel),
            gradient = Tensor.Random(3, frames, outputs, height, width);
        Near.Equal(x.Convolve(weight, 1, kernel / 2), Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, weight, parts)),
            Limit(parts));
        Near.Equal(ConvolutionGradients.OfInput(gradient, weight, height, width, 1, kernel / 2),
            Run(device, a => Convolve(a, HalfConvolutionKind.Same, gradient, weight, parts, WeightUse.MirroredAdjoint)), Limit(parts));
    }

    [Theory]
    [EveryHopper(1, 2, 16, 24, 4, 4)]
    [EveryHopper(1, 1, 33, 64, 9, 5)]
    [EveryHopper(2, 2, 16, 24, 4, 4)]
    [EveryHopper(2, 1, 20, 7, 3, 10)]
    public void A_strided_and_a_transposed_convolution_are_each_others_way_back(
        string device, int parts, int frames, int few, int many, int height, int width)
    {
        Tensor wide = Tensor.Random(4, frames, few, 2 * height + 1, 2 * width + 1), small = Tensor.Random(5, frames, many, height, width),
            strided = Tensor.Random(6, many, few, 3, 3), transposed = Tensor.Random(7, few, many, 3, 3);
        Near.Equal(wide.Convolve(strided, 2), Run(device, a => Convolve(a, HalfConvolutionKind.Strided, wide, strided, parts)),
            Limit(parts));
        Near.Equal(ConvolutionGradients.OfInput(small, strided, 2 * height + 1, 2 * width + 1, 2),
            Run(device, a => Convolve(a, HalfConvolutionKind.Up, small, strided, parts, WeightUse.Adjoint)), Limit(parts));
        Near.Equal(small.ConvolveTransposed(transposed),
            Run(device, a => Convolve(a, HalfConvolutionKind.Up, small, transposed, parts)), Limit(parts));
        Near.Equal(ConvolutionGradients.OfInput(wide, transposed, height, width, transposed: true),
            Run(device, a => Convolve(a, HalfConvolutionKind.Strided, wide, transposed, parts, WeightUse.Adjoint)), Limit(parts));
    }

    [Theory]
    [EveryHopper(1, 1)]
    [EveryHopper(2, 1)]
    [EveryHopper(1, 2)]
    [EveryHopper(2, 2)]
    public void The_epilogue_is_that_of_float32_maps_whether_K_is_cut_or_not(string device, int parts, int splits)
    {
        const int Outputs = 20;
        Tensor x = Tensor.Random(8, 2, 128, 4, 5), weight = Tensor.Random(9, Outputs, 128, 3, 3),
            residual = Tensor.Random(10, 2, Outputs, 4, 5);
        float[] scale = RandomFloats(2 * Outputs, 11), bias = RandomFloats(Outputs, 12);
        Tensor sums = Rounded(x, parts).Convolve(Rounded(weight, parts), 1, 1);
        Tensor expected = Tensor.Create(2, Outputs, 4, 5, (n, c, i, j) =>
        {
            double value = sums[n, c, i, j] * scale[n * Outputs + c] + bias[c];
            return (value * (value > 0 ? 1 : 0.2) * Math.Sqrt(2) + residual[n, c, i, j]) * 0.5;
        });
        Near.Equal(expected, Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, weight, parts, epilogue: scope => new()
        {
            Scale = scope.Upload(scale),
            ScaleStride = Outputs,
            Bias = scope.Upload(bias),
            Activate = 1,
            Residual = scope.Upload(residual),
            ResidualGain = 0.5f,
        }, cutOf: cut => cut with { Splits = splits })), parts == 1 ? 1e-5 : 2e-6);
    }

    [Theory]
    [EveryHopper(1, 3e-11f)]
    [EveryHopper(2, 3e-11f)]
    [EveryHopper(2, 5e9f)]
    public void Maps_beyond_the_halves_are_brought_among_them(string device, int parts, float size)
    {
        Tensor x = Tensor.Random(13, 2, 16, 5, 4).Map((value, _, _) => value * size), weight = Tensor.Random(14, 16, 16, 3, 3);
        Tensor expected = x.Convolve(weight, 1, 1);
        Near.Equal(expected, Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, weight, parts, findsScale: true)), Limit(parts));
        // Without a scale they are lost, or cut off at the largest half.
        Assert.NotEqual(0f, expected[0, 0, 2, 2]);
        Tensor lost = Run(device, a => Convolve(a, HalfConvolutionKind.Same, x, weight, parts));
        Assert.InRange(Math.Abs(lost[0, 0, 2, 2] / expected[0, 0, 2, 2]), 0, 0.1);
    }

    [Theory]
    // Parts, frames, inputs, outputs, rows, columns.
    [EveryHopper(1, 1, 8, 8, 8, 8)]
    [EveryHopper(1, 3, 70, 130, 4, 4)]
    [EveryHopper(1, 2, 64, 64, 17, 9)]
    [EveryHopper(2, 1, 8, 8, 8, 8)]
    [EveryHopper(2, 2, 33, 70, 9, 4)]
    [EveryHopper(2, 5, 3, 5, 3, 11)]
    [EveryOrder(1, 2, 64, 64, 17, 9)]
    [EveryOrder(2, 2, 33, 70, 9, 4)]
    public void Gradients_by_the_weights_match_the_definition(
        string device, int parts, int frames, int inputs, int outputs, int height, int width)
    {
        Tensor x = Tensor.Random(15, frames, inputs, height, width), gradient = Tensor.Random(16, frames, outputs, height, width);
        Tensor actual = Run(device, a => GradientByWeights(a, x, gradient, parts));
        Near.Equal(ConvolutionGradients.OfWeight(x, gradient, 3, 0.25, 1, 1), actual, Limit(parts));
        if (parts == 1) Near.Equal(ConvolutionGradients.OfWeight(Chw8.Round(x), Chw8.Round(gradient), 3, 0.25, 1, 1), actual, 2e-6);
    }

    [Theory]
    [EveryHopper(1, 2, 16, 72, 4, 5)]
    [EveryHopper(1, 1, 66, 8, 9, 8)]
    [EveryHopper(2, 2, 16, 72, 4, 5)]
    [EveryHopper(2, 1, 40, 7, 9, 3)]
    [EveryOrder(1, 1, 66, 8, 9, 8)]
    [EveryOrder(2, 1, 40, 7, 9, 3)]
    public void Gradients_by_the_weights_of_strided_and_transposed_convolutions_match_the_definition(
        string device, int parts, int frames, int few, int many, int height, int width)
    {
        Tensor wide = Tensor.Random(17, frames, few, 2 * height + 1, 2 * width + 1), small = Tensor.Random(18, frames, many, height, width);
        Near.Equal(ConvolutionGradients.OfWeight(wide, small, 3, 0.25, 2), Run(device, a => GradientByWeights(a, wide, small, parts, 2)),
            Limit(parts));
        Near.Equal(ConvolutionGradients.OfWeight(small, wide, 3, 0.25, transposed: true),
            Run(device, a => GradientByWeights(a, small, wide, parts, isTransposed: true)), Limit(parts));
    }

    [Theory]
    [EveryHopper(1, false)]
    [EveryHopper(1, true)]
    [EveryHopper(2, true)]
    public void A_style_is_multiplied_in_and_one_map_serves_all_frames(string device, int parts, bool shares)
    {
        const int Inputs = 24, Frames = 3;
        Tensor x = Tensor.Random(19, shares ? 1 : Frames, Inputs, 4, 4), gradient = Tensor.Random(20, Frames, 16, 4, 4);
        float[] style = RandomFloats(Frames * Inputs, 21);
        Tensor modulated = Tensor.Create(
            Frames, Inputs, 4, 4, (n, c, i, j) => x[shares ? 0 : n, c, i, j] * style[n * Inputs + c]);
        Near.Equal(ConvolutionGradients.OfWeight(modulated, gradient, 3, 0.25, 1, 1),
            Run(device, a => GradientByWeights(a, x, gradient, parts, style: style, shares: shares)), Limit(parts));
    }

    [Theory]
    [EveryHopper(1, 20, 5, 7)]
    [EveryHopper(2, 33, 6, 3)]
    public void A_map_is_dealt_to_its_parities_and_padded_with_zeros(string device, int parts, int channels, int height, int width)
    {
        Tensor x = Tensor.Random(22, 2, channels, height, width);
        Tensor whole = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            return Chw8.Download(scope, Pack(scope, a, x, parts, false));
        });
        Near.Equal(Chw8.Round(x, parts), whole, 0);
        Run(device, a =>
        {
            using DeviceScope scope = new(a);
            HalfMap map = Pack(scope, a, x, parts, true);
            Half[] halves = scope.Download(map.View);
            for (int i = 0; i < halves.Length; i++)
            {
                int pixel = i / 8, column = pixel % map.Width, row = pixel / map.Width % map.Height;
                int plane = pixel / (map.Width * map.Height), phase = plane % 4, part = plane / 4 % parts;
                int octet = plane / (4 * parts), channel = octet % map.Octets * 8 + i % 8, frame = octet / map.Octets;
                int y = 2 * row + phase / 2, column2 = 2 * column + phase % 2;
                float value = y < height && column2 < width && channel < channels ? x[frame, channel, y, column2] : 0;
                Assert.Equal((float)Chw8.Split(value, parts).ElementAt(part), (float)halves[i]);
            }
            return 0;
        });
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused() => Run(EmulatorName, a =>
    {
        using DeviceScope scope = new(a);
        HalfMap map = Chw8.Allocate(scope, 1, 8, 4, 4);
        Assert.Contains("8 values", Assert.Throws<ArgumentException>(() => MapPacking.Prepare(a, map, new()
            { Input = scope.Allocate<float>(8), Factor = 1, FrameStride = 128, Height = 4, Width = 4 })).Message, StringComparison.Ordinal);
        HalfConvolutionWeights weights = scope.Own(HalfConvolutionWeights.Changing(
            a, HalfConvolutionKind.Same, 8, 8, 3, 1, WgmmaConvolution.MostChunk, WeightPrecision.Half));
        Assert.Contains("9 taps", Assert.Throws<ArgumentException>(() =>
            HalfWeightPacking.Prepare(a, weights, scope.Allocate<float>(64), WeightUse.Forward)).Message, StringComparison.Ordinal);
        return 0;
    });
}
