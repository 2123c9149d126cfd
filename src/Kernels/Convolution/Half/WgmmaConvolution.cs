namespace Lia.Kernels.Convolution;

/// <summary>
/// Convolution as an implicit matrix product on Hopper's `wgmma`, fed by the copy engine; same operands, steps and epilogue as <see cref="MmaConvolution"/>.
/// <code>
///     warp 8, one lane          ring of input tiles (chunk of channels, with halo)        warpgroups 0 and 1
///     for each work item          +----------+ +----------+                               for each work item
///       for each step             | chunk c  | | chunk c+1|   full / empty barriers         for each step
///         copy a tile if new ---> +----------+ +----------+ -------------------------->       64 pixels x N x 16, Blocks x chunk / 16 times
///         copy weights      ----> +---+---+---+---+---+                                       the step before is done: release its stage
///                                 |   |   |   |   |   |  ring of weights, a step each       epilogue, from registers to global memory
///                                 +---+---+---+---+---+
///
///     Neither operand is swizzled: in CHW8 the 8 pixels x 8 channels of a core matrix are 128 neighbouring bytes. A tap is the same tile with the
///     start address moved by whole pixels (16 bytes); eight rows of a block are a pitch apart (stride), sixteen bytes of channels a plane (leading).
/// </code>
/// Groups are persistent: item i, i + grid, ...; the copies of the next item run beside the epilogue of this one. Bound by 2 M N K operations at the rate of
/// wgmma; with the halo shared by nine taps a 256 x 128 tile moves 20 KB from L2 for 4.2 MFLOP, a third of what nine separate loads would.
/// </summary>
internal static class WgmmaConvolution
{
    /// <summary>Deepest step.</summary>
    public const int MostChunk = 64;

    /// <summary>Two warpgroups and the warp that copies.</summary>
    public const int Threads = 288;

    /// <summary>Halves of shared memory.</summary>
    public static int SharedLength<TTile>(int inputStage, int chunk) where TTile : struct, IWgmmaTile =>
        default(TTile).InputStages * inputStage + default(TTile).WeightStages * default(TTile).N * chunk;

    /// <summary>Halves of an input tile with room for a halo, whole 128 bytes.</summary>
    public static int InputStage(int blocksX, int blocksY, int tileFrames, int chunk, int halo) =>
        ((8 * blocksX + (halo & 255)) * (8 * blocksY + (halo >> 8)) * tileFrames * chunk + 63) / 64 * 64;

    [LaunchBounds(Threads, 1)]
    public static void RunAlone<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult => Run<TTile, TChunk, TResult>(a);

    [LaunchBounds(Threads, 2)]
    public static void RunInPairs<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult => Run<TTile, TChunk, TResult>(a);

