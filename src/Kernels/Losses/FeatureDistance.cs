using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What a layer's share of the perceptual loss is passed. Views start at multiples of 16 bytes.</summary>
internal struct FeatureDistanceArguments
{
    /// <summary>The reconstruction's features f(rec), in any order of <see cref="Count"/> elements.</summary>
    public ArrayView<float> Features;

    /// <summary>The target's features, which take no gradient.</summary>
    public ArrayView<float> Targets;

    /// <summary>Receives the gradient of f(rec); empty: not wanted.</summary>
    public ArrayView<float> Gradient;

    /// <summary>Room for the blocks' shares, <see cref="FeatureDistance.PartialsLength"/>.</summary>
    public ArrayView<double> Partials;

    /// <summary>
    /// Receives the loss [1]; empty: the shares are left for one <see cref="LossSum"/> over those of all layers.
    /// </summary>
    public ArrayView<float> Value;

    public int Count;

    /// <summary>Factor of all; 1 for the official loss.</summary>
    public float Scale;

    /// <summary>1: the gradient is added to what is there, which comes from the layers above.</summary>
    public int Accumulates;

    /// <summary>1: the loss is added to what is there.</summary>
    public int AccumulatesValue;

    /// <summary>1: the features come out of a ReLU and the whole gradient is taken through it, so no launch of its own is needed.</summary>
    public int Rectified;
}

/// <summary>Scale * 10 mean |f(rec) - f(target)|: the absolute distance of <see cref="L1"/>, of one plane.</summary>
internal static class FeatureDistance
{
    // How much a layer's mean counts.
    private const float Factor = 10f;

    /// <summary>Doubles of room for the shares.</summary>
    public static int PartialsLength(int count) => L1.PartialsLength(1, 1, count);

    /// <summary>The launches, in their order.</summary>
    public static KernelLaunch[] Prepare(KernelLoader loader, FeatureDistanceArguments arguments) => L1.Prepare(loader, new()
    {
        Values = arguments.Features,
        Targets = arguments.Targets,
        Gradient = arguments.Gradient,
        Partials = arguments.Partials,
        Value = arguments.Value,
        Frames = 1,
        Channels = 1,
        Pixels = arguments.Count,
        Scale = Factor * arguments.Scale,
        Accumulates = arguments.Accumulates,
        AccumulatesValue = arguments.AccumulatesValue,
        Rectified = arguments.Rectified,
    });
}
