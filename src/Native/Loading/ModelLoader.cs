using Lia.Animation.Flow;
using Lia.Network;
using Lia.Weights;

namespace Lia.Loading;

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
    /// <summary>Loads the file or the tensors that the options name.</summary>
    /// <param name="options">The model and the device.</param>
    /// <param name="onWarning">Told what the device complains of.</param>
    /// <param name="cancellationToken">Stops the reading of a checkpoint.</param>
    public static LoadedModel Open(ModelOptions options, Action<string> onWarning, CancellationToken cancellationToken)
    {
        options.Validate();
        StepClock clock = new();
        using DeviceSelection device = new(options.Device, options.Precision, options.Threads);
        if (options.Weights is { } tensors)
            return Load(tensors, null, device, clock, onWarning, architecture =>
                new Lazy<string>(MotionFingerprint.Compute(tensors, architecture)));
        string path = options.Model!;
        using ITensorSource weights = Checkpoint.Open(path, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        // Hashing reads all of the encoder: only where a motion clip asks for it.
        return Load(weights, path, device, clock, onWarning, architecture => new Lazy<string>(() => Reopen(path, architecture)));
    }

    private static string Reopen(string path, ModelArchitecture architecture)
    {
        using ITensorSource weights = Checkpoint.Open(path);
        return MotionFingerprint.Compute(weights, architecture);
    }

    private static LoadedModel Load(
        ITensorSource weights, string? path, DeviceSelection device, StepClock clock, Action<string> onWarning,
        Func<ModelArchitecture, Lazy<string>> fingerprint)
    {
        ModelIdentity identity = ModelManifest.Identify(weights, path);
        clock.Mark("model identified");
        IExecutor executor = device.Open(weights, identity.Architecture, onWarning, clock);
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
}
