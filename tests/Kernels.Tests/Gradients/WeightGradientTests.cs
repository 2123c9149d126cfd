using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>Gradients of convolutions by their weights.</summary>
public class WeightGradientTests
{
    private delegate KernelLaunch[] Preparation(
        KernelLoader loader, int outputs, int inputs, int kernel, ConvolutionShape shape, WeightGradientOperands operands);

    private static Tensor Compute(
        KernelLoader loader, Tensor x, Tensor gradient, int kernel, float scale, int stride = 1, int padding = 0, bool transposed = false,
        bool shares = false, float[]? style = null, float[]? before = null, Preparation? prepare = null)
    {
        prepare ??= WeightGradient.Prepare;
        using DeviceScope scope = new(loader);
        int outputs = gradient.Channels, inputs = x.Channels, frames = gradient.Batch, elements = outputs * inputs * kernel * kernel;
        ConvolutionShape shape = new(frames, x.Height, x.Width, stride, padding, transposed);
        Assert.Equal((gradient.Height, gradient.Width), (shape.OutputHeight(kernel), shape.OutputWidth(kernel)));
        // What is not written, or read before it is, must not pass for a number.
        float[] nothing = new float[WeightGradient.WorkspaceLength(loader, outputs, inputs, kernel, shape)];
        nothing.AsSpan().Fill(float.NaN);
        float[] initial = new float[elements];
        initial.AsSpan().Fill(float.NaN);
        ArrayView<float> result = scope.Upload(before ?? initial);
        // Rows of styles lie further apart than they are long.
        int styleStride = (inputs + 3) / 4 * 4 + 8;
        float[] rows = new float[frames * styleStride];
        for (int n = 0; style != null && n < frames; n++) style.AsSpan(n * inputs, inputs).CopyTo(rows.AsSpan(n * styleStride));
        scope.Run(prepare(loader, outputs, inputs, kernel, shape, new()
        {
            Input = scope.Upload(x),
            SharesInput = shares,
            InputScale = style == null ? default : scope.Upload(rows),
            InputScaleStride = styleStride,
            OutputGradient = scope.Upload(gradient),
            Workspace = scope.Upload(nothing),
            Gradient = result,
            Scale = scale,
            Accumulates = before != null,
        }));
        return new(scope.Download(result), outputs, inputs, kernel, kernel);
    }

    [Theory, EveryEngine]
    public void Kernels_of_1_3_and_4_match_the_official_layers(string device)
    {
        Equal("equal_conv1.w.weight", "equal_conv1.grad.w.weight", "equal_conv1.in0", TrainOps.Read("equal_conv1.ct0"), 0);
        Equal("equal_conv3.w.weight", "equal_conv3.grad.w.weight", "equal_conv3.in0", TrainOps.Read("equal_conv3.ct0"), 1);
        Equal("equal_conv4_valid.w.weight", "equal_conv4_valid.grad.w.weight", "equal_conv4_valid.in0",
            TrainOps.Read("equal_conv4_valid.ct0"), 0);
        Equal("conv_layer.w.0.weight", "conv_layer.grad.w.0.weight", "conv_layer.in0",
            ConvolutionGradients.BeforeActivation(TrainOps.Read("conv_layer.out0"), TrainOps.Read("conv_layer.ct0")), 1);
        // A block whose convolution has stride 2, behind a blur.
        Tensor blurred = TrainOps.Read("conv_layer_down.in0").Blur(2, 1, 1.0 / 64);
        Tensor before = ConvolutionGradients.BeforeActivation(TrainOps.Read("conv_layer_down.out0"), TrainOps.Read("conv_layer_down.ct0"));
        Tensor weight = TrainOps.Read("conv_layer_down.w.1.weight");
        Near.Equal(TrainOps.Read("conv_layer_down.grad.w.1.weight"),
            Run(device, a => Compute(a, blurred, before, 3, ConvolutionGradients.Scale(weight), stride: 2)));

        void Equal(string weightName, string expected, string input, Tensor gradient, int padding)
        {
            Tensor weight = TrainOps.Read(weightName);
            Near.Equal(TrainOps.Read(expected), Run(device, a => Compute(
                a, TrainOps.Read(input), gradient, weight.Width, ConvolutionGradients.Scale(weight), padding: padding)));
        }
    }

