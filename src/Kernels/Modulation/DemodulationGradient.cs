using Lia.Gpu.Runtime;

namespace Lia.Kernels.Modulation;

/// <summary>What the gradient of a demodulation is passed. Empty results leave a part out.</summary>
internal struct DemodulationGradientArguments
{
    /// <summary>A [frame, output]: sums over the pixels of g, the gradient of d u + b.</summary>
    public ArrayView<float> GradientSums;

    /// <summary>B [frame, output]: sums over the pixels of g (d u + b).</summary>
    public ArrayView<float> ProductSums;

    /// <summary>b [output]; empty for zeros.</summary>
    public ArrayView<float> Bias;

    /// <summary>d [frame, output], rows <see cref="DemodulationStride"/> apart.</summary>
    public ArrayView<float> Demodulation;

    /// <summary>s [frame, input], rows <see cref="StyleStride"/> apart.</summary>
    public ArrayView<float> Style;

    /// <summary>W2 [output, input]: sums over the taps of the squared scaled weights.</summary>
    public ArrayView<float> SquaredWeights;

    /// <summary>W [output, input, tap], the parameter.</summary>
    public ArrayView<float> Weights;

    /// <summary>ds [frame, input], rows <see cref="StyleGradientStride"/> apart: added to what is there.</summary>
    public ArrayView<float> StyleGradient;

    /// <summary>dW [output, input, tap]: added to what is there.</summary>
    public ArrayView<float> WeightGradient;

    public int Frames, Outputs, Inputs, DemodulationStride, StyleStride, StyleGradientStride;

    /// <summary>Taps of a kernel: 9 for 3x3.</summary>
    public int Taps;

    /// <summary>By which the parameter is multiplied.</summary>
    public float Scale;
}

/// <summary>
/// Backward through a demodulation, v = d u + b with d[f, o] = 1 / sqrt(sum over i of s[f, i]^2 W2[o, i] + 1e-8):
/// <code>
///     dd = sum over p of g u = (B - b A) / d            T = d^3 dd = d^2 (B - b A)
///     ds[f, i]    -= s[f, i] sum over o of T[f, o] W2[o, i]
///     dW[o, i, k] -= scale^2 W[o, i, k] sum over f of T[f, o] s[f, i]^2
///
///     ds: a block takes 32 inputs of 4 frames; T of 256 outputs goes to shared memory, of which its 8 warps take every eighth, then
///         their sums are added up in order
///     dW: a block takes 256 pairs (o, i), a thread each; the sums go through shared memory to the taps, which lie side by side
/// </code>
/// Bound by the bytes of W2 (1 MB for 512 channels, once every 4 frames) and of W and dW (28 MB).
/// </summary>
internal static class DemodulationGradient
{
    private const int Slices = 8;
    private const int FramesPerBlock = 4;
    private const int Threads = 32 * Slices, Batch = 8;

    /// <returns>A launch each for ds and dW.</returns>
    public static KernelLaunch[] Prepare(KernelLoader loader, DemodulationGradientArguments arguments)
    {
        double pairs = (double)arguments.Outputs * arguments.Inputs;
        List<KernelLaunch> launches = [];
        if (arguments.StyleGradient.Length != 0)
        {
            Index3D grid = new((arguments.Inputs + 31) / 32, (arguments.Frames + FramesPerBlock - 1) / FramesPerBlock, 1);
            launches.Add(KernelLaunch.Create(loader, ToStyle, new KernelConfig(grid, new Index3D(32 * Slices, 1, 1)), arguments,
                2 * pairs * arguments.Frames, sizeof(float) * pairs));
        }
        if (arguments.WeightGradient.Length != 0)
        {
            launches.Add(KernelLaunch.Create(loader, ToWeight, KernelLaunch.Linear((long)pairs, Threads), arguments,
                3 * pairs * arguments.Frames, 3.0 * sizeof(float) * pairs * arguments.Taps));
        }
        return [.. launches];
    }

