using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What a layer's weights are packed for.</summary>
internal enum WeightUse
{
    /// <summary>The layer itself.</summary>
    Forward,

    /// <summary>
    /// The data gradient of a layer with stride 2, which is a transposed convolution, and of a transposed one, which is a convolution with
    /// stride 2: inputs and outputs change places.
    /// </summary>
    Adjoint,

    /// <summary>
    /// The data gradient of a layer with stride 1 and padding p, which is a convolution with padding K - 1 - p: inputs and outputs change
    /// places, and the taps are turned by half a turn.
    /// </summary>
    MirroredAdjoint,
}

/// <summary>What the packing is passed.</summary>
internal struct WeightPackingArguments
{
    /// <summary>w [O, I, K, K], as the checkpoint has it.</summary>
    public ArrayView<float> Weight;

    /// <summary>[tap, PaddedInputs, PaddedOutputs].</summary>
    public ArrayView<float> Packed;

    public int Inputs, Outputs, PaddedInputs, PaddedOutputs, Taps;

    /// <summary>Elements of w from one packed input to the next, and from one packed output to the next.</summary>
    public int InputStride, OutputStride;

    /// <summary>Which tap of w lies at each place: four bits each, the first lowest.</summary>
    public ulong TapOrder;

    /// <summary>Multiplied in.</summary>
    public float Scale;
}

/// <summary>What the sums of squares are passed.</summary>
internal struct SquareSumsArguments
{
    /// <summary>w [pair, tap].</summary>
    public ArrayView<float> Weight;

    /// <summary>[pair].</summary>
    public ArrayView<float> Sums;

    /// <summary>Outputs x inputs.</summary>
    public int Pairs;

    public int Taps;

    /// <summary>Multiplied to the weights before they are squared.</summary>
    public float Scale;
}

/// <summary>
/// Weights that change on the device, from the parameter's layout to that of <see cref="ConvolutionKernel"/>:
/// <code>
///     w [O][I][K K]  ->  packed [tap][input, padded to 8][output, padded to 32],   zeros in the padding
///
///     a block: 8 inputs (one a warp) x 32 outputs (one a lane), all taps: it reads runs of 8 K K (forward) or 32 K K (adjoint)
///              neighbors and writes runs of 32
/// </code>
/// Bound by bytes, read and written once: 19 MB for 512 to 512 channels, 3x3.
/// </summary>
internal static class WeightPacking
{
    private const int Lanes = ConvolutionWeights.OutputGranule, Warps = ConvolutionKernel.Chunk;

    /// <summary>The launch that packs a parameter.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="packed">Where to; its channels are those of the convolution it is for: changed over for the adjoints.</param>
    /// <param name="weight">[O, I, K, K].</param>
    /// <param name="scale">Multiplied in: 1 / sqrt(I K K) for equalized weights.</param>
    /// <param name="use">What for.</param>
    /// <exception cref="ArgumentException">The parameter's length does not fit, or the kernel has more than 16 taps.</exception>
    public static KernelLaunch Prepare(
        KernelLoader loader, ConvolutionWeights packed, ArrayView<float> weight, float scale, WeightUse use)
    {
        int taps = packed.Kernel * packed.Kernel;
        if (weight.Length != (long)packed.Outputs * packed.Inputs * taps)
        {
            throw new ArgumentException($"{weight.Length} weights for {packed.Outputs} outputs, {packed.Inputs} inputs and {taps} taps",
                nameof(weight));
        }
        if (taps > 16) throw new ArgumentException($"a kernel of {taps} taps: at most 16", nameof(packed));
        ulong order = 0;
        for (int tap = 0; tap < taps; tap++)
        {
            int source = packed.KernelTap(tap);
            order |= (ulong)(use == WeightUse.MirroredAdjoint ? taps - 1 - source : source) << (4 * tap);
        }
        bool isForward = use == WeightUse.Forward;
        KernelConfig config = new(
            new Index2D(packed.PaddedOutputs / Lanes, packed.PaddedInputs / Warps), new Index2D(Lanes * Warps, 1));
        return KernelLaunch.Create(loader, Run, config, new WeightPackingArguments
        {
            Weight = weight,
            Packed = packed.View,
            Inputs = packed.Inputs,
            Outputs = packed.Outputs,
            PaddedInputs = packed.PaddedInputs,
            PaddedOutputs = packed.PaddedOutputs,
            Taps = taps,
            InputStride = isForward ? taps : packed.Outputs * taps,
            OutputStride = isForward ? packed.Inputs * taps : taps,
            TapOrder = order,
            Scale = scale,
        }, bytes: sizeof(float) * (double)weight.Length + packed.Bytes);
    }

    /// <summary>The launch that sums the squares of the scaled weights over the taps: what demodulation reads.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="weight">[O, I, K, K].</param>
    /// <param name="sums">[O, I].</param>
    /// <param name="outputs">O.</param>
    /// <param name="inputs">I.</param>
    /// <param name="kernel">K.</param>
    /// <param name="scale">Multiplied to the weights: 1 / sqrt(I K K) for equalized ones.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public static KernelLaunch PrepareSquares(
        KernelLoader loader, ArrayView<float> weight, ArrayView<float> sums, int outputs, int inputs, int kernel, float scale)
    {
        int pairs = outputs * inputs, taps = kernel * kernel;
        if (weight.Length != (long)pairs * taps)
        {
            throw new ArgumentException(
                $"{weight.Length} weights for {outputs} outputs, {inputs} inputs and {taps} taps", nameof(weight));
        }
        if (sums.Length != pairs)
            throw new ArgumentException($"room for {sums.Length} sums of {outputs} x {inputs}", nameof(sums));
        return KernelLaunch.Create(loader, RunSquares, KernelLaunch.Linear(pairs), new SquareSumsArguments
        {
            Weight = weight,
            Sums = sums,
            Pairs = pairs,
            Taps = taps,
            Scale = scale,
        }, bytes: sizeof(float) * (double)pairs * (taps + 1));
    }

    public static void Run(WeightPackingArguments a)
    {
        int output = Grid.IdxX * Lanes + (Group.IdxX & (Lanes - 1)), input = Grid.IdxY * Warps + Group.IdxX / Lanes;
        bool exists = output < a.Outputs && input < a.Inputs;
        int from = exists ? output * a.OutputStride + input * a.InputStride : 0;
        for (int tap = 0; tap < a.Taps; tap++)
        {
            float value = a.Weight[from + ((int)(a.TapOrder >> (4 * tap)) & 15)] * a.Scale;
            a.Packed[(tap * a.PaddedInputs + input) * a.PaddedOutputs + output] = exists ? value : 0f;
        }
    }

    public static void RunSquares(SquareSumsArguments a)
    {
        int pair = Grid.IdxX * Group.DimX + Group.IdxX;
        if (pair < a.Pairs)
        {
            float sum = 0f;
            for (int tap = 0; tap < a.Taps; tap++)
            {
                float value = a.Weight[pair * a.Taps + tap] * a.Scale;
                sum = Intrinsics.Fma(value, value, sum);
            }
            a.Sums[pair] = sum;
        }
    }
}
