using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Linear;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Linear layers as they are trained: with parameters that nothing is multiplied into, and their gradients.</summary>
public class LinearGradientTests
{
    private sealed record Gradients(float[] Input, float[] Weights, float[] Bias);

    private static float[] Apply(
        KernelLoader loader, float[] x, int frames, float[] weight, float[] bias, float scale, float biasScale, int activate = 0,
        float[]? addend = null)
    {
        using DeviceScope scope = new(loader);
        int inputs = x.Length / frames, outputs = weight.Length / inputs;
        ScaledLinearArguments arguments = new()
        {
            Layer = new()
            {
                Input = scope.Upload(x),
                Weights = scope.Upload(weight),
                Bias = bias.Length == 0 ? default : scope.Upload(bias),
                Output = scope.Allocate<float>(frames * outputs),
                Frames = frames,
                Inputs = inputs,
                Outputs = outputs,
                InputStride = inputs,
                Activate = activate,
            },
            Addend = addend == null ? default : scope.Upload(addend),
            Scale = scale,
            BiasScale = biasScale,
        };
        scope.Run(LinearKernel.PrepareScaled(loader, arguments));
        return scope.Download(arguments.Layer.Output);
    }

    /// <summary>The gradients, added to <paramref name="before"/> where there is something.</summary>
    private static Gradients Differentiate(
        KernelLoader loader, float[] x, float[] gradient, int frames, float[] weight, float scale, float biasScale,
        Gradients? before = null, int padding = 0)
    {
        using DeviceScope scope = new(loader);
        int inputs = x.Length / frames, outputs = gradient.Length / frames;
        long room = LinearGradient.WorkspaceLength(frames, inputs, outputs);
        LinearGradientArguments arguments = new()
        {
            Input = scope.Upload(Pad(x, frames, padding)),
            OutputGradient = scope.Upload(Pad(gradient, frames, padding)),
            Weights = scope.Upload(weight),
            InputGradient = scope.Upload(Pad(before?.Input ?? Unset(x.Length), frames, padding)),
            WeightGradient = scope.Upload(before?.Weights ?? Unset(weight.Length)),
            BiasGradient = scope.Upload(before?.Bias ?? Unset(outputs)),
            Workspace = room == 0 ? default : scope.Upload(Unset((int)room)),
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            InputStride = inputs + padding,
            OutputGradientStride = outputs + padding,
            InputGradientStride = inputs + padding,
            Scale = scale,
            BiasScale = biasScale,
            AccumulatesInput = before == null ? 0 : 1,
            AccumulatesParameters = before == null ? 0 : 1,
        };
        scope.Run(LinearGradient.Prepare(loader, arguments));
        float[] padded = scope.Download(arguments.InputGradient);
        Assert.All(Enumerable.Range(0, padded.Length).Where(i => i % (inputs + padding) >= inputs),
            i => Assert.Equal(float.NaN, padded[i]));
        return new([.. padded.Where((_, i) => i % (inputs + padding) < inputs)],
            scope.Download(arguments.WeightGradient), scope.Download(arguments.BiasGradient));
    }

    private static float[] Unset(int length) => [.. Enumerable.Repeat(float.NaN, length)];

    // Rows with something between them that must not be touched.
    private static float[] Pad(float[] values, int rows, int padding) =>
        [.. values.Chunk(values.Length / rows).SelectMany(row => (float[])[.. row, .. Unset(padding)])];

    private static Gradients Expected(float[] x, float[] gradient, int frames, float[] weight, double scale, double biasScale)
    {
        int inputs = x.Length / frames, outputs = gradient.Length / frames;
        return new(
            [.. Enumerable.Range(0, frames * inputs).Select(at => (float)(scale * Enumerable.Range(0, outputs)
                .Sum(o => (double)gradient[at / inputs * outputs + o] * weight[o * inputs + at % inputs])))],
            [.. Enumerable.Range(0, outputs * inputs).Select(at => (float)(scale * Enumerable.Range(0, frames)
                .Sum(f => (double)gradient[f * outputs + at / inputs] * x[f * inputs + at % inputs])))],
            [.. Enumerable.Range(0, outputs).Select(o => (float)(biasScale * Enumerable.Range(0, frames)
                .Sum(f => (double)gradient[f * outputs + o])))]);
    }

    [Theory]
    [EveryEngine("equal_linear", 1f, 0)]
    [EveryEngine("equal_linear_activated", 1f, 1)]
    public void Linear_layers_and_their_gradients_match_the_official_ones(string device, string name, float multiplier, int activate)
    {
        Tensor x = TrainOps.Read($"{name}.in0"), cotangent = TrainOps.Read($"{name}.ct0");
        float[] weight = TrainOps.Read($"{name}.w.weight").Values, bias = TrainOps.Read($"{name}.w.bias").Values;
        float[] y = Run(device, a => Apply(a, x.Values, x.Batch, weight, bias, multiplier / 4, multiplier, activate)); // sqrt(16 inputs)
        Near.Equal(TrainOps.Read($"{name}.out0").Values, y);
        float[] gradient = [.. cotangent.Values.Zip(y, (ct, at) =>
            activate == 0 ? ct : (float)(ct * Math.Sqrt(2) * (at < 0 ? 0.2 : 1)))];
        Gradients actual = Run(device, a => Differentiate(a, x.Values, gradient, x.Batch, weight, multiplier / 4, multiplier));
        Near.Equal(TrainOps.Read($"{name}.grad.in0").Values, actual.Input);
        Near.Equal(TrainOps.Read($"{name}.grad.w.weight").Values, actual.Weights);
        Near.Equal(TrainOps.Read($"{name}.grad.w.bias").Values, actual.Bias);
    }

