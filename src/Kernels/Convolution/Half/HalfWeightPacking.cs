using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the packing is passed.</summary>
internal struct HalfWeightPackingArguments
{
    /// <summary>w [O, I, K, K], as the checkpoint has it.</summary>
    public ArrayView<float> Weight;

    /// <summary>[step][output / 8][chunk / 8][8 outputs][8 inputs].</summary>
    public ArrayView<Half> Packed;

    /// <summary><see cref="HalfConvolutionWeights.SourceView"/>.</summary>
    public ArrayView<Int4> Sources;

    public int Inputs, Outputs, PaddedOutputs, Chunk;

    /// <summary>Elements of w from one packed input to the next, and from one packed output to the next.</summary>
    public int InputStride, OutputStride;

    /// <summary>The tap that is taken is LastTap - tap where the taps are turned, and tap itself for -1.</summary>
    public int LastTap;
}

/// <summary>
/// Weights that change on the device, from the parameter's layout to that of the tensor cores (<see cref="HalfConvolutionWeights"/>):
/// <code>
///     w [O][I][K K]  ->  a step is a tap of a chunk of inputs:  [output / 8][chunk / 8][8 outputs][8 inputs],  zeros in the padding
///
///     a thread: eight inputs of an output, 16 bytes; eight neighbors are a core matrix
/// </code>
/// A pair's steps are what rounding leaves over, then the rounded weights. All are multiplied by <see cref="Unit"/>, which keeps what is
/// left over of weights down to 10^-3 a normal number; what is beyond 65504 after that becomes 65504. Bound by bytes: the nine taps read
/// the same lines, which the caches hold.
/// </summary>
internal static class HalfWeightPacking
{
    /// <summary>What weights are multiplied by before they are rounded.</summary>
    public const float Unit = 256;

    private const int Threads = 256;

    /// <summary>The launch that packs a parameter.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="packed">Where to (<see cref="HalfConvolutionWeights.Changing"/>).</param>
    /// <param name="weight">[O, I, K, K].</param>
    /// <param name="use">What for.</param>
    /// <exception cref="ArgumentException">The parameter's length does not fit.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, HalfConvolutionWeights packed, ArrayView<float> weight, WeightUse use)
    {
        int taps = packed.Kernel * packed.Kernel;
        if (weight.Length != (long)packed.Outputs * packed.Inputs * taps)
        {
            throw new ArgumentException($"{weight.Length} weights for {packed.Outputs} outputs, {packed.Inputs} inputs and {taps} taps",
                nameof(weight));
        }
        bool isForward = use == WeightUse.Forward;
        int octets = packed.PaddedOutputs * (packed.Chunk / Octet.Size);
        KernelConfig config = new(new Index2D((octets + Threads - 1) / Threads, packed.Steps.Count), new Index2D(Threads, 1));
        return KernelLaunch.Create(loader, Run, config, new HalfWeightPackingArguments
        {
            Weight = weight,
            Packed = packed.View,
            Sources = packed.SourceView,
            Inputs = packed.Inputs,
            Outputs = packed.Outputs,
            PaddedOutputs = packed.PaddedOutputs,
            Chunk = packed.Chunk,
            InputStride = isForward ? taps : packed.Outputs * taps,
            OutputStride = isForward ? packed.Inputs * taps : taps,
            LastTap = use == WeightUse.MirroredAdjoint ? taps - 1 : -1,
        }, bytes: sizeof(float) * (double)weight.Length + packed.Bytes);
    }

    [LaunchBounds(Threads)]
    public static void Run(HalfWeightPackingArguments a)
    {
        int step = Grid.IdxY, octetsOfChunk = a.Chunk / Octet.Size, octets = a.PaddedOutputs * octetsOfChunk;
        int octet = Grid.IdxX * Threads + Group.IdxX;
        if (octet < octets)
        {
            int core = octet >> 3, group = core / octetsOfChunk;
            int output = group * 8 + (octet & 7);
            Int4 source = a.Sources[step];
            int input = source.Y + (core - group * octetsOfChunk) * Octet.Size;
            int from = output * a.OutputStride + input * a.InputStride + (a.LastTap < 0 ? source.X : a.LastTap - source.X);
            ArrayView<float> values = LocalMemory.Allocate<float>(Octet.Size);
            for (int i = 0; i < Octet.Size; i++)
            {
                bool exists = output < a.Outputs && input + i < a.Inputs;
                float value = a.Weight[exists ? from + i * a.InputStride : 0] * Unit;
                values[i] = exists ? value : 0f;
            }
            Octet whole = new(new(values[0], values[1], values[2], values[3]), new(values[4], values[5], values[6], values[7]));
            Half8 rounded = Octet.Pack(whole);
            if (source.Z != 0) rounded = Octet.Pack(Octet.Subtract(whole, Octet.Unpack(rounded)));
            a.Packed.Cast<Half8>()[step * octets + octet] = rounded;
        }
    }
}
