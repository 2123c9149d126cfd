using Lia.Network;
using Lia.Weights;

namespace Lia.Pipeline;

/// <summary>A network ready to run.</summary>
/// <param name="Executor">Owned by whoever holds this.</param>
/// <param name="DefaultMode">Relative or absolute: what the model was trained for.</param>
/// <param name="Name">The model in error messages.</param>
internal sealed record LoadedModel(IExecutor Executor, MotionMode DefaultMode, string Name);

/// <summary>From options to a network ready to run.</summary>
internal static class ModelLoader
{
    public static LoadedModel Open(AnimationOptions options)
    {
        options.Validate();
        RefuseMissingDevice(options.Device);
        if (string.IsNullOrEmpty(options.Model))
            throw new ArgumentException("No model is named: set AnimationOptions.Model to a checkpoint file.");
        throw new NotSupportedException("Checkpoint files cannot be opened by this build.");
    }

    public static LoadedModel Load(ITensorSource weights, AnimationOptions options)
    {
        ArgumentNullException.ThrowIfNull(weights);
        options.Validate();
        RefuseMissingDevice(options.Device);
        throw new NotSupportedException("Checkpoint files cannot be opened by this build.");
    }

    private static void RefuseMissingDevice(Device device)
    {
        if (device == Device.Cuda)
            throw new NotSupportedException("The device cuda is not there yet; use cpu (auto does).");
    }
}
