using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests.Gradients;

/// <summary>Weights packed on the device, and the gradients of data that the convolutions compute from those packed for it.</summary>
public class WeightPackingTests
{
    [Theory]
    [EveryEngine(20, 5, 1, false)]
    [EveryEngine(36, 12, 3, false)]
    [EveryEngine(7, 9, 3, true)]
    [EveryEngine(32, 8, 4, false)]
    public void Weights_packed_on_the_device_are_those_packed_on_the_host(
        string device, int outputs, int inputs, int kernel, bool transposed)
    {
        Tensor weight = Tensor.Random(1, outputs, inputs, kernel, kernel);
        (float[] Expected, float[] Actual) packed = Run(device, loader =>
        {
            using DeviceScope scope = new(loader);
            ConvolutionWeights host = scope.Own(new ConvolutionWeights(loader, weight.Values, outputs, inputs, kernel, transposed));
            ConvolutionWeights room = Room(scope, outputs, inputs, kernel, transposed);
            scope.Run(WeightPacking.Prepare(
                loader, room, scope.Upload(weight.Values), ConvolutionGradients.Scale(weight), WeightUse.Forward));
            return (scope.Download(host.View), scope.Download(room.View));
        });
        Assert.Equal(packed.Expected.Length, packed.Actual.Length);
        // The factor is rounded once more: half an ulp, and the product's own.
        for (int i = 0; i < packed.Expected.Length; i++)
            Assert.Equal(packed.Expected[i], packed.Actual[i], Math.Abs(packed.Expected[i]) * 2e-7f);
    }

    [Theory]
    [EveryEngine(5, 3, 3)]
    [EveryEngine(4, 8, 1)]
    public void Squares_are_summed_over_the_taps(string device, int outputs, int inputs, int kernel)
    {
        Tensor weight = Tensor.Random(2, outputs, inputs, kernel, kernel);
        float[] expected = new float[outputs * inputs];
        ConvolutionWeights.SquareSums(weight.Values, inputs, kernel, expected);
        Near.Equal(expected, Run(device, loader =>
        {
            using DeviceScope scope = new(loader);
            ArrayView<float> sums = scope.Allocate<float>(expected.Length);
            scope.Run(WeightPacking.PrepareSquares(
                loader, scope.Upload(weight.Values), sums, outputs, inputs, kernel, ConvolutionGradients.Scale(weight)));
            return scope.Download(sums);
        }), 1e-6);
    }

    [Theory]
    // frames, inputs, outputs, rows and columns of the input, kernel, padding
    [EveryEngine(2, 12, 20, 5, 4, 1, 0)]
    [EveryEngine(2, 3, 7, 4, 5, 1, 0)]
    [EveryEngine(2, 12, 36, 5, 4, 3, 1)]
    [EveryEngine(1, 5, 9, 6, 4, 3, 1)]
    [EveryEngine(1, 8, 4, 6, 5, 3, 0)]
    [EveryEngine(1, 4, 8, 3, 4, 3, 2)]
    [EveryEngine(3, 8, 12, 4, 4, 4, 0)]
    [EveryEngine(1, 4, 4, 3, 4, 4, 3)]
    public void Stride_1_has_a_convolution_over_mirrored_weights_as_its_data_gradient(
        string device, int frames, int inputs, int outputs, int height, int width, int kernel, int padding)
    {
        ConvolutionShape shape = new(frames, height, width, 1, padding);
        int rows = shape.OutputHeight(kernel), columns = shape.OutputWidth(kernel);
        Tensor weight = Tensor.Random(3, outputs, inputs, kernel, kernel), gradient = Tensor.Random(4, frames, outputs, rows, columns);
        Near.Equal(
            ConvolutionGradients.OfInput(gradient, weight, height, width, padding: padding),
            Run(device, a => DataGradient(
                a, gradient, weight, WeightUse.MirroredAdjoint, new(frames, rows, columns, 1, kernel - 1 - padding))), 2e-6);
    }

    [Theory]
    [EveryEngine(2, 8, 12, 9, 7)]
    [EveryEngine(1, 5, 3, 5, 13)]
    public void Stride_2_has_a_transposed_convolution_as_its_data_gradient(
        string device, int frames, int inputs, int outputs, int height, int width)
    {
        int rows = (height - 3) / 2 + 1, columns = (width - 3) / 2 + 1;
        Tensor weight = Tensor.Random(5, outputs, inputs, 3, 3), gradient = Tensor.Random(6, frames, outputs, rows, columns);
        Near.Equal(
            ConvolutionGradients.OfInput(gradient, weight, height, width, stride: 2),
            Run(device, a => DataGradient(a, gradient, weight, WeightUse.Adjoint, new(frames, rows, columns, Transposed: true))), 2e-6);
    }