    [Theory, EveryEngine]
    public void A_multiplier_of_the_rate_scales_weights_and_bias(string device)
    {
        Tensor x = Ops.Read("equal_linear_lrmul.in0");
        float[] y = Run(device, a => Apply(a, x.Values, x.Batch, Ops.Read("equal_linear_lrmul.w.weight").Values,
            Ops.Read("equal_linear_lrmul.w.bias").Values, 0.5f / 4, 0.5f, activate: 1));
        Near.Equal(Ops.Read("equal_linear_lrmul.out0").Values, y);
    }

    [Theory]
    [EveryEngine(1, 1, 1, 0)]
    [EveryEngine(3, 20, 130, 3)]
    [EveryEngine(5, 67, 66, 1)]
    [EveryEngine(66, 9, 18, 0)]
    public void Gradients_of_any_shape_match_the_definition(string device, int frames, int inputs, int outputs, int padding)
    {
        float[] x = RandomFloats(frames * inputs, 1), gradient = RandomFloats(frames * outputs, 2),
            weight = RandomFloats(outputs * inputs, 3);
        Gradients expected = Expected(x, gradient, frames, weight, 0.3f, 0.7f);
        Gradients actual = Run(device, a => Differentiate(a, x, gradient, frames, weight, 0.3f, 0.7f, padding: padding));
        Near.Equal(expected.Input, actual.Input, 1e-6);
        Near.Equal(expected.Weights, actual.Weights, 1e-6);
        Near.Equal(expected.Bias, actual.Bias, 1e-6);
    }

    [Theory, EveryEngine]
    public void Gradients_are_added_to_what_is_there(string device)
    {
        const int Frames = 3, Inputs = 20, Outputs = 130;
        float[] x = RandomFloats(Frames * Inputs, 1), gradient = RandomFloats(Frames * Outputs, 2),
            weight = RandomFloats(Outputs * Inputs, 3);
        Gradients before = new(RandomFloats(Frames * Inputs, 4), RandomFloats(Outputs * Inputs, 5), RandomFloats(Outputs, 6));
        Gradients expected = Expected(x, gradient, Frames, weight, 0.3f, 0.7f);
        Gradients actual = Run(device, a => Differentiate(a, x, gradient, Frames, weight, 0.3f, 0.7f, before));
        Near.Equal(Sum(before.Input, expected.Input), actual.Input, 1e-6);
        Near.Equal(Sum(before.Weights, expected.Weights), actual.Weights, 1e-6);
        Near.Equal(Sum(before.Bias, expected.Bias), actual.Bias, 1e-6);

        static float[] Sum(float[] a, float[] b) => [.. a.Zip(b, (left, right) => left + right)];
    }

    [Fact]
    public void A_long_K_is_cut_by_shape_alone_and_needs_its_room()
    {
        Assert.Equal(0, LinearGradient.WorkspaceLength(16, 8192, 63));
        Assert.Equal(64L * 16 * 512, LinearGradient.WorkspaceLength(16, 512, 8192));
        Assert.Equal(4L * 32 * 8192, LinearGradient.WorkspaceLength(32, 8192, 512));
        string message = Run(EmulatorName, a => Assert.Throws<ArgumentException>(() =>
        {
            using DeviceScope scope = new(a);
            LinearGradient.Prepare(a, new()
            {
                OutputGradient = scope.Allocate<float>(256),
                Weights = scope.Allocate<float>(256),
                InputGradient = scope.Allocate<float>(1),
                Workspace = scope.Allocate<float>(3),
                Frames = 1,
                Inputs = 1,
                Outputs = 256,
                Scale = 1,
            });
        }).Message);
        Assert.Contains("workspace of 4 floats, not 3", message);
    }

    [Theory, EveryEngine]
    public void A_displacement_is_added_to_its_code(string device)
    {
        float[] alpha = RandomFloats(3 * 5, 1), q = RandomFloats(7 * 5, 2), code = RandomFloats(3 * 7, 3);
        float[] expected = [.. Enumerable.Range(0, 21).Select(at => (float)(code[at]
            + Enumerable.Range(0, 5).Sum(i => (double)q[at % 7 * 5 + i] * alpha[at / 7 * 5 + i])))];
        Near.Equal(expected, Run(device, a => Apply(a, alpha, 3, q, [], 1, 1, addend: code)), 1e-6);
    }
}
