using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What <see cref="WgmmaFlatUpConvolution"/> is passed.</summary>
internal struct WgmmaFlatUpArguments
{
    public HalfConvolutionArguments Convolution;

    /// <summary>Whole rows of the input with the column of zeros before them.</summary>
    public ArrayView<TensorMap> InputMap;

    /// <summary>The weights as rows of core matrices.</summary>
    public ArrayView<TensorMap> WeightMap;

    /// <summary>Chunks of input channels, and passes over each (two for fine weights).</summary>
    public int Chunks, Passes;

    /// <summary>Rows of an input tile.</summary>
    public int TileRows;
}

/// <summary>
/// The transposed 3x3 convolution with stride 2 of any number of channels as an implicit GEMM on `wgmma`: weights are the first operand and
/// pixels the second (<see cref="WgmmaWideConvolution"/>), all four phases come from one input tile (<see cref="WgmmaUpConvolution"/>), and
/// the pixels of a tile are a run of 128 positions of the picture, whatever rows they lie in.
/// <code>
///     input rows with a column of zeros before each,           a phase of the output has (h + 1) x (w + 1) places; its
///     and a row of zeros above and below                       place q = y (w + 1) + x is made of the input at
///                                                              q + {0, 1} + {0, w + 1}: a tap moves the start. Behind a
///       0 0 0 0 0 0 0                                          row's last pixel comes the next one's zero.
///       0 a b c d e f     0 0 0 0 0 0 0 0 a b c d e f 0 g h i ...
///       0 g h i ...         +---------------+---------------+
///                           | 8 neighbors: a row of a core  | ...     16 of them are a product's 128 pixels
///                             matrix, 128 bytes apart
///
///     warpgroup 0    (even, even): 4 taps, (odd, odd): 1       two phases of 64 channels x 128 pixels each: 128 sums a thread
///     warpgroup 1    (even, odd): 2 taps, (odd, even): 2       nine steps of weights a chunk, of which each reads its own
///
///     steps, as they are copied      0  1  2  3  4  5  6  7  8 | 0' 1' 2' 3' ...      the first twelve before the launch ahead has ended
///     ring of warpgroup 0, 7 stages  0     2     4     6     8   0'    2'
///     ring of warpgroup 1, 5 stages     1     3     5     7         1'    3' (round two: in the place of 1)
/// </code>
/// In blocks of 8 x 8 a picture's extra row and column start blocks of their own, 9 for 4 at 16 x 16 pixels; here a picture wastes less
/// than one tile. Places that a phase has not (the last row or column of odd ones) become what zeros become, and nobody reads them. A
/// product of 64 channels x 128 pixels x 16 reads 6 KB of shared memory in 64 cycles, 96 bytes a cycle, where 64 pixels x 64 channels read
/// 128, all there are. A step moves 8 KB of weights from L2 for 256 cycles of products, and an input tile 20 to 33 KB for nine steps: 40 to
/// 46 bytes a cycle at the full rate, more than the 33 or so that L2 gives every multiprocessor. Warpgroup 1 has four taps of nine and ends
/// first, so one's epilogue runs beside the other's products. Of one ring for both a stage would be one's in one round and the other's in
/// the next, and neither would see every phase of its barrier (<see cref="CopyRing"/>).
/// </summary>
internal static class WgmmaFlatUpConvolution
{
    /// <summary>Output channels of a tile, input channels of a chunk, pixels of a tile.</summary>
    public const int Channels = 64, Chunk = 64, Pixels = 128;

    private const int InputStages = 3, Warps = 4, Taps = 9, WeightStage = Channels * Chunk;

    // Warpgroup 0's stages and warpgroup 1's behind them, in the proportion of their steps.
    private const int EvenStages = 7, OddStages = 5, WeightStages = EvenStages + OddStages;

    /// <summary>Halves of shared memory.</summary>
    public static int SharedLength(int width) => InputStages * Pitch(width) * TileRows(width) * Chunk + WeightStages * WeightStage;

    /// <summary>Rows of an input tile: those in which a run of positions lies, wherever it starts, one above, and what its end looks at.
    /// </summary>
    /// <param name="width">The input's.</param>
    public static int TileRows(int width) => 2 + (Pixels + width) / Pitch(width);

    /// <summary>Pixels from row to row.</summary>
    /// <param name="width">The input's.</param>
    public static int Pitch(int width) => width + 1;

