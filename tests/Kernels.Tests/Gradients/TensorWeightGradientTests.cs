using Lia.Gpu;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>Weight gradients on tensor cores: halves, and pairs of tf32, into float32 sums.</summary>
public class TensorWeightGradientTests
{
    // Two operands, each rounded by at most 2^-11 of itself.
    private const double HalfLimit = 1e-3;

    private delegate KernelLaunch[] Preparation(
        KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands);

    private static Tensor Compute(
        KernelLoader loader, Tensor x, Tensor gradient, int kernel, ConvolutionShape shape, bool shares = false, float[]? style = null,
        bool findsScale = false, ConvolutionArithmetic arithmetic = ConvolutionArithmetic.Half, Preparation? prepare = null)
    {
        prepare ??= WeightGradient.Prepare;
        using DeviceScope scope = new(loader);
        int outputs = gradient.Channels, inputs = x.Channels;
        float[] nothing = new float[WeightGradient.WorkspaceLength(loader, outputs, inputs, kernel, shape)];
        nothing.AsSpan().Fill(float.NaN);
        int styleStride = (inputs + 3) / 4 * 4 + 8;
        float[] rows = new float[shape.Frames * styleStride];
        for (int n = 0; style != null && n < shape.Frames; n++)
            style.AsSpan(n * inputs, inputs).CopyTo(rows.AsSpan(n * styleStride));
        ArrayView<float> scale = scope.Allocate<float>(2), result = scope.Allocate<float>(outputs * inputs * kernel * kernel),
            outputGradient = scope.Upload(gradient);
        if (findsScale)
            scope.Run(OperandScale.Prepare(loader, outputGradient, scope.Allocate<int>(OperandScale.PartialsLength), scale));
        scope.Run(prepare(loader, outputs, inputs, kernel, shape, new()
        {
            Input = scope.Upload(x),
            SharesInput = shares,
            InputScale = style == null ? default : scope.Upload(rows),
            InputScaleStride = styleStride,
            OutputGradient = outputGradient,
            Workspace = scope.Upload(nothing),
            Gradient = result,
            Scale = 0.25f,
            Arithmetic = arithmetic,
            OperandScale = findsScale ? scale : default,
        }));
        return new(scope.Download(result), outputs, inputs, kernel, kernel);
    }

    private static Tensor Rounded(Tensor tensor) => tensor.Map((value, _, _) => (double)(System.Half)value);

    [Theory]
    // frames, inputs, outputs, rows and columns of the input, kernel, stride, padding
    [EveryAccelerator(1, 1, 1, 1, 1, 1, 1, 0)]
    [EveryAccelerator(2, 3, 20, 5, 7, 1, 1, 0)]
    [EveryAccelerator(3, 12, 36, 4, 4, 3, 1, 1)]
    [EveryAccelerator(2, 7, 9, 5, 3, 3, 1, 1)]
    [EveryAccelerator(2, 16, 72, 9, 8, 3, 1, 1)]
    [EveryAccelerator(5, 8, 12, 1, 2, 3, 1, 1)]
    [EveryAccelerator(1, 4, 4, 3, 4, 3, 1, 3)]
    [EveryAccelerator(2, 4, 36, 9, 13, 3, 2, 0)]
    [EveryAccelerator(9, 4, 8, 4, 4, 4, 1, 0)]
    [EveryAccelerator(1, 20, 132, 7, 7, 3, 1, 1)]
    public void Sums_of_halves_are_those_over_rounded_operands_and_sums_of_tf32_pairs_those_of_the_definition(
        string device, int frames, int inputs, int outputs, int height, int width, int kernel, int stride, int padding)
    {
        ConvolutionShape shape = new(frames, height, width, stride, padding);
        Tensor x = Tensor.Random(1, frames, inputs, height, width),
            gradient = Tensor.Random(2, frames, outputs, shape.OutputHeight(kernel), shape.OutputWidth(kernel));
        Tensor actual = Run(device, a => Compute(a, x, gradient, kernel, shape));
        Near.Equal(ConvolutionGradients.OfWeight(Rounded(x), Rounded(gradient), kernel, 0.25, stride, padding), actual, 2e-6);
        Tensor expected = ConvolutionGradients.OfWeight(x, gradient, kernel, 0.25, stride, padding);
        Near.Equal(expected, actual, HalfLimit);
        Near.Equal(expected, Run(device, a => Compute(a, x, gradient, kernel, shape, arithmetic: ConvolutionArithmetic.Tf32x3)), 2e-6);
    }

