using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using Lia.Kernels.MotionBasis;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Linear layers, demodulation and the motion basis.</summary>
public class LinearTests
{
    private static float[] Apply(KernelLoader loader, float[] x, int frames, float[] weight, float[]? bias, int outputs, int activate = 0)
    {
        using DeviceScope scope = new(loader);
        int inputs = x.Length / frames;
        ArrayView<float> output = scope.Allocate<float>(frames * outputs);
        scope.Run(LinearKernel.Prepare(loader, new()
        {
            Input = scope.Upload(x),
            Weights = scope.Upload(weight),
            Bias = bias == null ? default : scope.Upload(bias),
            Output = output,
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            InputStride = inputs,
            Activate = activate,
        }));
        return scope.Download(output);
    }

    [Theory]
    [EveryEngine("equal_linear", 1f, 0)]
    [EveryEngine("equal_linear_lrmul", 0.5f, 1)]
    public void Linear_layers_match_the_official_ones(string device, string name, float multiplier, int activate)
    {
        Tensor x = Ops.Read($"{name}.in0"), expected = Ops.Read($"{name}.out0");
        float[] weight = [.. Ops.Read($"{name}.w.weight").Values.Select(value => value * multiplier / 4)]; // sqrt(16 inputs)
        float[] bias = [.. Ops.Read($"{name}.w.bias").Values.Select(value => value * multiplier)];
        Near.Equal(expected.Values, Run(device, a => Apply(a, x.Values, x.Batch, weight, bias, expected.Shape[1], activate)));
    }

    [Theory]
    [EveryEngine(1, 1, 1)]
    [EveryEngine(5, 33, 3)]
    [EveryEngine(4, 100, 17)]
    [EveryEngine(9, 7, 20)]
    public void Any_number_of_frames_and_features_matches_the_definition(string device, int frames, int inputs, int outputs)
    {
        float[] x = RandomFloats(frames * inputs, 1), weight = RandomFloats(outputs * inputs, 2),
            expected = new float[frames * outputs];
        for (int i = 0; i < expected.Length; i++)
        {
            double sum = 0;
            for (int k = 0; k < inputs; k++) sum += (double)x[i / outputs * inputs + k] * weight[i % outputs * inputs + k];
            expected[i] = (float)sum;
        }
        Near.Equal(expected, Run(device, a => Apply(a, x, frames, weight, null, outputs)), 1e-6);
    }

    [Theory, EveryEngine]
    public void Demodulation_normalizes_every_output_channel(string device)
    {
        // Two layers with 5 and 40 inputs, their styles side by side.
        const int Frames = 6, Stride = 48;
        float[] styles = RandomFloats(Frames * Stride, 3);
        (int Style, int Inputs, int Outputs, int Kernel)[] layers = [(0, 5, 3, 3), (8, 40, 6, 1)];
        List<DemodulationRow> rows = [];
        List<float> squared = [];
        float[] expected = new float[Frames * 9];
        for (int layer = 0, first = 0; layer < layers.Length; first += layers[layer++].Outputs)
        {
            (int style, int inputs, int outputs, int kernel) = layers[layer];
            float[] weight = RandomFloats(outputs * inputs * kernel * kernel, 4 + layer);
            for (int o = 0; o < outputs; o++)
            {
                rows.Add(new() { Style = style, Inputs = inputs, Weights = squared.Count + o * inputs, Output = first + o });
                for (int f = 0; f < Frames; f++)
                {
                    double sum = 1e-8;
                    for (int i = 0; i < inputs * kernel * kernel; i++)
                        sum += Math.Pow((double)weight[o * inputs * kernel * kernel + i]
                            * styles[f * Stride + style + i / (kernel * kernel)], 2) / (inputs * kernel * kernel);
                    expected[f * 9 + first + o] = (float)(1 / Math.Sqrt(sum));
                }
            }
            float[] sums = new float[outputs * inputs];
            ConvolutionWeights.SquareSums(weight, inputs, kernel, sums);
            squared.AddRange(sums);
        }
        float[] actual = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            DemodulationArguments arguments = new()
            {
                Styles = scope.Upload(styles),
                SquaredWeights = scope.Upload(squared.ToArray()),
                Rows = scope.Upload(rows.ToArray()),
                Output = scope.Allocate<float>(expected.Length),
                Frames = Frames,
                RowCount = rows.Count,
                StyleStride = Stride,
                OutputStride = 9,
            };
            scope.Run(Demodulation.Prepare(a, arguments));
            return scope.Download(arguments.Output);
        });
        Near.Equal(expected, actual, 1e-6);
    }

    private static float[] Factor(KernelLoader loader, float[] matrix, int rows, int columns, float offset)
    {
        using DeviceScope scope = new(loader);
        ArrayView<double> workspace = scope.Allocate<double>(HouseholderQr.WorkspaceLength(rows, columns));
        ArrayView<float> output = scope.Allocate<float>(rows * columns);
        scope.Run(HouseholderQr.Prepare(loader, new()
        {
            Input = scope.Upload(matrix),
            Reflectors = workspace.SubView(0, rows * columns),
            Basis = workspace.SubView(rows * columns, rows * columns),
            Factors = workspace.SubView(2 * rows * columns, columns),
            Output = output,
            Rows = rows,
            Columns = columns,
            Offset = offset,
        }));
        return scope.Download(output);
    }

    // A minute on ILGPU's processor accelerator, whose 512 threads are the operating system's; the test below runs the kernel there with
    // two columns.
    [Theory, EveryEngine(OnProcessor = false)]
    public void The_motion_basis_has_LAPACKs_signs_and_moves_codes_as_the_official_one(string device)
    {
        float[] q = Run(device, a => Factor(a, Ops.Read("direction.w.weight").Values, 512, 20, 1e-8f));
        Near.Equal(Ops.Read("direction.Q").Values, q, 1e-6);
        Tensor codes = Ops.Read("direction.in0");
        Near.Equal(Ops.Read("direction.out0").Values, Run(device, a => Apply(a, codes.Values, codes.Batch, q, null, 512)));
    }

    [Theory, EveryEngine]
    public void Columns_that_are_clear_already_keep_their_sign(string device)
    {
        // Column 0 is e_0 times -2: nothing to reflect, so Q's first column is +e_0. Column 1 starts with zero, whose sign counts as plus.
        float[] matrix = [-2, 1, 0, 0, 0, 3, 0, 4];
        float[] q = Run(device, a => Factor(a, matrix, 4, 2, 0));
        Near.Equal([1, 0, 0, 0, 0, -0.6f, 0, -0.8f], q, 1e-6);
    }
}
