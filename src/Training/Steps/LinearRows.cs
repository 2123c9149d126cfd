using ILGPU;
using ILGPU.Runtime;
using Lia.Kernels.Linear;

namespace Lia.Training.Steps;

/// <summary>Arguments of linear layers whose rows lie without gaps.</summary>
internal static class LinearRows
{
    /// <summary>The way forward.</summary>
    public static LinearArguments Dense(ArrayView<float> matrix, ArrayView<float> bias, ArrayView<float> input, int inputs,
        ArrayView<float> output, int outputs, int frames) => new()
        {
            Input = input,
            Weights = matrix,
            Bias = bias,
            Output = output,
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            InputStride = inputs,
        };

    /// <summary>The way back.</summary>
    public static LinearGradientArguments Dense(LinearGradientArguments layer) => layer with
    {
        InputStride = layer.Inputs,
        OutputGradientStride = layer.Outputs,
        InputGradientStride = layer.Inputs,
    };
}