    [Theory]
    [EveryAccelerator(2, 8, 12, 4, 4)]
    [EveryAccelerator(3, 5, 7, 3, 6)]
    [EveryAccelerator(1, 68, 20, 5, 4)]
    public void Transposed_convolutions_match_the_definition(string device, int frames, int inputs, int outputs, int height, int width)
    {
        Tensor x = Tensor.Random(3, frames, inputs, height, width),
            gradient = Tensor.Random(4, frames, outputs, 2 * height + 1, 2 * width + 1);
        ConvolutionShape shape = new(frames, height, width, Transposed: true);
        Near.Equal(ConvolutionGradients.OfWeight(Rounded(x), Rounded(gradient), 3, 0.25, transposed: true),
            Run(device, a => Compute(a, x, gradient, 3, shape)), 2e-6);
        Near.Equal(ConvolutionGradients.OfWeight(x, gradient, 3, 0.25, transposed: true),
            Run(device, a => Compute(a, x, gradient, 3, shape, arithmetic: ConvolutionArithmetic.Tf32x3)), 2e-6);
    }

    [Theory]
    [EveryAccelerator(8, false, false)]
    [EveryAccelerator(11, false, true)]
    [EveryAccelerator(12, true, true)]
    [EveryAccelerator(5, true, false)]
    public void A_style_is_multiplied_to_the_input_before_it_is_rounded(string device, int inputs, bool transposed, bool shares)
    {
        const int Outputs = 12, Frames = 3;
        Tensor x = Tensor.Random(5, shares ? 1 : Frames, inputs, 4, 3),
            gradient = transposed ? Tensor.Random(6, Frames, Outputs, 9, 7) : Tensor.Random(6, Frames, Outputs, 4, 3);
        float[] style = RandomFloats(Frames * inputs, 7);
        Tensor modulated = Tensor.Create(
            Frames, inputs, 4, 3, (n, c, i, j) => x[shares ? 0 : n, c, i, j] * style[n * inputs + c]);
        int padding = transposed ? 0 : 1;
        ConvolutionShape shape = new(Frames, 4, 3, 1, padding, transposed);
        Near.Equal(ConvolutionGradients.OfWeight(Rounded(modulated), Rounded(gradient), 3, 0.25, 1, padding, transposed),
            Run(device, a => Compute(a, x, gradient, 3, shape, shares, style)), 2e-6);
        Near.Equal(ConvolutionGradients.OfWeight(modulated, gradient, 3, 0.25, 1, padding, transposed),
            Run(device, a => Compute(a, x, gradient, 3, shape, shares, style, arithmetic: ConvolutionArithmetic.Tf32x3)), 2e-6);
    }

    [Theory]
    [EveryAccelerator(false)]
    [EveryAccelerator(true)]
    public void Gradients_far_below_the_halves_are_brought_among_them(string device, bool transposed)
    {
        const float Small = 3e-11f;
        Tensor x = Tensor.Random(8, 2, 8, 4, 3), unit = transposed ? Tensor.Random(9, 2, 12, 9, 7) : Tensor.Random(9, 2, 12, 4, 3);
        Tensor gradient = unit.Map((value, _, _) => value * Small);
        ConvolutionShape shape = new(2, 4, 3, 1, transposed ? 0 : 1, transposed);
        Tensor expected = ConvolutionGradients.OfWeight(x, gradient, 3, 0.25, 1, shape.Padding, transposed);
        Near.Equal(expected, Run(device, a => Compute(a, x, gradient, 3, shape, findsScale: true)), HalfLimit);
        Assert.All(Run(device, a => Compute(a, x, gradient, 3, shape)).Values, value => Assert.Equal(0f, value));
        // Two tf32 have float32's exponents, and no use for a scale.
        Near.Equal(expected,
            Run(device, a => Compute(a, x, gradient, 3, shape, findsScale: true, arithmetic: ConvolutionArithmetic.Tf32x3)), 2e-6);
    }

    [Theory]
    [EveryAccelerator(1, 0.75f)]
    [EveryAccelerator(7, 1e-20f)]
    [EveryAccelerator(1027, 3e4f)]
    [EveryAccelerator(2500, 1e38f)]
    public void The_scale_is_the_power_of_two_that_brings_the_largest_below_2_to_14(string device, int length, float largest)
    {
        float[] map = [.. RandomFloats(length, 10).Select(value => value * largest * 0.9f)];
        map[^1] = -largest;
        float[] scale = Scale(device, map);
        Assert.Equal(0, BitConverter.SingleToInt32Bits(scale[0]) & 0x7fffff);
        Assert.Equal(1f, scale[0] * scale[1]);
        Assert.InRange((double)largest * scale[0], 8192, 16383.9999);
    }

    [Theory, EveryAccelerator]
    public void A_map_of_zeros_and_one_with_NaN_have_a_scale_too(string device)
    {
        float[] ofZeros = Scale(device, new float[5]);
        Assert.True(float.IsNormal(ofZeros[0]) && float.IsNormal(ofZeros[1]));
        Assert.Equal([1f, 1f], Scale(device, [1f, float.NaN, 2f]));
        Assert.Equal([1f, 1f], Scale(device, [1f, float.NegativeInfinity, 2f]));
    }

