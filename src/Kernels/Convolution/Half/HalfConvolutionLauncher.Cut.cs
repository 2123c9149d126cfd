namespace Lia.Kernels.Convolution;

/// <summary>How a convolution is cut into work for the device.</summary>
/// <param name="TileN">Output channels of a tile.</param>
/// <param name="Blocks">Blocks of 8 x 8 pixels of a tile: the product of the next three.</param>
/// <param name="BlocksX">Blocks of 8 x 8 pixels of a tile along x.</param>
/// <param name="BlocksY">Along y.</param>
/// <param name="TileFrames">Frames of a tile.</param>
/// <param name="Splits">Parts of K.</param>
internal readonly record struct ConvolutionCut(int TileN, int Blocks, int BlocksX, int BlocksY, int TileFrames, int Splits)
{
    /// <summary>The tile of <see cref="WgmmaWideConvolution"/>.</summary>
    public static ConvolutionCut Wide { get; } =
        new(WgmmaWideConvolution.Channels, WgmmaWideConvolution.Blocks, 1, WgmmaWideConvolution.Blocks, 1, 1) { IsWide = true };

    /// <summary>The tile of <see cref="WgmmaWideUpConvolution"/>.</summary>
    public static ConvolutionCut WideUp { get; } =
        new(WgmmaWideConvolution.Channels, WgmmaWideUpConvolution.Blocks, 1, WgmmaWideUpConvolution.Blocks, 1, 1) { IsWide = true };

    /// <summary>The tile of <see cref="WgmmaFlatUpConvolution"/>: a run of positions.</summary>
    public static ConvolutionCut FlatUp { get; } =
        new(WgmmaFlatUpConvolution.Channels, WgmmaFlatUpConvolution.Pixels / 64, WgmmaFlatUpConvolution.Pixels / 8, 1, 1, 1)
            { IsWide = true, IsFlat = true };

    /// <summary>Whether weights are the first operand and pixels the second.</summary>
    public bool IsWide { get; private init; }

    /// <summary>Whether a tile is a run of a picture's positions, whatever rows they lie in.</summary>
    public bool IsFlat { get; private init; }
}

/// <content>How a convolution is cut: tile, frames of a tile, parts of K. An estimate of the time decides; results differ only in the order
/// of sums.</content>
internal sealed partial class HalfConvolutionLauncher
{
    /// <summary>
    /// How to cut a convolution for so many frames. More parts of K for fewer frames: results then differ in the order of additions. Not so
    /// with pairs of halves, whose K is cut by <see cref="PairSplits"/>.
    /// </summary>
    /// <param name="weights">The convolution.</param>
    /// <param name="output">Its output.</param>
    /// <param name="isWhole">Whether a tile must hold all channels and all of K.</param>
    /// <param name="isMap">Whether a float32 map replaces the output (<see cref="HalfConvolutionOperands.Map"/>).</param>
    public ConvolutionCut Cut(HalfConvolutionWeights weights, HalfMap output, bool isWhole = false, bool isMap = false)
    {
        int outputs = weights.PaddedOutputs;
        int tileN = outputs % 128 == 0 ? 128 : outputs % 64 == 0 ? 64 : outputs % 32 == 0 ? 32 : 16;
        ConvolutionCut best = default;
        double leastTime = double.MaxValue;
        bool isPair = weights.Precision == WeightPrecision.Pair;
        int least = LeastSplits(weights, output);
        (int N, int Blocks)[] tiles = isPair ? WgmmaPairTiles(tileN) : IsFused(weights) ? [(Math.Min(tileN, 64), WgmmaUpConvolution.Blocks)]
            : machine == ConvolutionMachine.Hopper ? WgmmaTiles(tileN) : MmaTiles(tileN);
        foreach ((int n, int blocks) in tiles)
        {
            if (isWhole && n != outputs) continue;
            int mostSplits = isWhole ? 1 : isPair ? PairSplits(weights, output)
                : Math.Min(8, IsFused(weights) ? weights.Chunks : weights.MostSplits);
            foreach (ConvolutionCut shape in Shapes(output, n, blocks))
            {
                if (isPair && SharedBytes(weights, shape) > MostSharedBytes) continue;
                if (machine == ConvolutionMachine.Turing && 2 * MmaConvolution.SharedLength(
                    n, shape.BlocksX, shape.BlocksY, shape.TileFrames, weights.Chunk) > MostSharedBytesOfTuring) continue;
                for (int splits = isPair ? mostSplits : 1; splits <= mostSplits; splits *= 2)
                {
                    if (splits < least && 2 * splits <= mostSplits) continue;
                    double time = Time(weights, output, shape with { Splits = splits });
                    if (time < leastTime) (leastTime, best) = (time, shape with { Splits = splits });
                }
            }
        }
        return !isMap && WideCut(weights, output) is { } wide && Time(weights, output, wide) < leastTime ? wide : best;
    }

