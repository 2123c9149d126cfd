using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the reduction is passed.</summary>
internal struct WeightGradientReductionArguments
{
    /// <summary>Partial sums [split, base channel, tap, PaddedShifted].</summary>
    public ArrayView<float> Parts;

    /// <summary>[O, I, tap].</summary>
    public ArrayView<float> Gradient;

    public int Splits, BaseChannels, ShiftedChannels, PaddedShifted, Taps;

    /// <summary>Elements of the gradient from one base channel to the next, and from one shifted channel to the next.</summary>
    public int BaseStride, ShiftedStride;

    /// <summary>Multiplied to the sums.</summary>
    public float Scale;

    /// <summary>What the terms of the sums were multiplied by, and 1 over it; empty for 1.</summary>
    public ArrayView<float> OperandScale;

    /// <summary>The same of the other operand.</summary>
    public ArrayView<float> SecondScale;

    /// <summary>1: adds to the gradient that is there.</summary>
    public int Accumulates;

    /// <summary>Shares of the parts that are added side by side.</summary>
    internal int Slots;
}

/// <summary>
/// The second half of a weight gradient: dw[o, i, t] (+)= scale * (part 0 + part 1 + ...), from the kernel's order of channels to the
/// parameter's.
/// <code>
///     a block: a base channel, 32 shifted ones and all taps        parts [tap][32 channels]  --shared-->  gradient [channel][tap]
///
///       warp (slot, tap): a lane a channel, its slot's share of the parts in order, eight loads under way at once;
///                         then the slots' sums in order, where the parameter's order has neighbors
/// </code>
/// As many slots as the parts have work for. Bound by bytes: the parts read once.
/// </summary>
internal static class WeightGradientReduction
{
    // Rows of shared memory, one a warp, are a bank apart.
    private const int Lanes = 32, MostWarps = 32, Row = Lanes + 1, Batch = 8;

    public static KernelLaunch Prepare(KernelLoader loader, WeightGradientReductionArguments arguments)
    {
        int sums = arguments.BaseChannels * arguments.Taps * arguments.PaddedShifted;
        arguments.Slots = Math.Clamp((arguments.Splits + Batch - 1) / Batch, 1, MostWarps / arguments.Taps);
        return KernelLaunch.Create(
            loader, Run, new KernelConfig(
                new Index2D((arguments.ShiftedChannels + Lanes - 1) / Lanes, arguments.BaseChannels),
                new Index2D(Lanes * arguments.Taps * arguments.Slots, 1)), arguments,
            bytes: sizeof(float) * (double)sums * (arguments.Splits + 1 + arguments.Accumulates));
    }

    public static void Run(WeightGradientReductionArguments a)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(MostWarps * Row);
        ArrayView<float> part = LocalMemory.Allocate<float>(Batch);
        int lane = Group.IdxX & (Lanes - 1), warp = Group.IdxX / Lanes;
        int slot = warp / a.Taps, tap = warp - slot * a.Taps, first = Grid.IdxX * Lanes, baseChannel = Grid.IdxY;
        int line = a.Taps * a.PaddedShifted, sums = a.BaseChannels * line;
        int from = baseChannel * line + tap * a.PaddedShifted + IntrinsicMath.Min(first + lane, a.PaddedShifted - 1);
        float sum = 0f;
        int end = a.Splits * (slot + 1) / a.Slots;
        for (int split = a.Splits * slot / a.Slots; split < end; split += Batch)
        {
            for (int i = 0; i < Batch; i++)
                part[i] = a.Parts[IntrinsicMath.Min(split + i, end - 1) * sums + from];
            for (int i = 0; i < Batch; i++) sum += split + i < end ? part[i] : 0f;
        }
        shared[warp * Row + lane] = sum;
        Group.Barrier();
        int channel = Group.IdxX / a.Taps;
        tap = Group.IdxX - channel * a.Taps;
        if (channel < Lanes && first + channel < a.ShiftedChannels)
        {
            float total = shared[tap * Row + channel];
            for (int i = 1; i < a.Slots; i++) total += shared[(i * a.Taps + tap) * Row + channel];
            int at = baseChannel * a.BaseStride + (first + channel) * a.ShiftedStride + tap;
            if (a.OperandScale.Length != 0) total *= a.OperandScale[1];
            if (a.SecondScale.Length != 0) total *= a.SecondScale[1];
            a.Gradient[at] = total * a.Scale + (a.Accumulates != 0 ? a.Gradient[at] : 0f);
        }
    }
}
