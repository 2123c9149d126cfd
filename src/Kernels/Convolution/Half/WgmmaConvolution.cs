namespace Lia.Kernels.Convolution;

/// <summary>
/// Convolution as an implicit GEMM on Hopper's `wgmma`, fed by the copy engine (TMA): a persistent, warp-specialized kernel whose mainloop
/// walks the same steps as <see cref="MmaConvolution"/>, with the same operands and epilogue.
/// <code>
///     warp 8, one lane          ring of input tiles (chunk of channels, with halo)        warpgroups 0 and 1
///     for each work item          +----------+ +----------+                               for each work item
///       for each step             | chunk c  | | chunk c+1|   full / empty barriers         for each step
///         copy a tile if new ---> +----------+ +----------+ -------------------------->       64 pixels x N x 16,
///         copy weights      ----> +---+---+---+---+---+                                         Blocks x chunk / 16 times
///                                 |   |   |   |   |   |  ring of weights, a step each         the step before is done: release its stage
///                                 +---+---+---+---+---+                                     epilogue, from registers to global memory
///
///     Neither operand is swizzled: in CHW8 the 8 pixels x 8 channels of a core matrix are 128 neighboring bytes. A tap is the same tile
///     with the start address moved by whole pixels (16 bytes); eight rows of a block are a pitch apart (stride), sixteen bytes of
///     channels a plane (leading).
/// </code>
/// Groups are persistent: item i, i + grid, ...; the copies of the next item run beside the epilogue of this one. Bound by 2 M N K
/// operations at the rate of wgmma; with the halo shared by nine taps a 256 x 128 tile moves 20 KB from L2 for 4.2 MFLOP, a third of what
/// nine separate loads would.
/// </summary>
internal static class WgmmaConvolution
{
    /// <summary>Deepest step.</summary>
    public const int MostChunk = 64;

    /// <summary>Two warpgroups and the warp that copies, of which two groups share a multiprocessor.</summary>
    public const int ThreadsInPairs = 288;

    /// <summary>Halves of shared memory.</summary>
    public static int SharedLength<TTile>(int inputStage, int chunk) where TTile : struct, IWgmmaTile =>
        default(TTile).InputStages * inputStage + default(TTile).WeightStages * default(TTile).N * chunk;

    /// <summary>Halves of an input tile with room for a halo, whole 128 bytes.</summary>
    public static int InputStage(int blocksX, int blocksY, int tileFrames, int chunk, int halo) =>
        ((8 * blocksX + (halo & 255)) * (8 * blocksY + (halo >> 8)) * tileFrames * chunk + 63) / 64 * 64;

    [LaunchBounds(CopyRing.ThreadsAlone, 1)]
    public static void RunAlone<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult => Run<TTile, TChunk, TResult>(a, true);

    [LaunchBounds(ThreadsInPairs, 2)]
    public static void RunInPairs<TTile, TChunk, TResult>(WgmmaConvolutionArguments a)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult => Run<TTile, TChunk, TResult>(a, false);

