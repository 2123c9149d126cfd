using System.Reflection;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>
/// Convolutions over float32 maps on tensor cores, against the float64 definition. ILGPU's own compiler has no tensor cores: its engines are
/// left out.
/// </summary>
public class TensorConvolutionTests
{
    private const ConvolutionArithmetic Tf32x3 = ConvolutionArithmetic.Tf32x3;

    // Frames, inputs, outputs, rows, columns, kernel, stride, padding.
    public static TheoryData<string, string, int[]> Shapes() => Cases(
    [
        [1, 4, 4, 1, 1, 1, 1, 0],
        [2, 36, 68, 7, 5, 1, 1, 0],
        [2, 64, 40, 9, 9, 1, 2, 0],
        [3, 12, 20, 4, 4, 3, 1, 1],
        [1, 40, 68, 6, 11, 3, 1, 1],
        [1, 8, 8, 3, 5, 3, 1, 2],
        [2, 4, 36, 9, 13, 3, 2, 0],
        [2, 16, 8, 4, 4, 4, 1, 0],
        [2, 8, 16, 1, 1, 4, 1, 3],
    ]);

    // Frames, inputs, outputs, rows, columns.
    public static TheoryData<string, string, int[]> TransposedShapes() => Cases([[1, 4, 4, 1, 1], [2, 36, 12, 5, 2], [1, 8, 36, 7, 6]]);

    public static MatrixTheoryData<string, string> Devices() => new(Names, Arithmetics);

    public static MatrixTheoryData<string, int> KernelsAndTargets() => new(Kernels.Keys, [80, 89, 90]);

    private static string[] Arithmetics =>
        [.. Enum.GetNames<ConvolutionArithmetic>().Where(name => name != nameof(ConvolutionArithmetic.Float32))];

    private static Dictionary<string, MethodInfo> Kernels { get; } = (
        from tile in TypesOf<ITensorTile>()
        from input in TypesOf<ITensorInput>()
        select typeof(TensorConvolutionKernel).GetMethod(nameof(TensorConvolutionKernel.Run), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(tile, input))
        .ToDictionary(kernel => string.Join(' ', kernel.GetGenericArguments().Select(argument => argument.Name)));

    [Theory, MemberData(nameof(Shapes))]
    public void Any_shape_matches_the_definition(string device, string arithmetic, int[] shape)
    {
        (Tensor x, Tensor weight) = Operands(shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]);
        Compare(x.Convolve(weight, shape[6], shape[7]), arithmetic,
            Run(device, a => Convolve(a, arithmetic, x, weight, new(shape[0], shape[3], shape[4], shape[6], shape[7]))));
    }

    [Theory, MemberData(nameof(TransposedShapes))]
    public void A_transposed_convolution_matches_the_definition(string device, string arithmetic, int[] shape)
    {
        (Tensor x, Tensor weight) = Operands(shape[0], shape[1], shape[2], shape[3], shape[4], 3);
        Compare(x.ConvolveTransposed(weight), arithmetic,
            Run(device, a => Convolve(a, arithmetic, x, weight, new(shape[0], shape[3], shape[4], Transposed: true))));
    }

    [Theory, MemberData(nameof(Devices))]
    public void Style_demodulation_bias_activation_and_residual_apply_in_that_order(string device, string arithmetic)
    {
        // 20 pixels a frame and two splits: a tile holds several frames, and the reduction ends the sums.
        const int Frames = 3, Inputs = 36, Outputs = 12;
        (Tensor x, Tensor weight) = Operands(Frames, Inputs, Outputs, 5, 4, 3);
        Tensor residual = Tensor.Random(7, Frames, Outputs, 5, 4);
        float[] style = RandomFloats(Frames * Inputs, 8), factors = RandomFloats(Frames * Outputs, 9), bias = RandomFloats(Outputs, 10);
        Tensor sum = x.Map((value, n, c) => value * (double)style[n * Inputs + c]).Convolve(weight, 1, 1)
            .Map((value, n, c) => value * (double)factors[n * Outputs + c]).Activate(bias);
        Tensor expected = Tensor.Create(Frames, Outputs, 5, 4, (n, c, y, z) => (sum[n, c, y, z] + residual[n, c, y, z]) * 0.5);
        Compare(expected, arithmetic, Run(device, a => Convolve(a, arithmetic, x, weight, new(Frames, 5, 4, 1, 1), style,
            epilogue: scope => new()
            {
                Scale = scope.Upload(factors),
                ScaleStride = Outputs,
                Bias = scope.Upload(bias),
                Activate = 1,
                Residual = scope.Upload(residual),
                ResidualGain = 0.5f,
            })));
    }

