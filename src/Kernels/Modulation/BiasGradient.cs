using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>What the gradient of a bias is passed.</summary>
internal struct BiasGradientArguments
{
    /// <summary>Sums over the pixels of the gradient [frame, channel] (<see cref="ActivationGradientArguments.GradientSums"/>).</summary>
    public ArrayView<float> GradientSums;

    /// <summary>Receives db [channel].</summary>
    public ArrayView<float> Gradient;

    public int Frames, Channels;

    /// <summary>Factor of the sum.</summary>
    public float Factor;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>The gradient of a bias: db[c] (+)= factor * sum over f of g[f, c], in order.</summary>
internal static class BiasGradient
{
    public static KernelLaunch Prepare(KernelLoader loader, BiasGradientArguments arguments) => OrderedSum.Prepare(loader, new()
    {
        Partials = arguments.GradientSums,
        Output = arguments.Gradient,
        Rows = 1,
        Parts = arguments.Frames,
        Columns = arguments.Channels,
        OutputStride = arguments.Channels,
        Factor = arguments.Factor,
        Accumulates = arguments.Accumulates,
    });
}