    /// <summary>ds.</summary>
    public static void ToStyle(DemodulationGradientArguments a)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(FramesPerBlock * 32 * Slices);
        int lane = Group.IdxX & 31, slice = Group.IdxX >> 5, input = Grid.IdxX * 32 + lane, firstFrame = Grid.IdxY * FramesPerBlock;
        ArrayView<float> sums = LocalMemory.Allocate<float>(FramesPerBlock), weights = LocalMemory.Allocate<float>(Batch);
        for (int f = 0; f < FramesPerBlock; f++) sums[f] = 0f;
        for (int first = 0; first < a.Outputs; first += Threads)
        {
            // T of as many outputs as there are threads. A frame past the last one repeats it; its sum is not stored.
            Group.Barrier();
            int mine = IntrinsicMath.Min(first + Group.IdxX, a.Outputs - 1);
            for (int f = 0; f < FramesPerBlock; f++)
                shared[f * Threads + Group.IdxX] = Factor(a, IntrinsicMath.Min(firstFrame + f, a.Frames - 1), mine);
            Group.Barrier();
            for (int from = slice; from < Threads; from += Batch * Slices)
            {
                // Loads that are under way together.
                for (int i = 0; i < Batch; i++)
                {
                    int output = first + from + i * Slices;
                    bool exists = output < a.Outputs && input < a.Inputs;
                    float weight = a.SquaredWeights[exists ? output * a.Inputs + input : 0];
                    weights[i] = exists ? weight : 0f;
                }
                for (int i = 0; i < Batch; i++)
                {
                    for (int f = 0; f < FramesPerBlock; f++)
                        sums[f] = Intrinsics.Fma(shared[f * Threads + from + i * Slices], weights[i], sums[f]);
                }
            }
        }
        Group.Barrier();
        for (int f = 0; f < FramesPerBlock; f++) shared[(f * Slices + slice) * 32 + lane] = sums[f];
        Group.Barrier();
        int frame = firstFrame + slice;
        if (slice < FramesPerBlock && frame < a.Frames && input < a.Inputs)
        {
            float sum = 0f;
            for (int other = 0; other < Slices; other++) sum += shared[(slice * Slices + other) * 32 + lane];
            a.StyleGradient[frame * a.StyleGradientStride + input] -= a.Style[frame * a.StyleStride + input] * sum;
        }
    }

    /// <summary>dW.</summary>
    public static void ToWeight(DemodulationGradientArguments a)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        int first = Grid.IdxX * Threads, pairs = a.Outputs * a.Inputs;
        int pair = IntrinsicMath.Min(first + Group.IdxX, pairs - 1);
        int output = pair / a.Inputs;
        int input = pair - output * a.Inputs;
        float sum = 0f;
        for (int frame = 0; frame < a.Frames; frame++)
        {
            float style = a.Style[frame * a.StyleStride + input];
            sum = Intrinsics.Fma(Factor(a, frame, output), style * style, sum);
        }
        shared[Group.IdxX] = sum * a.Scale * a.Scale;
        Group.Barrier();
        int elements = IntrinsicMath.Min(Threads, pairs - first) * a.Taps;
        for (int i = Group.IdxX; i < elements; i += Threads)
        {
            int at = first * a.Taps + i;
            a.WeightGradient[at] -= a.Weights[at] * shared[i / a.Taps];
        }
    }

    // T. The product with the difference first: d^2 alone reaches 1e8 where all weights are zero.
    private static float Factor(DemodulationGradientArguments a, int frame, int output)
    {
        int at = frame * a.Outputs + output;
        float difference = a.ProductSums[at], d = a.Demodulation[frame * a.DemodulationStride + output];
        if (a.Bias.Length != 0) difference = Intrinsics.Fma(-a.Bias[output], a.GradientSums[at], difference);
        return difference * d * d;
    }
}
