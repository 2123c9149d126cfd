using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the reduction is passed.</summary>
internal struct HalfSplitReductionArguments
{
    /// <summary>Partial sums [sum], then the output's order.</summary>
    public ArrayView<float> Parts;

    /// <summary>y, CHW8.</summary>
    public ArrayView<Half> Output;

    public HalfEpilogue Epilogue;

    /// <summary>Partial sums of the convolution; with a skip its sum follows them.</summary>
    public int Splits;

    /// <summary>Pairs of channels in all, and in a pixel's octets of one frame: pixels of a plane times four.</summary>
    public int Pairs, PairsPerOctet;

    public int Octets;
}

/// <summary>
/// The second half of an fp16 convolution whose K was cut: y = epilogue(part 0 + part 1 + ...), always in that order. A thread takes two channels of a pixel. Bound by
/// bytes: (2 splits + 1) x the output.
/// </summary>
internal static class HalfSplitReduction
{
    public static KernelLaunch Prepare(KernelLoader loader, HalfSplitReductionArguments arguments) => KernelLaunch.CreateOverlapping(
        loader, Run, KernelLaunch.Linear(arguments.Pairs, 128), arguments,
        bytes: (double)arguments.Pairs * (8 * arguments.Splits + 4));

    public static void Run(HalfSplitReductionArguments a)
    {
        Overlap.Begin();
        int pair = Grid.IdxX * Group.DimX + Group.IdxX;
        if (pair < a.Pairs)
        {
            int octetOfAll = pair / a.PairsPerOctet;
            int frame = octetOfAll / a.Octets;
            int channel = (octetOfAll - frame * a.Octets) * 8 + (pair & 3) * 2;
            Float2 sum = At(a, 0, pair);
            for (int split = 1; split < a.Splits; split++)
            {
                Float2 part = At(a, split, pair);
                sum = new(sum.X + part.X, sum.Y + part.Y);
            }
            if ((a.Epilogue.Parts & EpilogueParts.Skip) != 0)
            {
                Float2 before = HalfEpilogue.BeforeSkip(a.Epilogue, sum, channel), skip = At(a, a.Splits, pair);
                sum = new(before.X + skip.X, before.Y + skip.Y);
            }
            a.Output.Cast<uint>()[pair] = HalfEpilogue.Pack(HalfEpilogue.Apply(HalfEpilogue.Load(a.Epilogue, a.Epilogue.Parts, frame, channel), a.Epilogue.Parts, sum));
        }
    }

    private static Float2 At(HalfSplitReductionArguments a, int split, int pair) => a.Parts.SubView((long)split * a.Pairs * 2).Cast<Float2>()[pair];
}