    [Theory]
    // frames, inputs, outputs, rows and columns of the input, kernel, stride, padding
    [EveryEngine(1, 1, 1, 1, 1, 1, 1, 0)]
    [EveryEngine(2, 3, 20, 5, 7, 1, 1, 0)]
    [EveryEngine(3, 12, 36, 4, 4, 3, 1, 1)]
    [EveryEngine(2, 7, 9, 5, 3, 3, 1, 1)]
    [EveryEngine(5, 8, 12, 1, 2, 3, 1, 1)]
    [EveryEngine(2, 4, 8, 6, 5, 3, 1, 0)]
    [EveryEngine(1, 4, 4, 3, 4, 3, 1, 3)]
    [EveryEngine(2, 4, 36, 9, 13, 3, 2, 0)]
    [EveryEngine(1, 5, 6, 6, 4, 3, 2, 0)]
    [EveryEngine(2, 8, 8, 7, 9, 1, 2, 0)]
    [EveryEngine(9, 4, 8, 4, 4, 4, 1, 0)]
    [EveryEngine(1, 5, 4, 9, 17, 3, 1, 1)]
    public void Odd_shapes_and_any_channel_count_match_the_definition(
        string device, int frames, int inputs, int outputs, int height, int width, int kernel, int stride, int padding)
    {
        ConvolutionShape shape = new(frames, height, width, stride, padding);
        Tensor x = Tensor.Random(1, frames, inputs, height, width),
            gradient = Tensor.Random(2, frames, outputs, shape.OutputHeight(kernel), shape.OutputWidth(kernel));
        Near.Equal(ConvolutionGradients.OfWeight(x, gradient, kernel, 0.25, stride, padding),
            Run(device, a => Compute(a, x, gradient, kernel, 0.25f, stride, padding)), 2e-6);
    }

    [Theory]
    [EveryEngine(1, 1, 1, 1, 1)]
    [EveryEngine(2, 8, 12, 4, 4)]
    [EveryEngine(3, 5, 7, 3, 6)]
    [EveryEngine(2, 36, 4, 5, 2)]
    public void Transposed_convolutions_match_the_definition(string device, int frames, int inputs, int outputs, int height, int width)
    {
        Tensor x = Tensor.Random(3, frames, inputs, height, width),
            gradient = Tensor.Random(4, frames, outputs, 2 * height + 1, 2 * width + 1);
        Near.Equal(ConvolutionGradients.OfWeight(x, gradient, 3, 0.5, transposed: true),
            Run(device, a => Compute(a, x, gradient, 3, 0.5f, transposed: true)), 2e-6);
    }

    [Theory]
    [EveryEngine(8, false, false)]
    [EveryEngine(11, false, true)]
    [EveryEngine(8, true, true)]
    [EveryEngine(5, true, false)]
    public void A_style_is_multiplied_to_the_input_that_frames_may_share(string device, int inputs, bool transposed, bool shares)
    {
        const int Outputs = 12, Frames = 3;
        Tensor x = Tensor.Random(5, shares ? 1 : Frames, inputs, 4, 3),
            gradient = transposed ? Tensor.Random(6, Frames, Outputs, 9, 7) : Tensor.Random(6, Frames, Outputs, 4, 3);
        float[] style = RandomFloats(Frames * inputs, 7);
        Tensor modulated = Tensor.Create(
            Frames, inputs, 4, 3, (n, c, i, j) => x[shares ? 0 : n, c, i, j] * (double)style[n * inputs + c]);
        int padding = transposed ? 0 : 1;
        Near.Equal(ConvolutionGradients.OfWeight(modulated, gradient, 3, 1, 1, padding, transposed),
            Run(device, a => Compute(a, x, gradient, 3, 1f, 1, padding, transposed, shares, style)), 2e-6);
    }