    // The tile with weights as the first operand: where all weights fit into shared memory they stay there, else, of a transposed
    // convolution, they pass by.
    private ConvolutionCut? WideCut(HalfConvolutionWeights weights, HalfMap output)
    {
        if (machine != ConvolutionMachine.Hopper || weights.Chunk != WgmmaFlatUpConvolution.Chunk
            || weights.PaddedOutputs % WgmmaWideConvolution.Channels != 0) return null;
        bool fits = weights.Precision == WeightPrecision.Half && weights.PaddedOutputs == WgmmaWideConvolution.Channels;
        return (weights.Kind, weights.Chunks) switch
        {
            (HalfConvolutionKind.Same, 1) when fits => ConvolutionCut.Wide,
            (HalfConvolutionKind.Up, WgmmaWideUpConvolution.Chunks) when fits => ConvolutionCut.WideUp,
            (HalfConvolutionKind.Up, _) when IsFused(weights)
                && 2 * WgmmaFlatUpConvolution.SharedLength(output.Width - 1) <= MostSharedBytes => ConvolutionCut.FlatUp,
            _ => null,
        };
    }

    /// <summary>
    /// Parts of K of a convolution of pairs: by the layer alone, so that a result is the same bits whatever frames are beside it and
    /// whatever the device. As many as keep a large device busy with one small picture, no more than cost little with many.
    /// </summary>
    public static int PairSplits(HalfConvolutionWeights weights, HalfMap output)
    {
        const int Tile = 128, TileN = 64, Places = 128;
        int pixels = output.Height * output.Width, items = Ceiling(pixels, Tile) * Ceiling(weights.PaddedOutputs, TileN) * output.Planes;
        int splits = 1, most = Math.Min(weights.MostSplits, pixels <= 100 ? 8 : pixels <= 300 ? 4 : 2);
        while (2 * splits <= most && 2 * splits * items <= Places) splits *= 2;
        return splits;
    }

    // Turing's tensor cores add 8 of K at a time, and each time cut the sum short: twice as often as Ampere's. Small pictures, whose errors
    // displace every warp behind them, have their long sums made in parts, which float32 adds.
    private int LeastSplits(HalfConvolutionWeights weights, HalfMap output)
    {
        const int MostPixels = 32 * 32, MostOfK = 1152;
        if (machine != ConvolutionMachine.Turing || output.Height * output.Width > MostPixels) return 1;
        int k = weights.Steps.Count / weights.PhaseStarts.Count * weights.Chunk, splits = 1;
        while (k > MostOfK * splits) splits *= 2;
        return splits;
    }

    // The ways to lay out a tile's blocks: a square of them, or the same block of several frames, which wastes less where pictures end just
    // behind a block.
    private static IEnumerable<ConvolutionCut> Shapes(HalfMap output, int tileN, int blocks)
    {
        int x = output.Width > 8 ? 2 : 1, y = output.Height > 8 ? Math.Max(1, blocks / x) : 1;
        yield return new(tileN, blocks, x, y, blocks / (x * y), 1);
        if (x * y > 1 && output.Frames >= blocks) yield return new(tileN, blocks, 1, 1, blocks, 1);
    }

    // The tiles that could serve, as channels and blocks.
    private static (int N, int Blocks)[] WgmmaTiles(int tileN) => tileN switch
    {
        128 => [(128, 4), (128, 2), (64, 2)],
        64 => [(64, 4), (64, 2)],
        _ => [(tileN, 4)],
    };

    private static (int N, int Blocks)[] MmaTiles(int tileN) => tileN switch
    {
        128 => [(128, 2), (64, 4), (64, 2)],
        _ => [(tileN, 4), (tileN, 2)],
    };

    // Bytes of shared memory that a group takes, at most (barriers have room besides), and what a group has on Turing.
    private const int MostSharedBytes = 226 * 1024, MostSharedBytesOfTuring = 64 * 1024;