    private static void Run<TTile, TChunk, TResult>(WgmmaConvolutionArguments a, bool isAlone)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        CopyRing ring = Open<TTile, TChunk>();
        int thread = Group.IdxX;
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            if (isAlone) CopyRing.GiveRegisters();
            if (thread == 32 * CopyRing.ConsumerWarps) Copy<TTile, TChunk, OneHalf>(a, ring);
        }
        else
        {
            if (isAlone) CopyRing.TakeRegisters();
            Overlap.Wait();
            Multiply<TTile, TChunk, TResult>(a, ring);
        }
    }

    /// <summary>The rings of a tile.</summary>
    public static CopyRing Open<TTile, TChunk>()
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk =>
        CopyRing.Open(default(TTile).InputStages, default(TTile).WeightStages, default(TTile).N * default(TChunk).Value);

    /// <summary>What the lane that copies does. Of a map of two parts a tile is both, the second behind the first.</summary>
    public static void Copy<TTile, TChunk, TFormat>(WgmmaConvolutionArguments w, CopyRing ring)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TFormat : struct, IMapFormat
    {
        HalfConvolutionArguments a = w.Convolution;
        ArrayView<WgmmaStep> steps = a.Steps.Cast<WgmmaStep>();
        RingPosition input = RingPosition.Producer, weight = RingPosition.Producer;
        CopyRing.Prepare(w.InputMaps, w.WeightMap, a.Epilogue.Bias);
        // Steps and weights are nobody's result: the first are on their way before the launch ahead has ended.
        ConvolutionItem start = ConvolutionItem.At(a, Grid.IdxX);
        Intrinsics.PrefetchL2(ref steps[start.FirstStep], Interop.SizeOf<WgmmaStep>() * (start.EndStep - start.FirstStep));
        int early = start.IsEmpty ? 0 : IntrinsicMath.Min(default(TTile).WeightStages, start.EndStep - start.FirstStep);
        for (int i = 0; i < early; i++) CopyWeights<TTile, TChunk>(w, start, start.FirstStep + i, ring, ref ring.WeightFull[i], i);
        Overlap.Wait();
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            int last = item.IsEmpty ? item.FirstStep : item.EndStep;
            for (int step = item.FirstStep; step < last; step++)
            {
                StepCopy copy = steps[step].Copy;
                if (copy.LoadsTile)
                {
                    StepOrigin origin = steps[step].Origin;
                    Intrinsics.MBarrierWait(ref ring.InputEmpty[input.Stage], input.Parity);
                    Intrinsics.MBarrierArriveExpectTx(ref ring.InputFull[input.Stage], copy.TileBytes * default(TFormat).Parts);
                    Intrinsics.TmaLoad5D(
                        ref ring.Inputs[input.Stage * w.InputStage], ref w.InputMaps[copy.Map],
                        item.Column * 8 + origin.Column, item.Row + origin.Row, copy.Plane, copy.Octet, item.Frame,
                        ref ring.InputFull[input.Stage]);
                    if (default(TFormat).Parts == 2)
                    {
                        Intrinsics.TmaLoad5D(
                            ref ring.Inputs[input.Stage * w.InputStage + (w.InputStage >> 1)], ref w.InputMaps[copy.Map],
                            item.Column * 8 + origin.Column, item.Row + origin.Row, copy.Plane + origin.PartPlanes, copy.Octet, item.Frame,
                            ref ring.InputFull[input.Stage]);
                    }
                    input.Advance(default(TTile).InputStages);
                }
                if (early > 0)
                {
                    early--;
                }
                else
                {
                    Intrinsics.MBarrierWait(ref ring.WeightEmpty[weight.Stage], weight.Parity);
                    CopyWeights<TTile, TChunk>(w, item, step, ring, ref ring.WeightFull[weight.Stage], weight.Stage);
                }
                weight.Advance(default(TTile).WeightStages);
            }
        }
    }

    private static void CopyWeights<TTile, TChunk>(
        WgmmaConvolutionArguments w, ConvolutionItem item, int step, CopyRing ring, ref ulong full, int stage)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
    {
        int n = default(TTile).N, chunk = default(TChunk).Value;
        Intrinsics.MBarrierArriveExpectTx(ref full, 2 * n * chunk);
        int coreMatrix = (step * w.Convolution.OutputOctets + item.TileN * (n / 8)) * (chunk / 8);
        Intrinsics.TmaLoad2D(ref ring.Weights[stage * n * chunk], ref w.WeightMap[0], 0, coreMatrix, ref full);
    }

    private static void Multiply<TTile, TChunk, TResult>(WgmmaConvolutionArguments arguments, CopyRing ring)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = arguments.Convolution;
        int n = default(TTile).N, blocks = default(TTile).Blocks, lane = Group.IdxX & 31, parts = default(TResult).Parts(a.Epilogue);
        ArrayView<WgmmaStep> steps = a.Steps.Cast<WgmmaStep>();
        ArrayView<float> sum = LocalMemory.Allocate<float>(blocks * n / 2);
        RingPosition input = RingPosition.BeforeFirst, weight = default;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            if (item.IsEmpty) continue;
            for (int i = 0; i < blocks * n / 2; i++) sum[i] = 0f;
            int freedInput = -1, freedWeight = -1;
            StepTap tap = steps[item.FirstStep].Tap;
            int skip = (parts & EpilogueParts.Skip) != 0 ? a.SkipStep : item.EndStep;
            Multiply<TTile, TChunk>(arguments, ring, item.FirstStep, item.FirstStep, skip, ref tap, ref input, ref weight, ref freedInput,
                ref freedWeight, sum);
            for (int b = 0; b < blocks; b++) Intrinsics.WgmmaWait(n, ref sum[b * n / 2], 0);
            if ((parts & EpilogueParts.Skip) != 0)
            {
                // The skip's steps add to what came through the activation. A loop of their own: in one loop with the others the assembler
                // would see sums change between products, and wait for each product.
                ActivateSums<TTile>(a, item.TileN * n + 2 * (lane & 3), sum);
                Multiply<TTile, TChunk>(arguments, ring, item.FirstStep, skip, item.EndStep, ref tap, ref input, ref weight, ref freedInput,
                    ref freedWeight, sum);
                for (int b = 0; b < blocks; b++) Intrinsics.WgmmaWait(n, ref sum[b * n / 2], 0);
            }
            if (lane == 0)
            {
                Intrinsics.MBarrierArrive(ref ring.WeightEmpty[freedWeight]);
                Intrinsics.MBarrierArrive(ref ring.InputEmpty[input.Stage]);
            }
            FinishTile<TTile, OneHalf>(a, parts, item, sum);
        }
    }

    // The products of a run of steps; those of the last are still under way.
    private static void Multiply<TTile, TChunk>(
        WgmmaConvolutionArguments arguments, CopyRing ring, int first, int from, int to, ref StepTap tap, ref RingPosition input,
        ref RingPosition weight, ref int freedInput, ref int freedWeight, ArrayView<float> sum)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
    {
        int chunk = default(TChunk).Value, n = default(TTile).N, blocks = default(TTile).Blocks;
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7;
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref ring.Inputs[0]) >> 4),
            weightAddress = (int)(Intrinsics.SharedAddress(ref ring.Weights[0]) >> 4);
        ArrayView<WgmmaStep> steps = arguments.Convolution.Steps.Cast<WgmmaStep>();
        for (int step = from; step < to; step++)
        {
            int pitch = tap.Pitch, plane = tap.Plane;
            if (tap.LoadsTile)
            {
                if (step > first) freedInput = input.Stage;
                input.Enter(default(TTile).InputStages);
                Intrinsics.MBarrierWait(ref ring.InputFull[input.Stage], input.Parity);
            }
            int x = inputAddress + input.Stage * (arguments.InputStage / 8) + tap.Shift + group * tap.GroupOffset;
            ulong w = Descriptor(weightAddress + weight.Stage * (n * chunk / 8), 8, chunk);
            Intrinsics.MBarrierWait(ref ring.WeightFull[weight.Stage], weight.Parity);
            for (int b = 0; b < blocks; b++) Intrinsics.WgmmaFence(n, ref sum[b * n / 2]);
            Products<TTile, TChunk>(x, tap.BlockOffset, plane, pitch, w, sum, true);
            Intrinsics.WgmmaCommitGroup();
            tap = steps[step + 1].Tap; // The next step's, while the products run; there is one more than needed.
            Intrinsics.WgmmaWaitGroup(1);
            // The step before is done, in every lane of this warp: what it read may be overwritten.
            if (lane == 0 && freedWeight >= 0) Intrinsics.MBarrierArrive(ref ring.WeightEmpty[freedWeight]);
            if (lane == 0 && freedInput >= 0) Intrinsics.MBarrierArrive(ref ring.InputEmpty[freedInput]);
            freedInput = -1;
            freedWeight = weight.Stage;
            weight.Advance(default(TTile).WeightStages);
        }
    }

    /// <summary>
    /// A warpgroup's products of a tap (a step's M x N x K): from <paramref name="start"/> in the input tile, into the sums.
    /// </summary>
    public static void Products<TTile, TChunk>(
        int start, int blockOffset, int plane, int pitch, ulong weights, ArrayView<float> sum, bool adds)
        where TTile : struct, IWgmmaTile
        where TChunk : struct, IChunk
    {
        int n = default(TTile).N;
        for (int b = 0; b < default(TTile).Blocks; b++)
        {
            ulong tile = Descriptor(start + b * blockOffset, plane, pitch);
            for (int k = 0; k < default(TChunk).Value >> 4; k++)
                Intrinsics.Wgmma(n, ref sum[b * n / 2], tile + (ulong)(uint)(k * 2 * plane), weights + (ulong)(uint)(k * 16),
                    adds || k > 0);
        }
    }

    /// <summary>The epilogue of a tile, from a thread's sums to global memory.</summary>
    public static void FinishTile<TTile, TFormat>(HalfConvolutionArguments a, int parts, ConvolutionItem item, ArrayView<float> sum)
        where TTile : struct, IWgmmaTile
        where TFormat : struct, IMapFormat
    {
        int n = default(TTile).N, blocks = default(TTile).Blocks, lane = Group.IdxX & 31, group = Group.IdxX >> 7;
        // Lane 4g + t of warp w holds pixels (2w, g) and (2w + 1, g) of each block, channels 8j + 2t and the next.
        for (int b = 0; b < blocks; b++)
        {
            int block = group * blocks + b, line = block / a.BlocksX;
            int tileFrame = line / a.BlocksY, warp = (Group.IdxX >> 5) & 3;
            int frame = item.Frame + tileFrame, row = item.Row + (line - tileFrame * a.BlocksY) * 8 + 2 * warp;
            int column = item.Column + (block - line * a.BlocksX) * 8 + (lane >> 2);
            if ((parts & EpilogueParts.AnyFloat32) != 0)
                Float32Result.Store(parts, n, a, item, frame, row, column, sum.SubView(b * n / 2));
            else if (frame < a.Frames && row < item.Rows && column < item.Columns)
                Finish<TFormat>(n, a, parts, item, frame, row, column, 2 * (lane & 3), sum.SubView(b * n / 2));
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
                upper = FlowSums.Add(a.Flow, upper, HalfEpilogue.Apply(terms, parts, new(sum[4 * j], sum[4 * j + 1])), frame,
                    channel + 8 * j);
                lower = FlowSums.Add(a.Flow, lower, HalfEpilogue.Apply(terms, parts, new(sum[4 * j + 2], sum[4 * j + 3])), frame,
                    channel + 8 * j);
            }
            FlowSums.Store(a, upper, frame, row, column, pair >> 1, true);
            FlowSums.Store(a, lower, frame, row + 1, column, pair >> 1, hasBelow);
        }
        else
        {
            int at = ConvolutionItem.PairAt(a, item, frame, row, column, channel), step = ConvolutionItem.PairsPerOctet(a);
            for (int j = 0; j < n / 8; j++)
            {
                ConvolutionItem.Store<TFormat>(a, parts, item, frame, at, hasBelow, channel + 8 * j,
                    new(sum[4 * j], sum[4 * j + 1], sum[4 * j + 2], sum[4 * j + 3]));
                at += step;
            }
        }
    }

    /// <summary>A matrix descriptor without swizzle, everything in units of 16 bytes.</summary>
    public static ulong Descriptor(int start, int leading, int stride) => (uint)(start | leading << 16) | (ulong)(uint)stride << 32;

    /// <summary>Bias and activation before a skip is added to the sums.</summary>
    public static void ActivateSums<TTile>(HalfConvolutionArguments a, int firstChannel, ArrayView<float> sum)
        where TTile : struct, IWgmmaTile
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