    [Theory, EveryEngine]
    public void A_gradient_can_be_added_to_the_one_that_is_there(string device)
    {
        Tensor x = Tensor.Random(8, 2, 8, 5, 4), gradient = Tensor.Random(9, 2, 12, 5, 4), before = Tensor.Random(10, 12, 8, 3, 3);
        Tensor added = ConvolutionGradients.OfWeight(x, gradient, 3, 0.25, 1, 1);
        Near.Equal(Tensor.Create(12, 8, 3, 3, (o, c, i, j) => (double)before[o, c, i, j] + added[o, c, i, j]),
            Run(device, a => Compute(a, x, gradient, 3, 0.25f, 1, 1, before: before.Values)), 2e-6);
    }

    // Not on the processor, where 256 threads take minutes to meet at a barrier every 8 pixels; the small tile runs there above.
    [Theory, EveryEngine(OnProcessor = false)]
    public void The_tile_does_not_change_a_bit(string device)
    {
        // 2 x 11 x 7 pixels are cut; 36 channels and 9 x 8 columns: every tile has blocks that stick out.
        Tensor x = Tensor.Random(11, 2, 8, 11, 7), gradient = Tensor.Random(12, 2, 36, 11, 7);
        Assert.Equal(2, WeightGradient.Splits(36, 8, 3, new(2, 11, 7, 1, 1)));
        float[][] results =
        [
            With(WeightGradient.Prepare<Gradient128x128>), With(WeightGradient.Prepare<Gradient64x192>),
            With(WeightGradient.Prepare<Gradient64x64>), With(WeightGradient.Prepare<Gradient32x32>),
        ];
        Near.Equal(ConvolutionGradients.OfWeight(x, gradient, 3, 1, 1, 1).Values, results[0], 2e-6);
        Assert.All(results, result => Assert.Equal(results[0], result));

        float[] With(Preparation prepare) => Run(device, a => Compute(a, x, gradient, 3, 1f, 1, 1, prepare: prepare)).Values;
    }

    [Fact]
    public void The_sum_is_cut_as_the_shape_wants_it_and_the_workspace_stays_small()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        (int Size, int Channels)[] layers = [(4, 512), (8, 512), (16, 512), (32, 512), (64, 256), (128, 128), (256, 64), (512, 32)];
        foreach ((int size, int channels) in layers)
        {
            ConvolutionShape shape = new(32, size, size, 1, 1);
            int splits = WeightGradient.Splits(channels, channels, 3, shape);
            Assert.InRange(splits, size == 4 ? 2 : 7, 4096);
            // No part is so short that its sums cost more than its products.
            Assert.True(32.0 * size * size / splits >= 64, $"{splits} parts at {size}");
            Assert.InRange(WeightGradient.WorkspaceLength(loader, channels, channels, 3, shape), 1, 18_000_000);
        }
    }

    [Fact]
    public void Operands_that_do_not_fit_are_refused()
    {
        Run(EmulatorName, loader =>
        {
            using DeviceScope scope = new(loader);
            ConvolutionShape shape = new(2, 4, 4, 1, 1);
            WeightGradientOperands operands = new()
            {
                Input = scope.Allocate<float>(2 * 16 * 8),
                OutputGradient = scope.Allocate<float>(2 * 16 * 4),
                Workspace = scope.Allocate<float>(WeightGradient.WorkspaceLength(loader, 4, 8, 3, shape)),
                Gradient = scope.Allocate<float>(4 * 8 * 9),
            };
            Assert.Equal(2, WeightGradient.Prepare(loader, 4, 8, 3, shape, operands).Length);
            Refused("the input has 256 elements, not 128", operands with { SharesInput = true });
            Refused("the output's gradient has 256 elements, not 128", operands with { OutputGradient = operands.Input });
            Refused("the gradient has 256 elements, not 288", operands with { Gradient = operands.Input });
            Refused("a workspace of 128 elements is too small", operands with { Workspace = operands.OutputGradient });
            return 0;

            void Refused(string message, WeightGradientOperands wrong) => Assert.Contains(
                message, Assert.Throws<ArgumentException>(() => WeightGradient.Prepare(loader, 4, 8, 3, shape, wrong)).Message);
        });
    }
}