    private static int SharedBytes(HalfConvolutionWeights weights, ConvolutionCut cut)
    {
        int stage = weights.TileShapes.Max(
            shape => WgmmaConvolution.InputStage(cut.BlocksX, cut.BlocksY, cut.TileFrames, weights.Chunk, shape.Halo));
        IWgmmaTile tile = PairTile(cut);
        return 2 * (tile.InputStages * 2 * stage + tile.WeightStages * tile.N * weights.Chunk);
    }

    private static (int N, int Blocks)[] WgmmaPairTiles(int tileN) => tileN switch
    {
        128 => [(128, 2), (64, 4), (64, 2)],
        64 => [(64, 4), (64, 2)],
        _ => [(tileN, 4)],
    };

    // Cycles, roughly: rounds of work items, each with its products or its weights, whichever takes longer, and a fixed cost; then the sum
    // of the parts.
    private double Time(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut) =>
        machine == ConvolutionMachine.Hopper ? WgmmaTime(weights, output, cut) : MmaTime(weights, output, cut);

    // A warp's step takes the latencies of its instructions, or as long as the warps beside it keep the scheduler: measured on an H200.
    private double MmaTime(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut)
    {
        int warps = cut.TileN == 128 ? 4 : cut.Blocks, most = warps == 4 ? 2 : 4, multiprocessors = loader.Properties.Multiprocessors;
        double products = Math.Min(cut.TileN, 64) * weights.Chunk / 32.0; // of a warp and step
        int items = Items(weights, output, cut), beside = Math.Min(most, Ceiling(items, multiprocessors));
        double steps = (double)weights.Steps.Count / weights.PhaseStarts.Count / cut.Splits;
        double step = Math.Max(700 + 8 * products, beside * warps / 4.0 * (120 + 5.5 * products));
        return Math.Ceiling((double)items / (multiprocessors * most)) * (steps * step + 3000) + ReductionTime(output, cut);
    }

    private double WgmmaTime(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut)
    {
        int multiprocessors = loader.Properties.Multiprocessors, pixels = 64 * cut.Blocks;
        bool isPair = weights.Precision == WeightPrecision.Pair;
        bool isAlone = cut is { TileN: 128, Blocks: 4 } || IsFused(weights) || isPair;
        int places = multiprocessors * (isAlone ? 1 : 2);
        double rounds = Math.Ceiling((double)Items(weights, output, cut) / places);
        double steps = (double)weights.Steps.Count / (IsFused(weights) ? 1 : weights.PhaseStarts.Count) / cut.Splits;
        // A step moves its weights from L2 (32 bytes a cycle) while it multiplies (8192 operations a cycle, shared by the groups that run
        // together). Of pairs two steps move the weights of three.
        double products = pixels * cut.TileN * weights.Chunk * (isPair ? 3.0 : 2.0) / 6500,
            weightsIn = cut.TileN * weights.Chunk * 2.0 / 32;
        // A strip's products at the full rate, beside the epilogue of the strip before.
        if (cut.IsWide) return Math.Ceiling((double)Items(weights, output, cut) / multiprocessors) * steps * products + 3000;
        double item = steps * Math.Max(products, weightsIn)
            * (isAlone ? 1 : Math.Min(2, Math.Ceiling((double)Items(weights, output, cut) / multiprocessors))) + 3000;
        return rounds * item + ReductionTime(output, cut);
    }

    // The sum of the parts.
    private double ReductionTime(HalfMap output, ConvolutionCut cut) =>
        cut.Splits == 1 ? 0 : 3000 + output.Length * (8.0 * cut.Splits + 2) / (loader.Properties.Multiprocessors * 12);

    private int Items(HalfConvolutionWeights weights, HalfMap output, ConvolutionCut cut)
    {
        (int x, int y, int frames) = Tiles(output, cut);
        return checked(x * y * frames * TilesN(weights, cut) * Parts(weights, cut.Splits).Count);
    }

    private static (int X, int Y, int Frames) Tiles(HalfMap output, ConvolutionCut cut) => cut.IsFlat
        ? (Ceiling(output.Height * output.Width, WgmmaFlatUpConvolution.Pixels), 1, output.Frames)
        : (Ceiling(output.Width, 8 * cut.BlocksX), Ceiling(output.Height, 8 * cut.BlocksY), Ceiling(output.Frames, cut.TileFrames));

    private static int TilesN(HalfConvolutionWeights weights, ConvolutionCut cut) => Ceiling(weights.PaddedOutputs, cut.TileN);

    private static int Ceiling(int value, int granule) => (value + granule - 1) / granule;
}
