namespace Lia.Kernels.Convolution;

/// <summary>
/// The transposed 3x3 convolution with stride 2 of 128 to 64 channels as an implicit GEMM on `wgmma`, with weights as the first operand and
/// pixels as the second (<see cref="WgmmaWideConvolution"/>), all four phases of the output from one input tile
/// (<see cref="WgmmaUpConvolution"/>).
/// <code>
///     input tile of a strip of 8 x 16, all channels        warpgroup 0, in turns with                 warpgroup 1
///       . . . . . . . . .
///       . +-------------+     products of 64 channels        (even, even): 4 taps                     (even, odd): 2 taps
///       . |   8 x 16    |     x 128 pixels x 16              (odd, odd):   1 tap                      (odd, even): 2 taps
///       . +-------------+                                    two phases of 128 pixels: 128 sums a thread
/// </code>
/// The weights of all taps, 144 KB, stay in shared memory; two input tiles of 38 KB fit beside them. Products read 96 bytes of shared
/// memory a cycle. Bound by 2 M N K operations; the output is four times the input's pixels.
/// </summary>
internal static class WgmmaWideUpConvolution
{
    /// <summary>Input channels of a chunk, and chunks.</summary>
    public const int Chunk = 64, Chunks = 2;

    /// <summary>Blocks of 8 x 8 input pixels of a strip, one below the other.</summary>
    public const int Blocks = 2;

    private const int Rows = 8 * Blocks, Pixels = 8 * Rows, InputStages = 2, Steps = 9 * Chunks;

    // A strip with a row above and a column left.
    private const int Pitch = 9, Plane = Pitch * (Rows + 1), InputStage = Plane * Chunks * Chunk;

    /// <summary>Halves of shared memory.</summary>
    public const int SharedLength = InputStages * InputStage + Steps * WgmmaWideConvolution.WeightStage;

    [LaunchBounds(CopyRing.ThreadsAlone, 1)]
    public static void Run<TResult>(WgmmaUpArguments u) where TResult : struct, IConvolutionResult
    {
        ArrayView<ulong> turns = WgmmaWideConvolution.OpenTurns();
        CopyRing ring = CopyRing.Open(InputStages, Steps, WgmmaWideConvolution.WeightStage);
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
            Multiply<TResult>(u.Convolution, ring, turns);
        }
    }

    private static void Copy(WgmmaUpArguments u, CopyRing ring)
    {
        HalfConvolutionArguments a = u.Convolution;
        CopyRing.Prepare(u.InputMap, u.WeightMap, a.Epilogue.Bias);
        // Weights are nobody's result: they are on their way before the launch ahead has ended.
        WgmmaWideConvolution.CopyWeights(ring, u.WeightMap, Steps);
        Overlap.Wait();
        RingPosition input = RingPosition.Producer;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            Intrinsics.MBarrierWait(ref ring.InputEmpty[input.Stage], input.Parity);
            Intrinsics.MBarrierArriveExpectTx(ref ring.InputFull[input.Stage], 2 * InputStage);
            Intrinsics.TmaLoad5D(
                ref ring.Inputs[input.Stage * InputStage], ref u.InputMap[0],
                (item.Column - 1) * 8, item.Row - 1, 0, 0, item.Frame, ref ring.InputFull[input.Stage]);
            input.Advance(InputStages);
        }
        // Strips at the border leave out taps, and of a group that has no others nobody waits for their weights. It may not end before they
        // have come: its shared memory is the next group's.
        for (int step = 0; step < Steps; step++) Intrinsics.MBarrierWait(ref ring.WeightFull[step], 0);
    }

    private static void Multiply<TResult>(HalfConvolutionArguments a, CopyRing ring, ArrayView<ulong> turns)
        where TResult : struct, IConvolutionResult
    {
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7, parts = default(TResult).Parts(a.Epilogue);
        int first = group, second = 3 - group; // Phases.
        ArrayView<float> sum = LocalMemory.Allocate<float>(Pixels);
        RingPosition input = default;
        int turn = 1 - group;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            for (int i = 0; i < Pixels; i++) sum[i] = 0f;
            Intrinsics.WgmmaFence(Pixels, ref sum[0]); // Zeros now, not when the turn has come.
            Intrinsics.WgmmaFence(Pixels, ref sum[Pixels / 2]);
            Intrinsics.MBarrierWait(ref ring.InputFull[input.Stage], input.Parity);
            Intrinsics.MBarrierWait(ref turns[group], turn);
            turn ^= 1;
            Products(a, item, ring, input.Stage, first, sum.SubView(0, Pixels / 2));
            Products(a, item, ring, input.Stage, second, sum.SubView(Pixels / 2, Pixels / 2));
            // While the last products run, the other warpgroup issues its first.
            if (lane == 0) Intrinsics.MBarrierArrive(ref turns[1 - group]);
            Intrinsics.WgmmaWait(Pixels, ref sum[0], 0);
            Intrinsics.WgmmaWait(Pixels, ref sum[Pixels / 2], 0);
            if (lane == 0) Intrinsics.MBarrierArrive(ref ring.InputEmpty[input.Stage]);
            input.Advance(InputStages);
            WgmmaWideConvolution.Finish(Rows, a, parts, ConvolutionItem.OfPhase(a, item, first), sum.SubView(0, Pixels / 2));
            WgmmaWideConvolution.Finish(Rows, a, parts, ConvolutionItem.OfPhase(a, item, second), sum.SubView(Pixels / 2, Pixels / 2));
        }
    }

    private static void Products(
        HalfConvolutionArguments a, ConvolutionItem item, CopyRing ring, int stage, int phase, ArrayView<float> sum)
    {
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref ring.Inputs[0]) >> 4) + stage * (InputStage / 8),
            weightAddress = (int)(Intrinsics.SharedAddress(ref ring.Weights[0]) >> 4);
        int taps = WgmmaUpConvolution.TapsOf(phase), firstStep = Chunks * WgmmaUpConvolution.FirstTapOf(phase);
        for (int tap = 0; tap < taps; tap++)
        {
            if (WgmmaUpConvolution.IsOutside(a, item, phase, tap)) continue;
            int shift = WgmmaUpConvolution.RowOf(phase, tap) * Pitch + WgmmaUpConvolution.ColumnOf(phase, tap);
            ulong x = WgmmaConvolution.Descriptor(inputAddress + shift, Plane, Pitch);
            for (int c = 0; c < Chunks; c++)
            {
                int step = firstStep + c * taps + tap;
                ulong w = WgmmaConvolution.Descriptor(weightAddress + step * (WgmmaWideConvolution.WeightStage / 8), 8, Chunk);
                Intrinsics.MBarrierWait(ref ring.WeightFull[step], 0); // They stay.
                Intrinsics.WgmmaFence(Pixels, ref sum[0]);
                for (int k = 0; k < Chunk >> 4; k++)
                    Intrinsics.Wgmma(Pixels, ref sum[0], w + (ulong)(uint)(k * 16),
                        x + (ulong)(uint)((c * (Chunk >> 4) + k) * 2 * Plane), true);
                Intrinsics.WgmmaCommitGroup();
                Intrinsics.WgmmaWaitGroup(1);
            }
        }
    }
}
