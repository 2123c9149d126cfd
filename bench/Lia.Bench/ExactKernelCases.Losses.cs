using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Linear;
using Lia.Kernels.Losses;

namespace Lia.Bench;

/// <content>Training: linear layers and losses, of a batch at 256.</content>
internal sealed partial class ExactKernelCases
{
    private void LinearGradients(int inputs, int outputs, int frames)
    {
        ScaledLinearArguments forward = new()
        {
            Layer = new()
            {
                Input = Upload(frames * inputs),
                Weights = Upload(outputs * inputs),
                Bias = Upload(outputs),
                Output = Allocate<float>(frames * outputs),
                Frames = frames,
                Inputs = inputs,
                Outputs = outputs,
                InputStride = inputs,
            },
            Scale = 0.1f,
            BiasScale = 1f,
        };
        Add($"{nameof(LinearKernel)}_{nameof(LinearKernel.RunScaled)}", loader => LinearKernel.PrepareScaled(loader, forward),
            forward.Layer.Output);

        // dW, db, dx and the sum of its parts.
        LinearGradientArguments backward = new()
        {
            Input = forward.Layer.Input,
            OutputGradient = Upload(frames * outputs),
            Weights = forward.Layer.Weights,
            InputGradient = Allocate<float>(frames * inputs),
            WeightGradient = Allocate<float>(outputs * inputs),
            BiasGradient = Allocate<float>(outputs),
            Workspace = Upload((int)LinearGradient.WorkspaceLength(frames, inputs, outputs)),
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            InputStride = inputs,
            OutputGradientStride = outputs,
            InputGradientStride = inputs,
            Scale = 0.1f,
            BiasScale = 1f,
        };
        Add($"{nameof(LinearGradient)}_{nameof(LinearGradient.RunProduct)}", loader => LinearGradient.Prepare(loader, backward)[0],
            backward.WeightGradient);
        Add($"{nameof(LinearGradient)}_{nameof(LinearGradient.RunBias)}", loader => LinearGradient.Prepare(loader, backward)[1],
            backward.BiasGradient);
        LinearGradientArguments parts = backward with { Workspace = Upload((int)backward.Workspace.Length) };
        Add($"{nameof(LinearGradient)}_{nameof(LinearGradient.RunReduction)}", loader => LinearGradient.Prepare(loader, parts)[3],
            parts.InputGradient);
    }

    private void Losses(int images)
    {
        foreach (int odd in new[] { 0, 1 })
        {
            int pixels = Of(256 * 256, 20) - odd, values = 3 * images * pixels;
            L1Arguments distance = new()
            {
                Values = Upload(values),
                Targets = Upload(values),
                Gradient = Allocate<float>(values),
                Partials = Allocate<double>(L1.PartialsLength(images, 3, pixels)),
                Frames = images,
                Channels = 3,
                Pixels = pixels,
                Scale = 1f,
            };
            Add($"{nameof(L1)}_{nameof(L1.Run)}_{Access(pixels)}", loader => L1.Prepare(loader, distance).Single(), distance.Gradient);
        }
        LossSumArguments sum = new()
        {
            Partials = Own(_memory.Allocate1D([.. Floats(2048).Select(value => (double)value)])).View,
            Value = Allocate<float>(1),
        };
        Add($"{nameof(LossSum)}_{nameof(LossSum.Run)}", loader => LossSum.Prepare(loader, sum), sum.Value);

        SoftplusMeanArguments softplus = new()
        {
            Input = Upload(2 * images),
            Gradient = Allocate<float>(2 * images),
            Value = Allocate<float>(1),
            Passes = 2,
            Images = images,
            Negated = 1,
            Scale = 1f,
        };
        Add($"{nameof(SoftplusMean)}_{nameof(SoftplusMean.Run)}", loader => SoftplusMean.Prepare(loader, softplus), softplus.Gradient);

        (int channels, int side) = Of((512, 4), (8, 2));
        MinibatchDeviationArguments deviation = new()
        {
            Input = Upload(2 * images * side * side * channels),
            Output = Allocate<float>(2 * images * side * side * (channels + 1)),
            OutputGradient = Upload(2 * images * side * side * (channels + 1)),
            Gradient = Allocate<float>(2 * images * side * side * channels),
            Passes = 2,
            Images = images,
            Pixels = side * side,
            Channels = channels,
        };
        Add($"{nameof(MinibatchDeviation)}_{nameof(MinibatchDeviation.Run)}", loader => MinibatchDeviation.Prepare(loader, deviation),
            deviation.Output);
        Add($"{nameof(MinibatchDeviation)}_{nameof(MinibatchDeviation.RunGradient)}",
            loader => MinibatchDeviation.PrepareGradient(loader, deviation), deviation.Gradient);
    }
}
