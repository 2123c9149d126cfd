using Lia.Network;
using Lia.Weights;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lia.Pipeline;

/// <summary>A network ready to run.</summary>
/// <param name="Executor">Owned by whoever holds this.</param>
/// <param name="DefaultMode">Relative or absolute: what the model was trained for.</param>
/// <param name="Name">The model in error messages.</param>
internal sealed record LoadedModel(IExecutor Executor, MotionMode DefaultMode, string Name);

/// <summary>From options to a network ready to run.</summary>
internal static class ModelLoader
{
    /// <summary>Loads the file the options name.</summary>
    public static LoadedModel Open(AnimationOptions options)
    {
        Check(options);
        if (string.IsNullOrEmpty(options.Model)) throw new ArgumentException("No model is named: set AnimationOptions.Model to a checkpoint file.");
        using ITensorSource weights = Checkpoint.Open(options.Model);
        return Load(weights, options.Model, options);
    }

    /// <summary>Loads from tensors.</summary>
    public static LoadedModel Load(ITensorSource weights, AnimationOptions options)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Check(options);
        return Load(weights, null, options);
    }

    private static LoadedModel Load(ITensorSource weights, string? path, AnimationOptions options)
    {
        ModelIdentity identity = ModelManifest.Identify(weights, path);
        ILogger log = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Lia.Animator");
        IExecutor executor = DeviceSelection.Open(weights, identity.Architecture, options.Device, options.Precision, options.Threads, log.DeviceFellBack);
        return new LoadedModel(executor, identity.Relative ? MotionMode.Relative : MotionMode.Absolute, path ?? weights.Name);
    }

    private static void Check(AnimationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        DeviceSelection.Demand(options.Device);
    }
}