    [LaunchBounds(CopyRing.ThreadsAlone, 1)]
    public static void Run<TResult>(WgmmaFlatUpArguments u) where TResult : struct, IConvolutionResult
    {
        CopyRing ring = CopyRing.Open(InputStages, WeightStages, WeightStage, CopyRing.ConsumerWarps, Warps);
        int thread = Group.IdxX;
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            CopyRing.GiveRegisters();
            if (thread == 32 * CopyRing.ConsumerWarps) Copy(u, ring);
        }
        else
        {
            CopyRing.TakeRegisters();
            Overlap.Wait();
            Multiply<TResult>(u, ring);
        }
    }

    // The nine steps of a chunk: the warpgroups' in turn, each in the order in which it takes them.
    private static int PhaseOf(int step) => (step & 1) == 0 ? step == 8 ? 3 : 0 : step < 4 ? 1 : 2;

    private static int TapOf(int step) => (step & 1) == 0 ? (step >> 1) & 3 : (step >> 1) & 1;

    // Whose a step is, and what of the stages of weights is a warpgroup's.
    private static int GroupOf(int step) => step & 1;

    private static int FirstStage(int group) => group == 0 ? 0 : EvenStages;

    private static int Stages(int group) => group == 0 ? EvenStages : OddStages;

    private static int InputStage(WgmmaFlatUpArguments u) => u.TileRows * u.Convolution.OutputWidth * Chunk;

    // The row in which a tile starts.
    private static int RowOf(WgmmaFlatUpArguments u, ConvolutionItem item) => item.Column / u.Convolution.OutputWidth;

    private static void Copy(WgmmaFlatUpArguments u, CopyRing ring)
    {
        HalfConvolutionArguments a = u.Convolution;
        int inputStage = InputStage(u);
        CopyRing.Prepare(u.InputMap, u.WeightMap, a.Epilogue.Bias);
        // Weights are nobody's result: the first are on their way before the launch ahead has ended. Of twelve steps each warpgroup has as
        // many as stages.
        int start = ConvolutionItem.At(a, Grid.IdxX).TileN, early = IntrinsicMath.Min(WeightStages, u.Chunks * u.Passes * Taps);
        WeightRings weights = WeightRings.Producer;
        for (int i = 0; i < early; i++)
        {
            int pass = i / Taps, step = i - pass * Taps;
            CopyWeights(u, start, pass, step, ring, weights.Next(step).Stage);
        }
        Overlap.Wait();
        weights = WeightRings.Producer;
        RingPosition input = RingPosition.Producer;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            int row = RowOf(u, item) - 1;
            for (int c = 0; c < u.Chunks; c++)
            {
                Intrinsics.MBarrierWait(ref ring.InputEmpty[input.Stage], input.Parity);
                Intrinsics.MBarrierArriveExpectTx(ref ring.InputFull[input.Stage], 2 * inputStage);
                // Four halves are an element, two elements a pixel's octet.
                Intrinsics.TmaLoad5D(
                    ref ring.Inputs[input.Stage * inputStage], ref u.InputMap[0], -2, row, 0, c * (Chunk / 8), item.Frame,
                    ref ring.InputFull[input.Stage]);
                input.Advance(InputStages);
                for (int i = 0; i < u.Passes * Taps; i++)
                {
                    int pass = i / Taps, step = i - pass * Taps;
                    RingPosition weight = weights.Next(step);
                    if (early > 0)
                    {
                        early--;
                    }
                    else
                    {
                        Intrinsics.MBarrierWait(ref ring.WeightEmpty[weight.Stage], weight.Parity);
                        CopyWeights(u, item.TileN, c * u.Passes + pass, step, ring, weight.Stage);
                    }
                }
            }
        }
    }

    // Where the copying lane is in the two rings of weights.
    private struct WeightRings
    {
        private RingPosition _even, _odd;

        public static WeightRings Producer => new() { _even = RingPosition.Producer, _odd = RingPosition.Producer };

        // A step's place among all stages; its ring goes on to the next.
        public RingPosition Next(int step)
        {
            int group = GroupOf(step);
            RingPosition place = group == 0 ? _even : _odd, next = place;
            next.Advance(Stages(group));
            if (group == 0) _even = next;
            else _odd = next;
            place.Stage += FirstStage(group);
            return place;
        }
    }

    private static void CopyWeights(WgmmaFlatUpArguments u, int tileN, int pass, int i, CopyRing ring, int stage)
    {
        int phase = PhaseOf(i);
        int step = u.Chunks * u.Passes * WgmmaUpConvolution.FirstTapOf(phase) + pass * WgmmaUpConvolution.TapsOf(phase) + TapOf(i);
        Intrinsics.MBarrierArriveExpectTx(ref ring.WeightFull[stage], 2 * WeightStage);
        int coreMatrix = (step * u.Convolution.OutputOctets + tileN * (Channels / 8)) * (Chunk / 8);
        Intrinsics.TmaLoad2D(ref ring.Weights[stage * WeightStage], ref u.WeightMap[0], 0, coreMatrix, ref ring.WeightFull[stage]);
    }

    // Where a warpgroup is in the rings, and what it has read but not yet given back (of all stages).
    private struct Reader
    {
        public RingPosition Input, Weight;

        public int FreedInput, FreedWeight;
    }

    private static void Multiply<TResult>(WgmmaFlatUpArguments u, CopyRing ring) where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = u.Convolution;
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7, parts = default(TResult).Parts(a.Epilogue);
        int first = group, second = 3 - group, firstTaps = group == 0 ? 4 : 2, secondTaps = group == 0 ? 1 : 2; // Phases.
        ArrayView<float> sum = LocalMemory.Allocate<float>(Pixels);
        Reader reader = default;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            for (int i = 0; i < Pixels; i++) sum[i] = 0f;
            reader.FreedInput = -1;
            reader.FreedWeight = -1;
            int start = item.Column - RowOf(u, item) * a.OutputWidth;
            for (int c = 0; c < u.Chunks; c++)
            {
                Intrinsics.MBarrierWait(ref ring.InputFull[reader.Input.Stage], reader.Input.Parity);
                for (int pass = 0; pass < u.Passes; pass++)
                {
                    for (int tap = 0; tap < firstTaps; tap++)
                        Step(u, ring, start, group, first, tap, ref reader, sum.SubView(0, Pixels / 2));
                    for (int tap = 0; tap < secondTaps; tap++)
                        Step(u, ring, start, group, second, tap, ref reader, sum.SubView(Pixels / 2, Pixels / 2));
                }
                reader.FreedInput = reader.Input.Stage;
                reader.Input.Advance(InputStages);
            }
            Intrinsics.WgmmaWait(Pixels, ref sum[0], 0);
            Intrinsics.WgmmaWait(Pixels, ref sum[Pixels / 2], 0);
            if (lane == 0)
            {
                Intrinsics.MBarrierArrive(ref ring.WeightEmpty[reader.FreedWeight]);
                Intrinsics.MBarrierArrive(ref ring.InputEmpty[reader.FreedInput]);
            }
            Finish(a, parts, ConvolutionItem.OfPhase(a, item, first), sum.SubView(0, Pixels / 2));
            Finish(a, parts, ConvolutionItem.OfPhase(a, item, second), sum.SubView(Pixels / 2, Pixels / 2));
        }
    }

    // The products of a tap of a chunk.
    private static void Step(
        WgmmaFlatUpArguments u, CopyRing ring, int start, int group, int phase, int tap, ref Reader reader, ArrayView<float> sum)
    {
        int lane = Group.IdxX & 31, pitch = u.Convolution.OutputWidth, plane = u.TileRows * pitch;
        int stage = FirstStage(group) + reader.Weight.Stage;
        int shift = start + WgmmaUpConvolution.RowOf(phase, tap) * pitch + WgmmaUpConvolution.ColumnOf(phase, tap);
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref ring.Inputs[0]) >> 4) + reader.Input.Stage * (InputStage(u) / 8),
            weightAddress = (int)(Intrinsics.SharedAddress(ref ring.Weights[0]) >> 4) + stage * (WeightStage / 8);
        ulong x = WgmmaConvolution.Descriptor(inputAddress + shift, plane, 8);
        ulong w = WgmmaConvolution.Descriptor(weightAddress, 8, Chunk);
        Intrinsics.MBarrierWait(ref ring.WeightFull[stage], reader.Weight.Parity);
        Intrinsics.WgmmaFence(Pixels, ref sum[0]);
        for (int k = 0; k < Chunk >> 4; k++)
            Intrinsics.Wgmma(Pixels, ref sum[0], w + (ulong)(uint)(k * 16), x + (ulong)(uint)(k * 2 * plane), true);
        Intrinsics.WgmmaCommitGroup();
        Intrinsics.WgmmaWaitGroup(1);
        // The step before is done, in every lane of this warp: what it read may be overwritten.
        if (lane == 0 && reader.FreedWeight >= 0) Intrinsics.MBarrierArrive(ref ring.WeightEmpty[reader.FreedWeight]);
        if (lane == 0 && reader.FreedInput >= 0) Intrinsics.MBarrierArrive(ref ring.InputEmpty[reader.FreedInput]);
        reader.FreedInput = -1;
        reader.FreedWeight = stage;
        reader.Weight.Advance(Stages(group));
    }

    // The epilogue of a phase, from a thread's sums to global memory. Lane 4g + t of warp w holds channels 16w + g and eight further, of
    // positions 2t and 2t + 1 of eight. Turned back, it holds channels 16w + 2t, the next, and those of the next octet, of position g.
    private static void Finish(HalfConvolutionArguments a, int parts, ConvolutionItem item, ArrayView<float> sum)
    {
        int lane = Group.IdxX & 31, warp = (Group.IdxX >> 5) & 3, channel = item.TileN * Channels + 16 * warp + (lane >> 2);
        HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, parts, item.Frame, channel, channel + 8);
        int position = item.Column + (lane >> 2), left = a.OutputHeight * a.OutputWidth - position;
        int at = ConvolutionItem.PairAt(a, item, item.Frame, 0, position, item.TileN * Channels + 16 * warp + 2 * (lane & 3));
        int nextOctet = ConvolutionItem.PairsPerOctet(a);
        ArrayView<uint> output = a.Output.Cast<uint>();
        for (int i = 0; i < Pixels / 8; i++)
        {
            (uint low, uint high) = WgmmaWideConvolution.Turned(terms, parts, sum, i);
            if (8 * i < left)
            {
                output[at] = low;
                output[at + nextOctet] = high;
            }
            at += 8 * 4;
        }
    }
}
