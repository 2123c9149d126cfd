using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>
/// Convolution of 64 to 64 channels as an implicit GEMM on Hopper's `wgmma`, turned over: weights are the first operand, pixels the second,
/// 256 of them in a product.
/// <code>
///     y^T [64 channels x 256 pixels] += w [64 x 16 of a tap] x^T [16 x 256 pixels]
///
///     input tile of a strip of 8 x 32 pixels, with halo       shared memory
///       . . . . . . . . . .
///       . +-------------+ .   a row of 8 pixels and             +---+---+---+---+---+---+---+---+---+
///       . |             | .   8 channels is a core matrix;      | w |   |   |   |   |   |   |   |   |   all weights, loaded once
///       . |   8 x 32    | .   32 of them, a pitch apart         +---+---+---+---+---+---+---+---+---+
///       . |             | .   (stride); octets lie a plane      +--------+ +--------+ +--------+
///       . +-------------+ .   apart (leading); a tap moves      | item i | |  i + 1 | |  i + 2 |        a ring of input tiles
///       . . . . . . . . . .   the start by whole pixels         +--------+ +--------+ +--------+
///
///     warpgroup 0     | products of i     | epilogue of i     | products of i + 2 | epilogue of i + 2
///     warpgroup 1     | epilogue of i - 1 | products of i + 1 | epilogue of i + 1 | products of i + 3        in turns
/// </code>
/// A product of 64 pixels x 64 channels x 16 reads 4 KB of shared memory in the 32 cycles that it keeps the tensor cores busy, all 128
/// bytes a cycle that there are (<see cref="WgmmaConvolution"/>: two thirds of the full rate at best). 64 channels x 256 pixels x 16 read
/// 10 KB in 128 cycles, 80 bytes a cycle. Results come turned: a thread holds two channels of 64 pixels; 8 x 8 of them are turned back in
/// registers. Bound by 2 M N K operations; the input is read 1.33 times because of the halo.
/// </summary>
internal static class WgmmaWideConvolution
{
    /// <summary>Output channels, and input channels of the one chunk.</summary>
    public const int Channels = 64;

    /// <summary>Blocks of 8 x 8 pixels of a strip, one below the other.</summary>
    public const int Blocks = 4;

    /// <summary>Most steps: all their weights stay in shared memory.</summary>
    public const int MostSteps = 9;

    /// <summary>Halves of a step of weights.</summary>
    public const int WeightStage = Channels * Channels;

    private const int Rows = 8 * Blocks, Pixels = 8 * Rows, InputStages = 3;

    // Warps of a warpgroup; sums of ToFlow; pairs of pixels of a strip.
    private const int Warps = 4, Flows = 3, Pairs = Pixels / 2;

    /// <summary>Halves of shared memory.</summary>
    public static int SharedLength(int inputStage) => InputStages * inputStage + MostSteps * WeightStage;

