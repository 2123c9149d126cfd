using Lia.Weights;
using Microsoft.Extensions.Logging;

namespace Lia;

/// <summary>What a model is loaded from, and what computes it: fixed as long as it is loaded. What describes one clip is
/// <c>AnimationOptions</c>.</summary>
public sealed record ModelOptions
{
    /// <summary>The checkpoint: a safetensors file or a PyTorch file of the official program. This or <see cref="Weights"/> is
    /// needed.</summary>
    public string? Model { get; init; }

    /// <summary>Tensors in the place of a file, for example synthetic weights. Read while the model is loaded only; the caller disposes
    /// them.</summary>
    public ITensorSource? Weights { get; init; }

    /// <summary>What computes.</summary>
    public Device Device { get; init; }

    /// <summary>How it computes.</summary>
    public Precision Precision { get; init; }

    /// <summary>CPU threads; 0 takes every core.</summary>
    public int Threads { get; init; }

    /// <summary>Frames that go through the network together; 0 lets the device choose. It does not change the result beyond
    /// rounding.</summary>
    public int Batch { get; init; }

    /// <summary>Where messages go; none by default.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range, or the model is named twice or not at all.</exception>
    internal void Validate()
    {
        if (string.IsNullOrEmpty(Model) && Weights is null)
            throw new ArgumentException($"No model is named: set {nameof(ModelOptions)}.{nameof(Model)} to a checkpoint file.");
        if (Model is not null && Weights is not null)
            throw new ArgumentException($"{nameof(Model)} and {nameof(Weights)} are two models; choose one.");
        if (Batch is < 0 or > 256)
            throw new ArgumentException($"The batch is {Batch}; it must be from 1 to 256, or 0 for the device's choice.");
        if (Threads is < 0 or > 1024)
            throw new ArgumentException($"The number of threads is {Threads}; it must be from 1 to 1024, or 0 for every core.");
        if (!Enum.IsDefined(Precision)) throw new ArgumentException("The precision is not one of its names.");
    }
}
