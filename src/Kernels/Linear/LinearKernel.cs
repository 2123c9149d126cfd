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
///     a warp: one row of w, four frames (one, if there is but one)     lane l takes quads of inputs l, l + 32, l + 64 ...
///     block: 8 rows; grid: rows / 8 x frames / 4                       the 32 partial sums meet in a butterfly (fixed order)
///
///     time --->     w: quads l .. l + 96 of the row     | launch ahead has ended |  x: quads l .. l + 96, products, butterfly
///                   all on their way at once            |                        |
/// </code>
/// Weights that no launch writes are on their way before the launch ahead has ended, 512 inputs of a row at once: nearly the whole matrix
/// is then in flight. Bound by the bytes of w, read once per four frames (12 MB for the stacked modulations at 256).
/// </summary>
internal static class LinearKernel
{
    private const int Warps = 8;

    // Quads of a row that a lane has on their way together.
    private const int Batch = 4;

    /// <summary>Of weights that no launch writes.</summary>
    public static KernelLaunch Prepare(KernelLoader loader, LinearArguments arguments) => arguments.Frames == 1
        ? Prepare(loader, RunOne, arguments, arguments, 1) : Prepare(loader, Run, arguments, arguments, FourFrames.Count);

    /// <summary>Of parameters as they are learned: y = act(Scale w x + BiasScale b) + addend.</summary>
    public static KernelLaunch PrepareScaled(KernelLoader loader, ScaledLinearArguments arguments) =>
        Prepare(loader, RunScaled, arguments, arguments.Layer, FourFrames.Count);

    public static void Run(LinearArguments a) => Multiply<FourFrames>(a, 1f, 1f, default, areWeightsFixed: true);

    /// <summary>Of one frame: all rows of the stacked modulations are on the device at once.</summary>
    [LaunchBounds(32 * Warps, 6)]
    public static void RunOne(LinearArguments a) => Multiply<OneFrame>(a, 1f, 1f, default, areWeightsFixed: true);

    public static void RunScaled(ScaledLinearArguments a) =>
        Multiply<FourFrames>(a.Layer, a.Scale, a.BiasScale, a.Addend, areWeightsFixed: false);

    private static KernelLaunch Prepare<TArguments>(
        KernelLoader loader, Action<TArguments> kernel, TArguments arguments, LinearArguments layer, int framesPerWarp)
        where TArguments : struct
    {
        Index3D grid = new((layer.Outputs + Warps - 1) / Warps, (layer.Frames + framesPerWarp - 1) / framesPerWarp, 1);
        double weights = (double)layer.Outputs * layer.Inputs;
        return KernelLaunch.CreateOverlapping(
            loader, kernel, new KernelConfig(grid, new Index3D(32 * Warps, 1, 1)), arguments,
            2 * weights * layer.Frames, sizeof(float) * (weights + (double)layer.Frames * (layer.Inputs + layer.Outputs)));
    }

    private static void Multiply<TFrames>(LinearArguments a, float scale, float biasScale, ArrayView<float> addend, bool areWeightsFixed)
        where TFrames : struct, IFrameGroup
    {
        Overlap.Allow();
        if (!areWeightsFixed) Overlap.Wait();
        int frames = default(TFrames).Frames;
        int lane = Group.IdxX & 31, output = Grid.IdxX * Warps + (Group.IdxX >> 5), firstFrame = Grid.IdxY * frames;
        if (output >= a.Outputs) return; // Whole warps leave together.

        ArrayView<float> sums = LocalMemory.Allocate<float>(frames);
        for (int f = 0; f < frames; f++) sums[f] = 0f;
        // Sixteen bytes a load, as far as they go; the rest one by one.
        int quads = ((a.Inputs | a.InputStride) & 3) == 0 ? a.Inputs >> 2 : 0;
        ArrayView<Float4> weights = LocalMemory.Allocate<Float4>(Batch);
        if (quads > 0)
        {
            Load(a, output, quads, lane, weights);
            if (areWeightsFixed) Overlap.Wait();
            Add<TFrames>(a, firstFrame, quads, lane, weights, sums);
            for (int first = lane + 32 * Batch; first < quads; first += 32 * Batch)
            {
                Load(a, output, quads, first, weights);
                Add<TFrames>(a, firstFrame, quads, first, weights, sums);
            }
        }
        else if (areWeightsFixed)
        {
            Overlap.Wait();
        }
        for (int i = 4 * quads + lane; i < a.Inputs; i += 32)
        {
            float weight = a.Weights[output * a.Inputs + i];
            for (int f = 0; f < frames; f++)
            {
                // A frame past the last one repeats it; its sum is not stored.
                int frame = IntrinsicMath.Min(firstFrame + f, a.Frames - 1);
                sums[f] = Intrinsics.Fma(weight, a.Input[frame * a.InputStride + i], sums[f]);
            }
        }
        for (int f = 0; f < frames; f++)
        {
            float sum = WarpSum.Of(sums[f], 32) * scale;
            if (a.Bias.Length != 0) sum += a.Bias[output] * biasScale;
            if (a.Activate != 0) sum = Activation.LeakyRelu(sum);
            if (addend.Length != 0) sum += addend[IntrinsicMath.Min(firstFrame + f, a.Frames - 1) * a.Outputs + output];
            if (lane == 0 && firstFrame + f < a.Frames) a.Output[(firstFrame + f) * a.Outputs + output] = sum;
        }
    }

    // A lane's quads of a row from some quad on; one past the row's end repeats its last and does not count. A load under a condition
    // would wait for it, and so would those behind a product under a condition.
    private static void Load(LinearArguments a, int output, int quads, int first, ArrayView<Float4> weights)
    {
        for (int k = 0; k < Batch; k++)
            weights[k] = a.Weights.Cast<Float4>()[output * quads + IntrinsicMath.Min(first + 32 * k, quads - 1)];
    }

    private static void Add<TFrames>(
        LinearArguments a, int firstFrame, int quads, int first, ArrayView<Float4> weights, ArrayView<float> sums)
        where TFrames : struct, IFrameGroup
    {
        for (int k = 0; k < Batch; k++)
        {
            int i = first + 32 * k;
            for (int f = 0; f < default(TFrames).Frames; f++)
            {
                int frame = IntrinsicMath.Min(firstFrame + f, a.Frames - 1);
                float sum = Quad.Dot(
                    weights[k], a.Input.Cast<Float4>()[frame * (a.InputStride >> 2) + IntrinsicMath.Min(i, quads - 1)], sums[f]);
                if (i < quads) sums[f] = sum;
            }
        }
    }
}
