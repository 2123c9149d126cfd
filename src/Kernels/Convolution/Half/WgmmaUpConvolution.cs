using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>
/// The compile-time shape of a <see cref="WgmmaUpConvolution"/> block: two warpgroups with one block of 8 x 8 input pixels each.
/// </summary>
internal interface IWgmmaUpTile
{
    /// <summary>Output channels.</summary>
    int N { get; }
}

/// <summary>64 channels in four phases: 128 accumulators a thread.</summary>
internal readonly struct WgmmaUp64 : IWgmmaUpTile
{
    public int N => 64;
}

/// <summary>32 channels: narrow layers.</summary>
internal readonly struct WgmmaUp32 : IWgmmaUpTile
{
    public int N => 32;
}

/// <summary>16 channels: the narrowest layers.</summary>
internal readonly struct WgmmaUp16 : IWgmmaUpTile
{
    public int N => 16;
}

/// <summary>What the kernel is passed. Parts are runs of chunks, not of steps.</summary>
internal struct WgmmaUpArguments
{
    public HalfConvolutionArguments Convolution;

    public ArrayView<TensorMap> InputMap;

    /// <summary>The weights as rows of core matrices.</summary>
    public ArrayView<TensorMap> WeightMap;

    /// <summary>Chunks of input channels, and passes over each (two for fine weights).</summary>
    public int Chunks, Passes;
}

/// <summary>
/// The transposed 3x3 convolution with stride 2 as an implicit GEMM on `wgmma`, all four phases of the output from one input tile:
/// <code>
///     out[2y + i, 2x + j] += w[i, j] x[y, x]           phase (oddY, oddX) of the output, at (y, x):
///
///     input tile with a row above and a column left     (even, even): w[2,2] x[y-1,x-1] + w[2,0] x[y-1,x]
///                                                                     + w[0,2] x[y,x-1] + w[0,0] x[y,x]
///       . . . . .                                       (even, odd):  w[2,1] x[y-1,x] + w[0,1] x[y,x]
///       . +-----+     nine steps a chunk, each into     (odd, even):  w[1,2] x[y,x-1] + w[1,0] x[y,x]
///       . | 8x8 |     the accumulators of one phase:    (odd, odd):   w[1,1] x[y,x]
///       . +-----+     neighboring steps use others
/// </code>
/// Copies, barriers and layout are those of <see cref="WgmmaConvolution"/>. Four phases apart would load every input tile four times and
/// end in four short sums. The output has a row and a column more than the input, which start blocks of their own where the input is whole
/// blocks: there the taps that meet only zeros are left out, six of nine.
/// </summary>
internal static class WgmmaUpConvolution
{
    /// <summary>Blocks of 8 x 8 pixels: one a warpgroup.</summary>
    public const int Blocks = 2;

    private const int InputStages = 3, WeightStages = 6, Taps = 9, Phases = 4;

    /// <summary>Halves of shared memory.</summary>
    public static int SharedLength<TTile>(int inputStage, int chunk) where TTile : struct, IWgmmaUpTile =>
        InputStages * inputStage + WeightStages * default(TTile).N * chunk;