    [Theory, MemberData(nameof(Devices))]
    public void Frames_share_an_input_that_each_scales_by_its_own_style(string device, string arithmetic)
    {
        const int Frames = 3, Inputs = 8, Outputs = 8;
        (Tensor x, Tensor weight) = Operands(1, Inputs, Outputs, 4, 4, 3);
        float[] style = RandomFloats(Frames * Inputs, 11), bias = RandomFloats(Outputs, 12);
        Tensor sum = Tensor.Create(Frames, Inputs, 4, 4, (n, c, y, z) => (double)x[0, c, y, z] * style[n * Inputs + c])
            .ConvolveTransposed(weight);
        Compare(sum.Map((value, _, c) => Math.Max(0, value + (double)bias[c])), arithmetic,
            Run(device, a => Convolve(a, arithmetic, x, weight, new(Frames, 4, 4, Transposed: true), style,
                epilogue: scope => new() { Bias = scope.Upload(bias), Activate = 2 })));
    }

    [Theory, MemberData(nameof(Devices))]
    public void The_tile_does_not_change_a_bit(string device, string arithmetic)
    {
        // 2 x 13 x 11 pixels and 160 channels: every tile has blocks that stick out. 80 input channels: K is cut, and ends within a step.
        const int Frames = 2, Inputs = 80, Outputs = 160;
        Tensor x = Tensor.Random(11, Frames, Inputs, 13, 11), weight = Tensor.Random(12, Outputs, Inputs, 1, 1);
        float[] style = RandomFloats(Frames * Inputs, 13);
        foreach (float[]? scale in (float[]?[])[null, style])
        {
            float[][] results =
            [
                With<Tensor128x128>(scale), With<Tensor128x64>(scale), With<Tensor64x64>(scale), With<Tensor64x32>(scale),
            ];
            Tensor scaled = scale == null ? x : x.Map((value, n, c) => value * (double)scale[n * Inputs + c]);
            Compare(scaled.Convolve(weight), arithmetic, Tensor.FromNhwc(results[0], Frames, Outputs, 13, 11));
            Assert.All(results, result => Assert.Equal(results[0], result));
        }

        float[] With<TTile>(float[]? scale) where TTile : struct, ITensorTile => Run(device, loader =>
        {
            using DeviceScope scope = new(loader);
            ConvolutionWeights weights = scope.Own(new ConvolutionWeights(loader, weight.Values, Outputs, Inputs, 1));
            ConvolutionShape shape = new(Frames, 13, 11);
            ConvolutionArithmetic wanted = Enum.Parse<ConvolutionArithmetic>(arithmetic);
            ArrayView<float> output = scope.Allocate<float>(Frames * 13 * 11 * Outputs);
            scope.Run(ConvolutionLauncher.PrepareTensor<TTile>(loader, weights, shape, new()
            {
                Input = scope.Upload(x),
                InputScale = scale == null ? default : scope.Upload(scale),
                InputScaleStride = Inputs,
                Output = output,
                Workspace = scope.Allocate<float>(ConvolutionLauncher.WorkspaceLength(loader, weights, shape, wanted)),
            }, wanted));
            return scope.Download(output);
        });
    }

    [Theory, EveryAccelerator]
    public void Tf32x3_has_float32s_exponents(string device)
    {
        (Tensor x, Tensor weight) = Operands(1, 8, 8, 4, 4, 3);
        const float Small = 1 / (float)(1L << 50);
        Tensor result = Run(device, a => Convolve(a, nameof(Tf32x3), x, weight, new(1, 4, 4, 1, 1))),
            small = Run(device, a => Convolve(a, nameof(Tf32x3), x.Map((value, _, _) => value * Small), weight, new(1, 4, 4, 1, 1)));
        Assert.Equal([.. result.Values.Select(value => value * Small)], small.Values);
    }

    [Fact]
    public void What_tensor_cores_do_not_take_is_left_to_the_float32_cores()
    {
        foreach ((int sm, int inputs, int outputs, bool isTensor) in
            ((int, int, int, bool)[])[(90, 8, 8, true), (80, 8, 8, true), (75, 8, 8, false), (80, 6, 8, false), (80, 8, 6, false)])
        {
            using KernelLoader loader = EmulatorAccelerator.CreateLoader(sm);
            using DeviceScope scope = new(loader);
            Tensor x = Tensor.Random(1, 1, inputs, 3, 3), weight = Tensor.Random(2, outputs, inputs, 3, 3);
            Near.Equal(x.Convolve(weight, 1, 1), Convolve(loader, nameof(Tf32x3), x, weight, new(1, 3, 3, 1, 1)), 2e-6);
            bool ranOnTensorCores = ((EmulatorAccelerator)loader.Accelerator).LastLaunch!.ByInstruction.Keys
                .Any(instruction => instruction.StartsWith("mma.sync", StringComparison.Ordinal));
            Assert.Equal(isTensor, ranOnTensorCores);
        }
    }