    [Theory]
    [EveryAccelerator(false)]
    [EveryAccelerator(true)]
    public void The_tile_does_not_change_a_bit(string device, bool isTf32)
    {
        Tensor x = Tensor.Random(11, 2, 8, 11, 7), gradient = Tensor.Random(12, 2, 36, 11, 7);
        Tensor expected = isTf32
            ? ConvolutionGradients.OfWeight(x, gradient, 3, 0.25, 1, 1)
            : ConvolutionGradients.OfWeight(Rounded(x), Rounded(gradient), 3, 0.25, 1, 1);
        float[][] results =
        [
            With(WeightGradient.Prepare<Gradient128x128>), With(WeightGradient.Prepare<Gradient64x192>),
            With(WeightGradient.Prepare<Gradient64x64>), With(WeightGradient.Prepare<Gradient32x32>),
        ];
        Near.Equal(expected.Values, results[0], 2e-6);
        Assert.All(results, result => Assert.Equal(results[0], result));

        float[] With(Preparation prepare) => Run(device, a => Compute(
            a, x, gradient, 3, new(2, 11, 7, 1, 1), arithmetic: isTf32 ? ConvolutionArithmetic.Tf32x3 : ConvolutionArithmetic.Half,
            prepare: prepare)).Values;
    }

    [Theory, EveryAccelerator]
    public void Pairs_of_tf32_match_the_official_layers(string device)
    {
        foreach ((string name, int padding) in new[] { ("equal_conv1", 0), ("equal_conv3", 1), ("equal_conv4_valid", 0) })
        {
            Tensor x = TrainOps.Read(name + ".in0"), weight = TrainOps.Read(name + ".w.weight");
            float factor = ConvolutionGradients.Scale(weight) / 0.25f;
            Tensor actual = Run(device, a => Compute(a, x, TrainOps.Read(name + ".ct0"), weight.Width,
                new(x.Batch, x.Height, x.Width, 1, padding), arithmetic: ConvolutionArithmetic.Tf32x3));
            Near.Equal(TrainOps.Read(name + ".grad.w.weight"), actual.Map((value, _, _) => value * factor));
        }
    }

    [Fact]
    public void A_device_without_such_tensor_cores_takes_float32()
    {
        Run(EmulatorName, loader =>
        {
            Assert.Equal(ConvolutionArithmetic.Half, WeightGradient.Arithmetic(loader, ConvolutionArithmetic.Half));
            return 0;
        });
        using KernelLoader turing = EmulatorAccelerator.CreateLoader(75);
        Assert.Equal(ConvolutionArithmetic.Float32, WeightGradient.Arithmetic(turing, ConvolutionArithmetic.Tf32x3));
    }

    private static readonly Dictionary<string, Delegate> Kernels = new Delegate[]
    {
        WeightGradientKernel.Run<Gradient128x128, VectorAccess>, WeightGradientKernel.Run<Gradient64x192, VectorAccess>,
        WeightGradientKernel.Run<Gradient64x64, ScalarAccess>, WeightGradientKernel.Run<Gradient32x32, VectorAccess>,
        TensorWeightGradient.RunHalf<Gradient128x128, VectorAccess>, TensorWeightGradient.RunHalf<Gradient64x192, VectorAccess>,
        TensorWeightGradient.RunHalf<Gradient64x64, ScalarAccess>, TensorWeightGradient.RunHalf<Gradient32x32, VectorAccess>,
        TensorWeightGradient.RunTf32<Gradient128x128, VectorAccess>, TensorWeightGradient.RunTf32<Gradient64x192, ScalarAccess>,
        WeightGradientReduction.Run,
    }.ToDictionary(kernel => $"{kernel.Method.DeclaringType!.Name}.{kernel.Method.Name}"
        + string.Concat(kernel.Method.GetGenericArguments().Select(argument => $" of {argument.Name}")));

    public static MatrixTheoryData<string, int> KernelsAndTargets() => new(Kernels.Keys, [80, 90]);

    [Theory, MemberData(nameof(KernelsAndTargets))]
    public void A_weight_gradient_keeps_everything_in_registers(string kernel, int sm) =>
        Assert.DoesNotContain(".local", KernelCompiler.Compile(Kernels[kernel].Method, new CompileTarget(sm)).Ptx);

    private static float[] Scale(string device, float[] map) => Run(device, loader =>
    {
        using DeviceScope scope = new(loader);
        ArrayView<float> scale = scope.Allocate<float>(2);
        scope.Run(OperandScale.Prepare(loader, scope.Upload(map), scope.Allocate<int>(OperandScale.PartialsLength), scale));
        return scope.Download(scale);
    });
}