    [LaunchBounds(CopyRing.ThreadsAlone, 1)]
    public static void Run<TTile, TChunk, TResult>(WgmmaUpArguments a)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        CopyRing ring = CopyRing.Open(InputStages, WeightStages, default(TTile).N * default(TChunk).Value);
        int thread = Group.IdxX;
        if (thread >= 32 * CopyRing.ConsumerWarps)
        {
            CopyRing.GiveRegisters();
            if (thread == 32 * CopyRing.ConsumerWarps) Copy<TTile, TChunk>(a, ring);
        }
        else
        {
            CopyRing.TakeRegisters();
            Overlap.Wait();
            Multiply<TTile, TChunk, TResult>(a, ring);
        }
    }

    // The nine steps of a chunk, in an order that alternates between phases: which phase, and which of its taps.
    private static int PhaseOf(int step) => step switch { 1 or 7 => 1, 3 or 8 => 2, 5 => 3, _ => 0 };

    private static int TapOf(int step) => step switch { 0 or 1 or 3 or 5 => 0, 2 or 7 or 8 => 1, 4 => 2, _ => 3 };

    /// <summary>Taps of a phase.</summary>
    public static int TapsOf(int phase) => phase == 0 ? 4 : phase == 3 ? 1 : 2;

    /// <summary>Taps of the phases before.</summary>
    public static int FirstTapOf(int phase) => phase == 0 ? 0 : 2 + 2 * phase;

    /// <summary>Where a tap lies in the input tile, which starts a row above and a column left of the output's place.</summary>
    public static int RowOf(int phase, int tap) => phase >> 1 != 0 ? 1 : phase == 0 ? tap >> 1 : tap;

    /// <summary>As <see cref="RowOf"/>.</summary>
    public static int ColumnOf(int phase, int tap) => (phase & 1) != 0 ? 1 : phase == 0 ? tap & 1 : tap;

    /// <summary>
    /// Whether a tap meets only zeros: the tile starts behind the input's last row (column), and the tap does not look back.
    /// </summary>
    public static bool IsOutside(HalfConvolutionArguments a, ConvolutionItem item, int phase, int tap) =>
        (RowOf(phase, tap) == 1 && item.Row >= a.Rows - 1) || (ColumnOf(phase, tap) == 1 && item.Column >= a.Columns - 1);

    private static bool IsOutside(HalfConvolutionArguments a, ConvolutionItem item, int i) => IsOutside(a, item, PhaseOf(i), TapOf(i));

    private static int Pitch(HalfConvolutionArguments a) => 8 * a.BlocksX + 1;

    private static int Plane(HalfConvolutionArguments a) => Pitch(a) * (8 * a.BlocksY + 1);

    private static void Copy<TTile, TChunk>(WgmmaUpArguments u, CopyRing ring)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk
    {
        HalfConvolutionArguments a = u.Convolution;
        int chunk = default(TChunk).Value, inputBytes = Plane(a) * a.TileFrames * (2 * chunk), inputStage = InputStage(inputBytes);
        RingPosition input = RingPosition.Producer, weight = RingPosition.Producer;
        CopyRing.Prepare(u.InputMap, u.WeightMap, a.Epilogue.Bias);
        // Weights are nobody's result: the first are on their way before the launch ahead has ended.
        ConvolutionItem start = ConvolutionItem.At(a, Grid.IdxX);
        int early = 0;
        for (int i = 0; i < Taps; i++)
        {
            if (early < WeightStages && !IsOutside(a, start, i))
            {
                CopyWeights<TTile, TChunk>(u, start, start.FirstStep, 0, i, ring, ref ring.WeightFull[early], early);
                early++;
            }
        }
        Overlap.Wait();
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            for (int c = item.FirstStep; c < item.EndStep; c++)
            {
                Intrinsics.MBarrierWait(ref ring.InputEmpty[input.Stage], input.Parity);
                Intrinsics.MBarrierArriveExpectTx(ref ring.InputFull[input.Stage], inputBytes);
                Intrinsics.TmaLoad5D(
                    ref ring.Inputs[input.Stage * inputStage], ref u.InputMap[0],
                    (item.Column - 1) * 8, item.Row - 1, 0, c * (chunk / 8), item.Frame, ref ring.InputFull[input.Stage]);
                input.Advance(InputStages);
                for (int pass = 0; pass < u.Passes; pass++)
                {
                    for (int i = 0; i < Taps; i++)
                    {
                        if (IsOutside(a, item, i)) continue;
                        if (early > 0)
                        {
                            early--;
                        }
                        else
                        {
                            Intrinsics.MBarrierWait(ref ring.WeightEmpty[weight.Stage], weight.Parity);
                            CopyWeights<TTile, TChunk>(u, item, c, pass, i, ring, ref ring.WeightFull[weight.Stage], weight.Stage);
                        }
                        weight.Advance(WeightStages);
                    }
                }
            }
        }
    }

    private static void CopyWeights<TTile, TChunk>(
        WgmmaUpArguments u, ConvolutionItem item, int c, int pass, int i, CopyRing ring, ref ulong full, int stage)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk
    {
        int n = default(TTile).N, chunk = default(TChunk).Value, phase = PhaseOf(i);
        int step = u.Chunks * u.Passes * FirstTapOf(phase) + (c * u.Passes + pass) * TapsOf(phase) + TapOf(i);
        Intrinsics.MBarrierArriveExpectTx(ref full, 2 * n * chunk);
        int coreMatrix = (step * u.Convolution.OutputOctets + item.TileN * (n / 8)) * (chunk / 8);
        Intrinsics.TmaLoad2D(ref ring.Weights[stage * n * chunk], ref u.WeightMap[0], 0, coreMatrix, ref full);
    }

    private static void Multiply<TTile, TChunk, TResult>(WgmmaUpArguments u, CopyRing ring)
        where TTile : struct, IWgmmaUpTile
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        HalfConvolutionArguments a = u.Convolution;
        int chunk = default(TChunk).Value, n = default(TTile).N, sums = n / 2;
        int lane = Group.IdxX & 31, block = Group.IdxX >> 7;
        int pitch = Pitch(a), plane = Plane(a), inputStage = InputStage(plane * a.TileFrames * (2 * chunk)) / 8;
        // Where this warpgroup's block lies: beside, below, or in the next frame.
        int line = block / a.BlocksX;
        int blockFrame = line / a.BlocksY, blockRow = (line - blockFrame * a.BlocksY) * 8, blockColumn = (block - line * a.BlocksX) * 8;
        int inputAddress = (int)(Intrinsics.SharedAddress(ref ring.Inputs[0]) >> 4) + blockFrame * (plane * chunk / 8) + blockRow * pitch
            + blockColumn;
        int weightAddress = (int)(Intrinsics.SharedAddress(ref ring.Weights[0]) >> 4);
        ArrayView<float> sum = LocalMemory.Allocate<float>(Phases * sums);
        RingPosition input = default, weight = default;
        for (int index = Grid.IdxX; index < a.Items; index += Grid.DimX)
        {
            ConvolutionItem item = ConvolutionItem.At(a, index);
            for (int i = 0; i < Phases * sums; i++) sum[i] = 0f;
            int freedInput = -1, freedWeight = -1;
            for (int c = item.FirstStep; c < item.EndStep; c++)
            {
                Intrinsics.MBarrierWait(ref ring.InputFull[input.Stage], input.Parity);
                for (int pass = 0; pass < u.Passes; pass++)
                {
                    for (int i = 0; i < Taps; i++)
                    {
                        if (IsOutside(a, item, i)) continue;
                        int phase = PhaseOf(i), tap = TapOf(i);
                        int x = inputAddress + input.Stage * inputStage + RowOf(phase, tap) * pitch + ColumnOf(phase, tap);
                        ulong tile = WgmmaConvolution.Descriptor(x, plane, pitch);
                        ulong w = WgmmaConvolution.Descriptor(weightAddress + weight.Stage * (n * chunk / 8), 8, chunk);
                        Intrinsics.MBarrierWait(ref ring.WeightFull[weight.Stage], weight.Parity);
                        Intrinsics.WgmmaFence(n, ref sum[phase * sums]);
                        for (int k = 0; k < chunk >> 4; k++)
                            Intrinsics.Wgmma(n, ref sum[phase * sums], tile + (ulong)(uint)(k * 2 * plane), w + (ulong)(uint)(k * 16),
                                true);
                        Intrinsics.WgmmaCommitGroup();
                        Intrinsics.WgmmaWaitGroup(1);
                        if (lane == 0 && freedWeight >= 0) Intrinsics.MBarrierArrive(ref ring.WeightEmpty[freedWeight]);
                        if (lane == 0 && freedInput >= 0) Intrinsics.MBarrierArrive(ref ring.InputEmpty[freedInput]);
                        freedInput = -1;
                        freedWeight = weight.Stage;
                        weight.Advance(WeightStages);
                    }
                }
                freedInput = input.Stage;
                input.Advance(InputStages);
            }
            for (int phase = 0; phase < Phases; phase++) Intrinsics.WgmmaWait(n, ref sum[phase * sums], 0);
            if (lane == 0)
            {
                Intrinsics.MBarrierArrive(ref ring.WeightEmpty[freedWeight]);
                Intrinsics.MBarrierArrive(ref ring.InputEmpty[freedInput]);
            }

            int frame = item.Frame + blockFrame, row = item.Row + blockRow + 2 * ((Group.IdxX >> 5) & 3),
                column = item.Column + blockColumn + (lane >> 2);
            for (int phase = 0; phase < Phases; phase++)
            {
                item = ConvolutionItem.OfPhase(a, item, phase);
                int parts = default(TResult).Parts(a.Epilogue);
                if ((parts & EpilogueParts.AnyFloat32) != 0)
                {
                    Float32Result.Store(parts, n, a, item, frame, row, column, sum.SubView(phase * sums));
                }
                else if (frame < a.Frames && row < item.Rows && column < item.Columns)
                {
                    WgmmaConvolution.Finish<OneHalf>(n, a, parts, item, frame, row, column, 2 * (lane & 3), sum.SubView(phase * sums));
                }
            }
        }
    }

    // Halves of an input tile, whole 128 bytes.
    private static int InputStage(int bytes) => (bytes + 127) / 128 * 64;
}
