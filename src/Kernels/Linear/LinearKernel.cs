using Lia.Gpu.Runtime;

namespace Lia.Kernels.Linear;

/// <summary>What a linear layer is passed.</summary>
internal struct LinearArguments
{
    /// <summary>x [frame, input], rows <see cref="InputStride"/> apart.</summary>
    public ArrayView<float> Input;

    /// <summary>w [output, input], the layer's scale multiplied in.</summary>
    public ArrayView<float> Weights;

    /// <summary>b [output], the layer's scale multiplied in; empty for none.</summary>
    public ArrayView<float> Bias;

    /// <summary>y [frame, output].</summary>
    public ArrayView<float> Output;

    public int Frames, Inputs, Outputs, InputStride;

    /// <summary>1: FusedLeakyReLU without a bias of its own.</summary>
    public int Activate;
}

/// <summary>What a linear layer is passed whose parameters lie as they are learned.</summary>
internal struct ScaledLinearArguments
{
    /// <summary>The layer, with weights and bias that nothing is multiplied into.</summary>
    public LinearArguments Layer;

    /// <summary>Added last [frame, output]: the appearance code to its displacement; empty for none.</summary>
    public ArrayView<float> Addend;

    /// <summary>Factor of the weights, lr_mul / sqrt(inputs), and of the bias, lr_mul.</summary>
    public float Scale, BiasScale;
}

/// <summary>
/// EqualLinear: y[f, o] = act(sum over i of w[o, i] x[f, i] + b[o]). All modulations of the network are one such layer with their matrices
/// stacked, and so are the folded motion head and the latent displacement (w = Q).
/// <code>
///     a warp: one row of w, four frames       lane l takes quads of inputs l, l + 32, l + 64 ... of all four;
///     block: 8 rows; grid: rows / 8 x frames / 4     the 32 partial sums meet in a butterfly (fixed order)
/// </code>
/// Bound by the bytes of w, read once per four frames (12 MB for the stacked modulations at 256).
/// </summary>
internal static class LinearKernel
{
    private const int Warps = 8;
    private const int FramesPerWarp = 4;

    public static KernelLaunch Prepare(KernelLoader loader, LinearArguments arguments) => Prepare(loader, Run, arguments, arguments);

    /// <summary>Of parameters as they are learned: y = act(Scale w x + BiasScale b) + addend.</summary>
    public static KernelLaunch PrepareScaled(KernelLoader loader, ScaledLinearArguments arguments) =>
        Prepare(loader, RunScaled, arguments, arguments.Layer);

    public static void Run(LinearArguments a) => Multiply(a, 1f, 1f, default);

    public static void RunScaled(ScaledLinearArguments a) => Multiply(a.Layer, a.Scale, a.BiasScale, a.Addend);

    private static KernelLaunch Prepare<TArguments>(
        KernelLoader loader, Action<TArguments> kernel, TArguments arguments, LinearArguments layer) where TArguments : struct
    {
        Index3D grid = new((layer.Outputs + Warps - 1) / Warps, (layer.Frames + FramesPerWarp - 1) / FramesPerWarp, 1);
        double weights = (double)layer.Outputs * layer.Inputs;
        return KernelLaunch.CreateOverlapping(
            loader, kernel, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments,
            2 * weights * layer.Frames, sizeof(float) * (weights + (double)layer.Frames * (layer.Inputs + layer.Outputs)));
    }

    private static void Multiply(LinearArguments a, float scale, float biasScale, ArrayView<float> addend)
    {
        Overlap.Begin();
        int lane = Group.IdxX & 31, output = Grid.IdxX * Warps + (Group.IdxX >> 5), firstFrame = Grid.IdxY * FramesPerWarp;
        if (output >= a.Outputs) return; // Whole warps leave together.
        ArrayView<float> sums = LocalMemory.Allocate<float>(FramesPerWarp);
        for (int f = 0; f < FramesPerWarp; f++) sums[f] = 0f;
        // Sixteen bytes a load, as far as they go; the rest one by one.
        int quads = ((a.Inputs | a.InputStride) & 3) == 0 ? a.Inputs >> 2 : 0;
        for (int i = lane; i < quads; i += 32)
        {
            Float4 weight = a.Weights.Cast<Float4>()[output * quads + i];
            for (int f = 0; f < FramesPerWarp; f++)
            {
                int frame = IntrinsicMath.Min(firstFrame + f, a.Frames - 1);
                sums[f] = Quad.Dot(weight, a.Input.Cast<Float4>()[frame * (a.InputStride >> 2) + i], sums[f]);
            }
        }
        for (int i = 4 * quads + lane; i < a.Inputs; i += 32)
        {
            float weight = a.Weights[output * a.Inputs + i];
            for (int f = 0; f < FramesPerWarp; f++)
            {
                // A frame past the last one repeats it; its sum is not stored.
                int frame = IntrinsicMath.Min(firstFrame + f, a.Frames - 1);
                sums[f] = Intrinsics.Fma(weight, a.Input[frame * a.InputStride + i], sums[f]);
            }
        }
        for (int f = 0; f < FramesPerWarp; f++)
        {
            float sum = WarpSum.Of(sums[f], 32) * scale;
            if (a.Bias.Length != 0) sum += a.Bias[output] * biasScale;
            if (a.Activate != 0) sum = Activation.LeakyRelu(sum);
            if (addend.Length != 0) sum += addend[IntrinsicMath.Min(firstFrame + f, a.Frames - 1) * a.Outputs + output];
            if (lane == 0 && firstFrame + f < a.Frames) a.Output[(firstFrame + f) * a.Outputs + output] = sum;
        }
    }
}