    [LaunchBounds(CopyRing.ThreadsAlone, 1)]
    public static void Run<TResult>(WgmmaConvolutionArguments a) where TResult : struct, IConvolutionResult
    {
        ArrayView<ulong> turns = OpenTurns();
        CopyRing ring = CopyRing.Open(InputStages, MostSteps, WeightStage, Warps, Warps);
        int thread = Group.IdxX;
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            CopyRing.GiveRegisters();
            if (thread == 32 * CopyRing.ConsumerWarps) Copy(a, ring);
        }
        else
        {
            CopyRing.TakeRegisters();
            Overlap.Wait();
            Multiply<TResult>(a, ring, turns);
        }
    }

    /// <summary>
    /// The barriers by which two warpgroups multiply in turns: a warpgroup's says that all warps of the other have issued their products.
    /// All threads of the group call it, before <see cref="CopyRing.Open"/>, where they meet.
    /// </summary>
    public static ArrayView<ulong> OpenTurns()
    {
        ArrayView<ulong> turns = SharedMemory.Allocate<ulong>(2);
        if (Group.IdxX == 0)
        {
            Intrinsics.MBarrierInit(ref turns[0], Warps);
            Intrinsics.MBarrierInit(ref turns[1], Warps);
        }
        return turns;
    }

    /// <summary>Brings the weights of all steps into the ring, a stage each.</summary>
    public static void CopyWeights(CopyRing ring, ArrayView<TensorMap> map, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            Intrinsics.MBarrierArriveExpectTx(ref ring.WeightFull[step], 2 * WeightStage);
            Intrinsics.TmaLoad2D(ref ring.Weights[step * WeightStage], ref map[0], 0, step * (WeightStage / 64), ref ring.WeightFull[step]);
        }
    }

    private static void Copy(WgmmaConvolutionArguments w, CopyRing ring)
    {
        HalfConvolutionArguments a = w.Convolution;
        ArrayView<WgmmaStep> steps = a.Steps.Cast<WgmmaStep>();
        CopyRing.Prepare(w.InputMaps, w.WeightMap, a.Epilogue.Bias);
        // Weights are nobody's result: they are on their way before the launch ahead has ended.
        CopyWeights(ring, w.WeightMap, ConvolutionItem.At(a, Grid.IdxX).EndStep);
        Overlap.Wait();
        StepCopy copy = steps[0].Copy;
        StepOrigin origin = steps[0].Origin;
        RingPosition input = RingPosition.Producer;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            Intrinsics.MBarrierWait(ref ring.InputEmpty[input.Stage], input.Parity);
            Intrinsics.MBarrierArriveExpectTx(ref ring.InputFull[input.Stage], copy.TileBytes);
            Intrinsics.TmaLoad5D(
                ref ring.Inputs[input.Stage * w.InputStage], ref w.InputMaps[0],
                item.Column * 8 + origin.Column, item.Row + origin.Row, 0, 0, item.Frame, ref ring.InputFull[input.Stage]);
            input.Advance(InputStages);
        }
    }

    private static void Multiply<TResult>(WgmmaConvolutionArguments arguments, CopyRing ring, ArrayView<ulong> turns)
        where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = arguments.Convolution;
        int lane = Group.IdxX & 31, group = Group.IdxX >> 7, parts = default(TResult).Parts(a.Epilogue);
        // In units of 16 bytes, as descriptors count.
        int inputAddress = (int)(Intrinsics.SharedAddress(ref ring.Inputs[0]) >> 4),
            weightAddress = (int)(Intrinsics.SharedAddress(ref ring.Weights[0]) >> 4);
        ArrayView<WgmmaStep> steps = a.Steps.Cast<WgmmaStep>();
        ArrayView<float> sum = LocalMemory.Allocate<float>(Pixels / 2);
        // Items are the warpgroups' in turn, and so are the stages; the first item's turn has come. Three stages: the one of item i held
        // item i - 3 before, the other warpgroup's, and this one leaves out that phase. It may (CopyRing), since the phase has ended when
        // it waits for i: the other warpgroup has seen tile i - 3, then issued its products, then given this one the turn of item i - 2,
        // which is behind it. The turn of item i itself does not matter, so the tile may be waited for before it.
        RingPosition input = new() { Stage = group };
        int turn = 1 - group;
        for (int index = Grid.IdxX + group * Grid.DimX; index < a.Items; index += 2 * Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            for (int i = 0; i < Pixels / 2; i++) sum[i] = 0f;
            Intrinsics.WgmmaFence(Pixels, ref sum[0]); // Zeros now, not when the turn has come.
            StepTap tap = steps[0].Tap;
            Intrinsics.MBarrierWait(ref ring.InputFull[input.Stage], input.Parity);
            Intrinsics.MBarrierWait(ref turns[group], turn);
            turn ^= 1;
            for (int step = 0; step < item.EndStep; step++)
            {
                int plane = tap.Plane;
                ulong x = WgmmaConvolution.Descriptor(
                    inputAddress + input.Stage * (arguments.InputStage / 8) + tap.Shift, plane, tap.Pitch);
                ulong w = WgmmaConvolution.Descriptor(weightAddress + step * (WeightStage / 8), 8, Channels);
                Intrinsics.MBarrierWait(ref ring.WeightFull[step], 0); // They stay.
                Intrinsics.WgmmaFence(Pixels, ref sum[0]);
                for (int k = 0; k < Channels >> 4; k++)
                    Intrinsics.Wgmma(Pixels, ref sum[0], w + (ulong)(uint)(k * 16), x + (ulong)(uint)(k * 2 * plane), true);
                Intrinsics.WgmmaCommitGroup();
                tap = steps[step + 1].Tap; // The next step's, while the products run; there is one more than needed.
                Intrinsics.WgmmaWaitGroup(1);
            }
            // While the last step's products run, the other warpgroup issues its first.
            if (lane == 0) Intrinsics.MBarrierArrive(ref turns[1 - group]);
            Intrinsics.WgmmaWait(Pixels, ref sum[0], 0);
            if (lane == 0) Intrinsics.MBarrierArrive(ref ring.InputEmpty[input.Stage]);
            input.Advance(InputStages);
            input.Advance(InputStages);
            if ((parts & EpilogueParts.Flow) != 0) FinishFlow(a, parts, item, sum);
            else Finish(Rows, a, parts, item, sum);
        }
    }

    // Lane 4g + t of warp w holds channels 16w + g and eight further, of each row's pixels 2t and 2t + 1.
    private static Float2 Left(HalfEpilogueTerms terms, int parts, ArrayView<float> sum, int row) =>
        HalfEpilogue.Apply(terms, parts, new(sum[4 * row], sum[4 * row + 2]));

    private static Float2 Right(HalfEpilogueTerms terms, int parts, ArrayView<float> sum, int row) =>
        HalfEpilogue.Apply(terms, parts, new(sum[4 * row + 1], sum[4 * row + 3]));

    /// <summary>
    /// Eight pixels' results, turned back: lane 4g + t of warp w gets channels 16w + 2t and the next, and those of the next octet, of pixel
    /// g. All lanes call it.
    /// </summary>
    public static (uint Octet, uint NextOctet) Turned(HalfEpilogueTerms terms, int parts, ArrayView<float> sum, int row)
    {
        Float2 left = Left(terms, parts, sum, row), right = Right(terms, parts, sum, row);
        return (
            Intrinsics.TransposeMatrix(HalfEpilogue.Pack(new(left.X, right.X))),
            Intrinsics.TransposeMatrix(HalfEpilogue.Pack(new(left.Y, right.Y))));
    }

    /// <summary>The epilogue of a strip of so many rows, from a thread's sums to global memory.</summary>
    public static void Finish(int rowsOfStrip, HalfConvolutionArguments a, int parts, ConvolutionItem item, ArrayView<float> sum)
    {
        // Turned back, lane 4g + t holds channels 16w + 2t, the next, and those of the next octet, of each row's pixel g: a warp stores 128
        // bytes in one piece.
        int lane = Group.IdxX & 31, warp = (Group.IdxX >> 5) & 3, channel = 16 * warp + (lane >> 2);
        HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, parts, item.Frame, channel, channel + 8);
        int column = item.Column + (lane >> 2), rows = column < item.Columns ? item.Rows - item.Row : 0;
        int at = ConvolutionItem.PairAt(a, item, item.Frame, item.Row, column, 16 * warp + 2 * (lane & 3));
        int nextOctet = ConvolutionItem.PairsPerOctet(a);
        ArrayView<uint> output = a.Output.Cast<uint>();
        for (int row = 0; row < rowsOfStrip; row++)
        {
            (uint first, uint second) = Turned(terms, parts, sum, row);
            if (row < rows)
            {
                output[at] = first;
                output[at + nextOctet] = second;
            }
            at += a.OutputWidth * 4;
        }
    }

    // ToFlow's sums: over the thread's two channels, then over the eight lanes that share its pixels, each of which is left with one row of
    // eight, then over the warps through shared memory; always in the same order.
    private static void FinishFlow(HalfConvolutionArguments a, int parts, ConvolutionItem item, ArrayView<float> sum)
    {
        int thread = Group.IdxX & 127, lane = thread & 31, warp = thread >> 5, group = Group.IdxX >> 7, channel = 16 * warp + (lane >> 2);
        HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, parts, item.Frame, channel, channel + 8);
        ArrayView<float> weights = LocalMemory.Allocate<float>(2 * Flows), share = LocalMemory.Allocate<float>(4 * 2 * Flows);
        int style = item.Frame * a.Flow.StyleStride + channel;
        for (int j = 0; j < Flows; j++)
        {
            weights[2 * j] = a.Flow.Weights[j * a.Flow.Channels + channel] * a.Flow.Style[style];
            weights[2 * j + 1] = a.Flow.Weights[j * a.Flow.Channels + channel + 8] * a.Flow.Style[style + 8];
        }
        ArrayView<Float2> shares = SharedMemory.Allocate<Float2>(2 * Warps * Flows * Pairs)
            .SubView(group * (Warps * Flows * Pairs), Warps * Flows * Pairs);
        for (int eight = 0; eight < Rows; eight += 8)
        {
            for (int row = 0; row < 4; row++)
            {
                Float2 left = Left(terms, parts, sum, eight + row), right = Right(terms, parts, sum, eight + row);
                Float2 left4 = Left(terms, parts, sum, eight + row + 4), right4 = Right(terms, parts, sum, eight + row + 4);
                for (int j = 0; j < Flows; j++)
                {
                    int at = (row * Flows + j) * 2;
                    Float2 weight = new(weights[2 * j], weights[2 * j + 1]);
                    share[at] = Halve(Dot(weight, left), Dot(weight, left4), 16);
                    share[at + 1] = Halve(Dot(weight, right), Dot(weight, right4), 16);
                }
            }
            for (int i = 0; i < 4 * Flows; i++) share[i] = Halve(share[i], share[i + 4 * Flows], 8);
            for (int i = 0; i < 2 * Flows; i++) share[i] = Halve(share[i], share[i + 2 * Flows], 4);
            for (int j = 0; j < Flows; j++) shares[(warp * Flows + j) * Pairs + eight * 4 + lane] = new(share[2 * j], share[2 * j + 1]);
        }
        Intrinsics.NamedBarrier(1 + group, 32 * Warps);
        int y = item.Row + (thread >> 2), x = item.Column + 2 * (thread & 3);
        ArrayView<Float2> output = a.Flow.Output.Cast<Float2>();
        for (int j = 0; j < Flows; j++)
        {
            Float2 total = shares[j * Pairs + thread];
            for (int w = 1; w < Warps; w++)
            {
                Float2 next = shares[(w * Flows + j) * Pairs + thread];
                total = new(total.X + next.X, total.Y + next.Y);
            }
            if (y < item.Rows && x < item.Columns)
                output[(((item.Frame * Flows + j) * a.OutputHeight + y) * a.OutputWidth + x) >> 1] = total;
        }
        Intrinsics.NamedBarrier(1 + group, 32 * Warps); // All have read: the next item's may be written.
    }

    private static float Dot(Float2 weight, Float2 value) => Intrinsics.Fma(weight.Y, value.Y, weight.X * value.X);

    // Two lanes share two sums: the lane with the bit is left with the second, the other with the first.
    private static float Halve(float first, float second, int bit)
    {
        bool isSecond = (Group.IdxX & bit) != 0;
        return (isSecond ? second : first) + Warp.ShuffleXor(isSecond ? first : second, bit);
    }
}
