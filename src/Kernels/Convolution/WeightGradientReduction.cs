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
}

/// <summary>
/// The second half of a weight gradient: dw[o, i, t] (+)= scale * (part 0 + part 1 + ...), from the kernel's order of channels to the
/// parameter's. A block takes 32 neighboring sums; each of its 8 warps adds an eighth of the parts in order, eight loads under way at once,
/// and the first adds the eighths in order. Bound by bytes: the parts read once.
/// </summary>
internal static class WeightGradientReduction
{
    private const int Lanes = 32, Warps = 8, Batch = 8;

    public static KernelLaunch Prepare(KernelLoader loader, WeightGradientReductionArguments arguments)
    {
        int sums = arguments.BaseChannels * arguments.Taps * arguments.PaddedShifted;
        return KernelLaunch.Create(
            loader, Run, new KernelConfig(new Index1D((sums + Lanes - 1) / Lanes), new Index1D(Lanes * Warps)), arguments,
            bytes: sizeof(float) * (double)sums * (arguments.Splits + 1 + arguments.Accumulates));
    }

    public static void Run(WeightGradientReductionArguments a)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Lanes * Warps);
        ArrayView<float> part = LocalMemory.Allocate<float>(Batch);
        int lane = Group.IdxX & (Lanes - 1), warp = Group.IdxX / Lanes;
        int row = a.Taps * a.PaddedShifted, sums = a.BaseChannels * row;
        int index = Grid.IdxX * Lanes + lane;
        int from = IntrinsicMath.Min(index, sums - 1);
        float sum = 0f;
        int end = a.Splits * (warp + 1) / Warps;
        for (int split = a.Splits * warp / Warps; split < end; split += Batch)
        {
            for (int i = 0; i < Batch; i++)
                part[i] = a.Parts[IntrinsicMath.Min(split + i, end - 1) * sums + from];
            for (int i = 0; i < Batch; i++) sum += split + i < end ? part[i] : 0f;
        }
        shared[Group.IdxX] = sum;
        Group.Barrier();
        int baseChannel = index / row;
        int inRow = index - baseChannel * row;
        int tap = inRow / a.PaddedShifted;
        int shiftedChannel = inRow - tap * a.PaddedShifted;
        if (warp == 0 && baseChannel < a.BaseChannels && shiftedChannel < a.ShiftedChannels)
        {
            float total = shared[lane];
            for (int i = 1; i < Warps; i++) total += shared[i * Lanes + lane];
            int at = baseChannel * a.BaseStride + shiftedChannel * a.ShiftedStride + tap;
            if (a.OperandScale.Length != 0) total *= a.OperandScale[1];
            if (a.SecondScale.Length != 0) total *= a.SecondScale[1];
            a.Gradient[at] = total * a.Scale + (a.Accumulates != 0 ? a.Gradient[at] : 0f);
        }
    }
}
