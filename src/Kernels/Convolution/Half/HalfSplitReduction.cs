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

    /// <summary>Pairs of channels in all, and in an octet's pixels of one frame: four times as many as these.</summary>
    public int Pairs, PairsPerOctet;

    public int Octets;
}

/// <summary>What the reduction to two halves a value is passed.</summary>
internal struct PairSplitReductionArguments
{
    public HalfSplitReductionArguments Reduction;

    /// <summary>Extents of a plane; a phase-separated output's planes of odd rows (columns) have one row (column) less.</summary>
    public int Height, Width;
}

/// <summary>
/// The second half of an fp16 convolution whose K was cut (split-K): y = epilogue(part 0 + part 1 + ...), always in that order. A thread
/// takes two channels of a pixel; all that it reads is on its way together. Bound by bytes: (2 splits + 1) x the output.
/// </summary>
internal static class HalfSplitReduction
{
    /// <summary>To one half a value.</summary>
    public static KernelLaunch Prepare(KernelLoader loader, HalfSplitReductionArguments arguments) => KernelLaunch.CreateOverlapping(
        loader, Run, KernelLaunch.Linear(arguments.Pairs, 128), arguments,
        bytes: (double)arguments.Pairs * (8 * arguments.Splits + 4));

    /// <summary>To two halves a value.</summary>
    public static KernelLaunch PreparePairs(KernelLoader loader, PairSplitReductionArguments arguments) => KernelLaunch.CreateOverlapping(
        loader, RunPairs, KernelLaunch.Linear(arguments.Reduction.Pairs, 128), arguments,
        bytes: (double)arguments.Reduction.Pairs * (8 * arguments.Reduction.Splits + 8));

    public static void Run(HalfSplitReductionArguments a)
    {
        Overlap.Allow();
        int pair = Grid.IdxX * Group.DimX + Group.IdxX;
        if (pair < a.Pairs)
        {
            int octetOfAll = pair / a.PairsPerOctet;
            int frame = octetOfAll / a.Octets;
            int channel = (octetOfAll - frame * a.Octets) * 8 + (pair & 3) * 2;
            Overlap.Wait();
            a.Output.Cast<uint>()[pair] = HalfEpilogue.Pack(Value(a, pair, frame, channel));
        }
    }

    public static void RunPairs(PairSplitReductionArguments arguments)
    {
        Overlap.Allow();
        HalfSplitReductionArguments a = arguments.Reduction;
        int pair = Grid.IdxX * Group.DimX + Group.IdxX, area = arguments.Height * arguments.Width;
        int octetOfAll = pair / a.PairsPerOctet;
        int pixel = (pair - octetOfAll * a.PairsPerOctet) >> 2;
        int plane = pixel / area;
        int row = (pixel - plane * area) / arguments.Width;
        int column = pixel - plane * area - row * arguments.Width;
        // Nobody has made what a plane does not have.
        if (pair < a.Pairs && row < arguments.Height - (plane >> 1) && column < arguments.Width - (plane & 1))
        {
            int frame = octetOfAll / a.Octets;
            int channel = (octetOfAll - frame * a.Octets) * 8 + (pair & 3) * 2;
            Overlap.Wait();
            HalfEpilogue.StorePair(
                a.Output.Cast<uint>(), pair + octetOfAll * a.PairsPerOctet, a.PairsPerOctet, Value(a, pair, frame, channel));
        }
    }

    // Loads first: those of the epilogue, of the skip and, as many as there usually are, of the parts.
    private static Float2 Value(HalfSplitReductionArguments a, int pair, int frame, int channel)
    {
        HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, a.Epilogue.Parts, frame, channel);
        Float2 sum = new(0f, 0f);
        if ((a.Epilogue.Parts & EpilogueParts.Skip) != 0)
        {
            Float2 skip = At(a, a.Splits, pair), bias = a.Epilogue.Bias.Cast<Float2>()[channel >> 1];
            Float2 before = HalfEpilogue.BeforeSkip(a.Epilogue, Sum(a, pair), bias);
            sum = new(before.X + skip.X, before.Y + skip.Y);
        }
        else
        {
            sum = Sum(a, pair);
        }
        return HalfEpilogue.Apply(terms, a.Epilogue.Parts, sum);
    }

    private static Float2 Sum(HalfSplitReductionArguments a, int pair)
    {
        if (a.Splits == 8) return Sum(a, pair, 8);
        if (a.Splits == 4) return Sum(a, pair, 4);
        if (a.Splits == 2) return Sum(a, pair, 2);
        Float2 sum = At(a, 0, pair);
        for (int split = 1; split < a.Splits; split++)
        {
            Float2 part = At(a, split, pair);
            sum = new(sum.X + part.X, sum.Y + part.Y);
        }
        return sum;
    }

    // A number of parts that is a constant.
    private static Float2 Sum(HalfSplitReductionArguments a, int pair, int splits)
    {
        ArrayView<Float2> parts = LocalMemory.Allocate<Float2>(splits);
        for (int split = 0; split < splits; split++) parts[split] = At(a, split, pair);
        Float2 sum = parts[0];
        for (int split = 1; split < splits; split++) sum = new(sum.X + parts[split].X, sum.Y + parts[split].Y);
        return sum;
    }

    private static Float2 At(HalfSplitReductionArguments a, int split, int pair) =>
        a.Parts.SubView((long)split * a.Pairs * 2).Cast<Float2>()[pair];
}