    private static void Run<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        int inputStages = default(TTile).InputStages, weightStages = default(TTile).WeightStages;
        ArrayView<ulong> barriers = SharedMemory.Allocate<ulong>(2 * (default(TTile).InputStages + default(TTile).WeightStages));
        ArrayView<ulong> inputFull = barriers, inputEmpty = barriers.SubView(inputStages);
        ArrayView<ulong> weightFull = barriers.SubView(2 * inputStages), weightEmpty = barriers.SubView(2 * inputStages + weightStages);
        ArrayView<Half> weights = SwizzledSharedMemory.GetDynamic<Half>(); // The copy engine writes to multiples of 128 bytes.
        ArrayView<Half> inputs = weights.SubView(weightStages * default(TTile).N * default(TChunk).Value);
        int thread = Group.IdxX;
        Overlap.Allow();
        if (thread == 0) CopyRing.Initialise(inputFull, inputEmpty, inputStages, weightFull, weightEmpty, weightStages);
        Group.Barrier();
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            if (thread == 32 * CopyRing.ConsumerWarps) Copy<TTile, TChunk, OneHalf>(a, inputs, weights, inputFull, inputEmpty, weightFull, weightEmpty);
        }
        else
        {
            Overlap.Wait();
            Multiply<TTile, TChunk, TResult>(a, inputs, weights, inputFull, inputEmpty, weightFull, weightEmpty);
        }
    }

    /// <summary>What the lane that copies does. Of a map of two parts a tile is both, the second behind the first.</summary>
    public static void Copy<TTile, TChunk, TFormat>(
        WgmmaConvolutionArguments w, ArrayView<Half> inputs, ArrayView<Half> weights,
        ArrayView<ulong> inputFull, ArrayView<ulong> inputEmpty, ArrayView<ulong> weightFull, ArrayView<ulong> weightEmpty)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TFormat : struct, IMapFormat
    {
        HalfConvolutionArguments a = w.Convolution;
        int input = 0, inputParity = 1, weight = 0, weightParity = 1;
        // Weights are nobody's result: the first are on their way before the launch ahead has ended.
        ConvolutionItem start = ConvolutionItem.At(a, Grid.IdxX);
        int early = start.IsEmpty ? 0 : IntrinsicMath.Min(default(TTile).WeightStages, start.EndStep - start.FirstStep);
        for (int i = 0; i < early; i++) CopyWeights<TTile, TChunk>(w, start, start.FirstStep + i, weights, ref weightFull[i], i);
        Overlap.Wait();
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            int last = item.IsEmpty ? item.FirstStep : item.EndStep;
            for (int step = item.FirstStep; step < last; step++)
            {
                Int4 first = a.Steps[3 * step];
                if ((first.X & ConvolutionStep.LoadsTile) != 0)
                {
                    Int4 origin = a.Steps[3 * step + 1];
                    Intrinsics.MBarrierWait(ref inputEmpty[input], inputParity);
                    Intrinsics.MBarrierArriveExpectTx(ref inputFull[input], first.W * default(TFormat).Parts);
                    Intrinsics.TmaLoad5D(
                        ref inputs[input * w.InputStage], ref w.InputMaps[first.X >> ConvolutionStep.MapShift],
                        item.Column * 8 + origin.Y, item.Row + origin.X, first.Y, first.Z, item.Frame, ref inputFull[input]);
                    if (default(TFormat).Parts == 2)
                    {
                        Intrinsics.TmaLoad5D(
                            ref inputs[input * w.InputStage + (w.InputStage >> 1)], ref w.InputMaps[first.X >> ConvolutionStep.MapShift],
                            item.Column * 8 + origin.Y, item.Row + origin.X, first.Y + origin.Z, first.Z, item.Frame, ref inputFull[input]);
                    }
                    input++;
                    if (input == default(TTile).InputStages)
                    {
                        input = 0;
                        inputParity ^= 1;
                    }
                }
                if (early > 0)
                {
                    early--;
                }
                else
                {
                    Intrinsics.MBarrierWait(ref weightEmpty[weight], weightParity);
                    CopyWeights<TTile, TChunk>(w, item, step, weights, ref weightFull[weight], weight);
                }
                weight++;
                if (weight == default(TTile).WeightStages)
                {
                    weight = 0;
                    weightParity ^= 1;
                }
            }
        }
    }

    private static void CopyWeights<TTile, TChunk>(
        WgmmaConvolutionArguments w, ConvolutionItem item, int step, ArrayView<Half> weights, ref ulong full, int stage)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
    {
        int n = default(TTile).N, chunk = default(TChunk).Value;
        Intrinsics.MBarrierArriveExpectTx(ref full, 2 * n * chunk);
        int coreMatrix = (step * w.Convolution.OutputOctets + item.TileN * (n / 8)) * (chunk / 8);
        Intrinsics.TmaLoad2D(ref weights[stage * n * chunk], ref w.WeightMap[0], 0, coreMatrix, ref full);
    }

    private static void Multiply<TTile, TChunk, TResult>(
        WgmmaConvolutionArguments arguments, ArrayView<Half> inputs, ArrayView<Half> weights,
        ArrayView<ulong> inputFull, ArrayView<ulong> inputEmpty, ArrayView<ulong> weightFull, ArrayView<ulong> weightEmpty)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = arguments.Convolution;
        int chunk = default(TChunk).Value, n = default(TTile).N, blocks = default(TTile).Blocks;
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7, parts = default(TResult).Parts(a.Epilogue);
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref inputs[0]) >> 4), weightAddress = (int)(Intrinsics.SharedAddress(ref weights[0]) >> 4);
        ArrayView<float> sum = LocalMemory.Allocate<float>(default(TTile).Blocks * default(TTile).N / 2);
        int input = -1, inputParity = 1, weight = 0, weightParity = 0;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            if (item.IsEmpty) continue;
            for (int i = 0; i < blocks * n / 2; i++) sum[i] = 0f;
            int freedInput = -1, freedWeight = -1;
            Int4 tap = a.Steps[3 * item.FirstStep + 2];
            // One run of steps; two with a skip, whose steps add to what came through the activation.
            int runs = (parts & EpilogueParts.Skip) != 0 ? 2 : 1, from = item.FirstStep;
            for (int run = 0; run < runs; run++)
            {
                int to = run + 1 < runs ? a.SkipStep : item.EndStep;
                for (int step = from; step < to; step++)
                {
                    int flags = tap.X & 255, pitch = tap.Y & 0xffff, plane = tap.Y >> 16;
                    if ((flags & ConvolutionStep.LoadsTile) != 0)
                    {
                        if (step > item.FirstStep) freedInput = input;
                        input++;
                        if (input == default(TTile).InputStages) input = 0;
                        if (input == 0) inputParity ^= 1;
                        Intrinsics.MBarrierWait(ref inputFull[input], inputParity);
                    }
                    int x = inputAddress + input * (arguments.InputStage / 8) + (tap.X >> 8) + group * tap.Z;
                    ulong w = Descriptor(weightAddress + weight * (n * chunk / 8), 8, chunk);
                    Intrinsics.MBarrierWait(ref weightFull[weight], weightParity);
                    for (int b = 0; b < blocks; b++) Intrinsics.WgmmaFence(n, ref sum[b * n / 2]);
                    for (int b = 0; b < blocks; b++)
                    {
                        ulong tile = Descriptor(x + b * tap.W, plane, pitch);
                        for (int k = 0; k < chunk >> 4; k++)
                            Intrinsics.Wgmma(n, ref sum[b * n / 2], tile + (ulong)(uint)(k * 2 * plane), w + (ulong)(uint)(k * 16), true);
                    }
                    Intrinsics.WgmmaCommitGroup();
                    tap = a.Steps[3 * step + 5]; // The next step's, while the products run; there is one more than needed.
                    Intrinsics.WgmmaWaitGroup(1);
                    // The step before is done, in every lane of this warp: what it read may be overwritten.
                    if (lane == 0 && freedWeight >= 0) Intrinsics.MBarrierArrive(ref weightEmpty[freedWeight]);
                    if (lane == 0 && freedInput >= 0) Intrinsics.MBarrierArrive(ref inputEmpty[freedInput]);
                    freedInput = -1;
                    freedWeight = weight;
                    weight++;
                    if (weight == default(TTile).WeightStages)
                    {
                        weight = 0;
                        weightParity ^= 1;
                    }
                }
                if (run + 1 < runs)
                {
                    for (int b = 0; b < blocks; b++) Intrinsics.WgmmaWait(n, ref sum[b * n / 2], 0);
                    ActivateSums<TTile>(a, item.TileN * n + 2 * (lane & 3), sum);
                }
                from = to;
            }
            for (int b = 0; b < blocks; b++) Intrinsics.WgmmaWait(n, ref sum[b * n / 2], 0);
            if (lane == 0)
            {
                Intrinsics.MBarrierArrive(ref weightEmpty[freedWeight]);
                Intrinsics.MBarrierArrive(ref inputEmpty[input]);
            }

            // Lane 4g + t of warp w holds pixels (2w, g) and (2w + 1, g) of each block, channels 8j + 2t and the next.
            for (int b = 0; b < blocks; b++)
            {
                int block = group * blocks + b, line = block / a.BlocksX;
                int tileFrame = line / a.BlocksY, warp = (Group.IdxX >> 5) & 3;
                int frame = item.Frame + tileFrame, row = item.Row + (line - tileFrame * a.BlocksY) * 8 + 2 * warp;
                int column = item.Column + (block - line * a.BlocksX) * 8 + (lane >> 2);
                if (frame < a.Frames && row < item.Rows && column < item.Columns)
                    Finish<OneHalf>(n, a, parts, item, frame, row, column, 2 * (lane & 3), sum.SubView(b * n / 2));
            }
        }
    }

    /// <summary>A thread's share of a block of 8 x 8 pixels: two pixels, a fourth of the <paramref name="n"/> channels.</summary>
    public static void Finish<TFormat>(
        int n, HalfConvolutionArguments a, int parts, ConvolutionItem item, int frame, int row, int column, int pair, ArrayView<float> sum)
        where TFormat : struct, IMapFormat
    {
        int channel = item.TileN * n + pair;
        bool hasBelow = row + 1 < item.Rows;
        if ((parts & EpilogueParts.Flow) != 0)
        {
            FlowSums upper = default, lower = default;
            for (int j = 0; j < n / 8; j++)
            {
                HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, parts, frame, channel + 8 * j);
                upper = FlowSums.Add(a.Flow, upper, HalfEpilogue.Apply(terms, parts, new(sum[4 * j], sum[4 * j + 1])), frame, channel + 8 * j);
                lower = FlowSums.Add(a.Flow, lower, HalfEpilogue.Apply(terms, parts, new(sum[4 * j + 2], sum[4 * j + 3])), frame, channel + 8 * j);
            }
            FlowSums.Store(a, upper, frame, row, column, pair >> 1, true);
            FlowSums.Store(a, lower, frame, row + 1, column, pair >> 1, hasBelow);
        }
        else
        {
            int at = ConvolutionItem.PairAt(a, item, frame, row, column, channel), step = ConvolutionItem.PairsPerOctet(a);
            for (int j = 0; j < n / 8; j++)
            {
                ConvolutionItem.Store<TFormat>(a, parts, item, frame, at, hasBelow, channel + 8 * j, new(sum[4 * j], sum[4 * j + 1], sum[4 * j + 2], sum[4 * j + 3]));
                at += step;
            }
        }
    }

    /// <summary>A matrix descriptor without swizzle, everything in units of 16 bytes.</summary>
    public static ulong Descriptor(int start, int leading, int stride) => (uint)(start | leading << 16) | (ulong)(uint)stride << 32;

    /// <summary>Bias and activation before a skip is added to the sums.</summary>
    public static void ActivateSums<TTile>(HalfConvolutionArguments a, int firstChannel, ArrayView<float> sum) where TTile : struct, IWgmmaTile
    {
        int pairs = default(TTile).N / 8;
        for (int j = 0; j < pairs; j++)
        {
            // Channels past the last are not stored; they read its bias.
            int channel = IntrinsicMath.Min(firstChannel + 8 * j, a.OutputOctets * 8 - 2);
            for (int b = 0; b < default(TTile).Blocks; b++)
            {
                int at = (b * pairs + j) * 4;
                Float2 upper = HalfEpilogue.BeforeSkip(a.Epilogue, new(sum[at], sum[at + 1]), channel);
                Float2 lower = HalfEpilogue.BeforeSkip(a.Epilogue, new(sum[at + 2], sum[at + 3]), channel);
                sum[at] = upper.X;
                sum[at + 1] = upper.Y;
                sum[at + 2] = lower.X;
                sum[at + 3] = lower.Y;
            }
        }
    }
}