    [Fact]
    public void How_K_is_cut_follows_the_frames_and_never_needs_more_room_than_float32()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        using DeviceScope scope = new(loader);
        ConvolutionWeights weights = scope.Own(new ConvolutionWeights(loader, 512, 512, 3));
        // Of 4x4 pixels 4 frames are a block of 64x64, beside which are 7 for the other channels.
        Assert.Equal([32, 8, 1],
            [.. new[] { 1, 16, 128 }.Select(frames => ConvolutionLauncher.TensorSplits(weights, new(frames, 4, 4, 1, 1)))]);
        foreach (int size in new[] { 4, 8, 16, 32, 64 })
        {
            ConvolutionShape shape = new(16, size, size, 1, 1);
            Assert.InRange(ConvolutionLauncher.WorkspaceLength(loader, weights, shape, Tf32x3), 0,
                ConvolutionLauncher.WorkspaceLength(weights, shape));
        }
    }

    [Theory, MemberData(nameof(KernelsAndTargets))]
    public void A_kernel_compiles_and_uses_no_local_memory(string kernel, int sm)
    {
        string ptx = KernelCompiler.Compile(Kernels[kernel], new CompileTarget(sm)).Ptx;
        Assert.Contains($".target sm_{sm}", ptx);
        Assert.DoesNotContain(".local", ptx);
    }

    [Fact]
    public void Products_wait_for_no_bank_conflict_and_have_eight_for_every_load_from_shared_memory()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        // Three blocks of 128x128: enough for the emulator's two multiprocessors.
        (Tensor x, Tensor weight) = Operands(1, 64, 128, 24, 16, 1);
        Convolve(loader, nameof(Tf32x3), x, weight, new(1, 24, 16));
        LaunchStatistics statistics = ((EmulatorAccelerator)loader.Accelerator).LastLaunch!;
        Assert.Equal(0, statistics.ExtraSharedWavefronts);
        long products = Count("mma.sync"), loads = Count("ldmatrix") + Count("ld.shared");
        Assert.Equal(3 * 24 * 16 * 128 * 64 / (16 * 8 * 8), products);
        Assert.Equal(8 * loads, products);

        long Count(string start) => statistics.ByInstruction
            .Where(instruction => instruction.Key.StartsWith(start, StringComparison.Ordinal)).Sum(instruction => instruction.Value);
    }

    private static Tensor Convolve(
        KernelLoader loader, string arithmetic, Tensor x, Tensor weight, ConvolutionShape shape, float[]? style = null,
        Func<DeviceScope, Epilogue>? epilogue = null)
    {
        using DeviceScope scope = new(loader);
        ConvolutionArithmetic wanted = Enum.Parse<ConvolutionArithmetic>(arithmetic);
        int outputs = weight.Batch, kernel = weight.Width, height = shape.OutputHeight(kernel), width = shape.OutputWidth(kernel);
        ConvolutionWeights weights =
            scope.Own(new ConvolutionWeights(loader, weight.Values, outputs, weight.Channels, kernel, shape.Transposed));
        ArrayView<float> output = scope.Upload(Enumerable.Repeat(float.NaN, shape.Frames * height * width * outputs).ToArray());
        long room = ConvolutionLauncher.WorkspaceLength(loader, weights, shape, wanted);
        scope.Run(ConvolutionLauncher.Prepare(loader, weights, shape, new()
        {
            Input = scope.Upload(x),
            SharesInput = x.Batch < shape.Frames,
            Output = output,
            InputScale = style == null ? default : scope.Upload(style),
            InputScaleStride = x.Channels,
            Workspace = room == 0 ? default : scope.Upload(Enumerable.Repeat(float.NaN, (int)room).ToArray()),
            Epilogue = epilogue?.Invoke(scope) ?? default,
        }, wanted));
        return scope.DownloadNhwc(output, shape.Frames, outputs, height, width);
    }

    private static void Compare(Tensor expected, string arithmetic, Tensor actual) => Near.Equal(expected, actual, Limit(arithmetic));

    // Tf32x3: 2^-22 of a product, and float32 sums.
    private static double Limit(string arithmetic) => arithmetic == nameof(Tf32x3) ? 2e-6 : double.NaN;

    private static (Tensor X, Tensor Weight) Operands(int frames, int inputs, int outputs, int height, int width, int kernel) =>
        (Tensor.Random(1, frames, inputs, height, width), Tensor.Random(2, outputs, inputs, kernel, kernel));

    private static IEnumerable<Type> TypesOf<T>() =>
        typeof(T).Assembly.GetTypes().Where(type => type.IsValueType && type.IsAssignableTo(typeof(T)));

    private static TheoryData<string, string, int[]> Cases(int[][] shapes)
    {
        TheoryData<string, string, int[]> data = [];
        foreach (string device in Names)
        {
            foreach (string arithmetic in Arithmetics)
            {
                foreach (int[] shape in shapes) data.Add(device, arithmetic, shape);
            }
        }
        return data;
    }
}
