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
    /// <param name="shares">Networks on the same devices, for as many threads; 0 for one a device.</param>
    /// <param name="onWarning">Told what the device complains of.</param>
    /// <param name="cancellationToken">Stops the reading of a checkpoint.</param>
    public static IReadOnlyList<LoadedModel> Open(
        ModelOptions options, int shares, Action<string> onWarning, CancellationToken cancellationToken)
    {
        options.Validate();
        StepClock clock = new();
        using DeviceSelection device = new(options.Device, options.Precision, options.Threads);
        if (options.Weights is { } tensors)
        {
            try
            {
                return Load(tensors, null, device, shares, options.Batch, clock, onWarning, architecture =>
                    new Lazy<string>(MotionFingerprint.Compute(tensors, architecture)));
            }
            finally
            {
                device.WeightsRead.Wait(CancellationToken.None); // they are the caller's again
            }
        }
        string path = options.Model!;
        ITensorSource weights = Checkpoint.Open(path, options.Generator, cancellationToken);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Hashing reads all of the encoder: only where a motion clip asks for it.
            return Load(weights, path, device, shares, options.Batch, clock, onWarning,
                architecture => new Lazy<string>(() => Reopen(path, options.Generator, architecture)));
        }
        finally
        {
            if (device.WeightsRead.IsCompleted) weights.Dispose();
            else device.WeightsRead.ContinueWith(_ => weights.Dispose(), TaskScheduler.Default);
        }
    }

    private static string Reopen(string path, string? generator, ModelArchitecture architecture)
    {
        using ITensorSource weights = Checkpoint.Open(path, generator);
        return MotionFingerprint.Compute(weights, architecture);
    }

    private static IReadOnlyList<LoadedModel> Load(
        ITensorSource weights, string? path, DeviceSelection device, int shares, int batch, StepClock clock, Action<string> onWarning,
        Func<ModelArchitecture, Lazy<string>> fingerprint)
    {
        ModelIdentity identity = ModelManifest.Identify(weights, path);
        clock.Mark("model identified");
        IReadOnlyList<IExecutor> executors = device.Open(weights, identity.Architecture, shares, batch, onWarning, clock);
        try
        {
            MotionMode mode = identity.Relative ? MotionMode.Relative : MotionMode.Absolute;
            Lazy<string> known = fingerprint(identity.Architecture);
            return [.. executors.Select((executor, place) => new LoadedModel(executor, mode, path ?? weights.Name, known)
            {
                Clock = place == 0 ? clock : new(),
            })];
        }
        catch
        {
            foreach (IExecutor executor in executors) executor.Dispose();
            throw;
        }
    }
}