    [Theory]
    [EveryEngine(2, 8, 12, 4, 3)]
    [EveryEngine(1, 5, 3, 2, 6)]
    public void A_transposed_convolution_has_one_of_stride_2_as_its_data_gradient(
        string device, int frames, int inputs, int outputs, int height, int width)
    {
        int rows = 2 * height + 1, columns = 2 * width + 1;
        Tensor weight = Tensor.Random(7, outputs, inputs, 3, 3), gradient = Tensor.Random(8, frames, outputs, rows, columns);
        Near.Equal(
            ConvolutionGradients.OfInput(gradient, weight, height, width, transposed: true),
            Run(device, a => DataGradient(a, gradient, weight, WeightUse.Adjoint, new(frames, rows, columns, 2))), 2e-6);
    }

    [Theory, EveryEngine]
    public void Data_gradients_match_the_official_layers(string device)
    {
        Near.Equal(TrainOps.Read("equal_conv1.grad.in0"), Of("equal_conv1.w.weight", TrainOps.Read("equal_conv1.ct0"), 0));
        Near.Equal(TrainOps.Read("equal_conv3.grad.in0"), Of("equal_conv3.w.weight", TrainOps.Read("equal_conv3.ct0"), 1));
        Near.Equal(
            TrainOps.Read("equal_conv4_valid.grad.in0"), Of("equal_conv4_valid.w.weight", TrainOps.Read("equal_conv4_valid.ct0"), 3));
        Tensor gradient = ConvolutionGradients.BeforeActivation(TrainOps.Read("conv_layer.out0"), TrainOps.Read("conv_layer.ct0"));
        Near.Equal(TrainOps.Read("conv_layer.grad.in0"), Of("conv_layer.w.0.weight", gradient, 1));

        Tensor Of(string weight, Tensor gradient, int padding) => Run(device, a => DataGradient(
            a, gradient, TrainOps.Read(weight), WeightUse.MirroredAdjoint,
            new(gradient.Batch, gradient.Height, gradient.Width, 1, padding)));
    }

    [Fact]
    public void A_parameter_of_another_size_is_refused()
    {
        Run(EmulatorName, loader =>
        {
            using DeviceScope scope = new(loader);
            ConvolutionWeights room = Room(scope, 4, 8, 3);
            ArrayView<float> weight = scope.Allocate<float>(4 * 8 * 9 - 1), sums = scope.Allocate<float>(31);
            Assert.Contains("287 weights", Assert.Throws<ArgumentException>(
                () => WeightPacking.Prepare(loader, room, weight, 1f, WeightUse.Forward)).Message);
            Assert.Contains("31 sums", Assert.Throws<ArgumentException>(
                () => WeightPacking.PrepareSquares(loader, scope.Allocate<float>(4 * 8 * 9), sums, 4, 8, 3, 1f)).Message);
            return 0;
        });
    }

    // What is not written must not pass for a zero.
    private static ConvolutionWeights Room(DeviceScope scope, int outputs, int inputs, int kernel, bool transposed = false)
    {
        ConvolutionWeights room = scope.Own(new ConvolutionWeights(scope.Accelerator, outputs, inputs, kernel, transposed));
        float[] nothing = new float[room.View.Length];
        nothing.AsSpan().Fill(float.NaN);
        room.View.CopyFromCPU(scope.Accelerator.Accelerator.DefaultStream, nothing);
        return room;
    }

    private static Tensor DataGradient(KernelLoader loader, Tensor gradient, Tensor weight, WeightUse use, ConvolutionShape shape)
    {
        using DeviceScope scope = new(loader);
        ConvolutionWeights packed = Room(scope, weight.Channels, weight.Batch, weight.Width, shape.Transposed);
        int height = shape.OutputHeight(weight.Width), width = shape.OutputWidth(weight.Width);
        ArrayView<float> result = scope.Allocate<float>(gradient.Batch * height * width * weight.Channels);
        scope.Run(WeightPacking.Prepare(loader, packed, scope.Upload(weight.Values), ConvolutionGradients.Scale(weight), use));
        scope.Run(ConvolutionLauncher.Prepare(loader, packed, shape, new()
        {
            Input = scope.Upload(gradient),
            Output = result,
            Workspace = scope.Allocate<float>(ConvolutionLauncher.WorkspaceLength(packed, shape)),
        }));
        return scope.DownloadNhwc(result, gradient.Batch, weight.Channels, height, width);
    }
}
