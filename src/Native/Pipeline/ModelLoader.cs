using Lia.Network;
using Lia.Weights;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lia.Pipeline;

/// <summary>A network ready to run.</summary>
/// <param name="Executor">Owned by whoever holds this.</param>
/// <param name="DefaultMode">Relative or absolute: what the model was trained for.</param>
/// <param name="Name">The model in error messages.</param>
/// <param name="Fingerprint">What motion clips know the model by.</param>
internal sealed record LoadedModel(IExecutor Executor, MotionMode DefaultMode, string Name, Lazy<string> Fingerprint)
{
    /// <summary>What loading took.</summary>
    public StepClock Clock { get; init; } = new();
}

/// <summary>From options to a network ready to run.</summary>
internal static class ModelLoader
{
    /// <summary>Loads the file the options name.</summary>
    public static LoadedModel Open(AnimationOptions options)
    {
        StepClock clock = new();
        using DeviceSelection device = Begin(options);
        if (string.IsNullOrEmpty(options.Model)) throw new ArgumentException("No model is named: set AnimationOptions.Model to a checkpoint file.");
        using ITensorSource weights = Checkpoint.Open(options.Model);
        // Hashing reads all of the encoder: only where a motion clip asks for it.
        return Load(weights, options.Model, device, clock, options, architecture => new Lazy<string>(() => Reopen(options.Model, architecture)));
    }

    /// <summary>Loads from tensors.</summary>
    public static LoadedModel Load(ITensorSource weights, AnimationOptions options)
    {
        ArgumentNullException.ThrowIfNull(weights);
        StepClock clock = new();
        using DeviceSelection device = Begin(options);
        return Load(weights, null, device, clock, options, architecture => new Lazy<string>(MotionFingerprint.Compute(weights, architecture)));
    }

    private static string Reopen(string path, ModelArchitecture architecture)
    {
        using ITensorSource weights = Checkpoint.Open(path);
        return MotionFingerprint.Compute(weights, architecture);
    }

    private static LoadedModel Load(ITensorSource weights, string? path, DeviceSelection device, StepClock clock, AnimationOptions options, Func<ModelArchitecture, Lazy<string>> fingerprint)
    {
        ModelIdentity identity = ModelManifest.Identify(weights, path);
        clock.Mark("model identified");
        ILogger log = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Lia.Animator");
        IExecutor executor = device.Open(weights, identity.Architecture, log.DeviceComplained, clock);
        try
        {
            MotionMode mode = identity.Relative ? MotionMode.Relative : MotionMode.Absolute;
            return new LoadedModel(executor, mode, path ?? weights.Name, fingerprint(identity.Architecture)) { Clock = clock };
        }
        catch
        {
            executor.Dispose();
            throw;
        }
    }

    private static DeviceSelection Begin(AnimationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new DeviceSelection(options.Device, options.Precision, options.Threads);
    }
}
