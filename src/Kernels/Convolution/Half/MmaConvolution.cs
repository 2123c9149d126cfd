namespace Lia.Kernels.Convolution;

/// <summary>
/// Convolution as an implicit GEMM with fp16 operands and float32 sums, on `mma.sync`: every GPU from Turing on. The mainloop keeps three
/// stages in flight.
/// <code>
///     y[p, o] = epilogue( sum over steps (tap t, chunk of channels)  x[p + t, chunk] * w[t, chunk, o] )
///
///     a block's tile: rectangles of 8 x 8 pixels (one a warp row) x output channels
///
///       input tile of a chunk, with its halo, CHW8             a step's weights
///         +--------------------+   all taps of the chunk         [output / 8][chunk / 8][8][8]
///         | . . . . . . . . . .|   read it, shifted by           new with every step
///         | . +--------+--+ . .|   whole pixels of 16 bytes:
///         | . | 8 x 8  |  | . .|   nine taps for 1.4 loads       ring of 3 input tiles, ring of 3 steps of weights;
///         | . +--------+--+ . .|   instead of nine               copies run two steps ahead; one barrier a step
///         +--------------------+
///
///     ldmatrix: eight pixels of a row of the block are 128 bytes in a row of shared memory, free of bank conflicts at any shift
///
///     a warp: 64 pixels x 64 channels; 16 of K are 8 ldmatrix and 32 mma, two sets of registers:
///
///       set 0   load | multiply      | load, next step | multiply
///       set 1          load          | multiply        | load ...          the barrier lies where the next step's loads begin
///
///     steps of the list are read three ahead, so that no address waits for memory
/// </code>
/// The sums of a pixel depend neither on the tile nor on the frames beside it. Bound by 2 M N K operations at the rate of mma.sync.
/// </summary>
internal static class MmaConvolution
{
    /// <summary>Deepest step: 32 channels keep three stages of a 128 x 128 tile within 64 KiB of shared memory.</summary>
    public const int MostChunk = 32;

    private const int Stages = 3;

    /// <summary>Halves of shared memory: three input tiles (with room for a halo of two) and three steps of weights.</summary>
    public static int SharedLength<TTile>(int blocksX, int blocksY, int tileFrames, int chunk) where TTile : struct, IMmaTile =>
        Stages * (InputStage(blocksX, blocksY, tileFrames, chunk) + default(TTile).WarpsN * default(TTile).WarpN * chunk);

    [LaunchBounds(128, 2)]
    public static void Run<TTile, TMachine, TChunk, TResult>(HalfConvolutionArguments a)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
        where TChunk : struct, IChunk
        where TResult : struct, IConvolutionResult
    {
        Overlap.Begin();
        int parts = default(TResult).Parts(a.Epilogue);
        int chunk = default(TChunk).Value, slices = chunk >> 4;
        int tileN = default(TTile).WarpsN * default(TTile).WarpN, pieces = default(TTile).WarpN / 8;
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5;
        int block = warp / default(TTile).WarpsN, warpColumn = (warp - block * default(TTile).WarpsN) * default(TTile).WarpN;
        ConvolutionItem item = ConvolutionItem.At(a, Grid.IdxX);
        if (item.IsEmpty) return;

        ArrayView<Half> shared = SharedMemory.GetDynamic<Half>();
        int inputStage = InputStage(a.BlocksX, a.BlocksY, a.TileFrames, chunk), weightStage = tileN * chunk;
        ArrayView<Half> inputs = shared, weights = shared.SubView(Stages * inputStage);

        // Which 8 x 8 pixels this warp makes.
        int blockLine = block / a.BlocksX, blockColumn = block - blockLine * a.BlocksX;
        int blockFrame = blockLine / a.BlocksY, blockRow = blockLine - blockFrame * a.BlocksY;

        ArrayView<float> sum = LocalMemory.Allocate<float>(16 * pieces);
        for (int i = 0; i < 16 * pieces; i++) sum[i] = 0f;
        ArrayView<uint> left = LocalMemory.Allocate<uint>(2 * 16), right = LocalMemory.Allocate<uint>(2 * 2 * pieces);

        // The table's entries for the steps from the present one on: they are read three steps before they are needed.
        int last = item.EndStep - 1, first = item.FirstStep;
        Int4 now = a.Steps[2 * first], nowTile = a.Steps[2 * first + 1];
        int at = IntrinsicMath.Min(first + 1, last);
        Int4 next = a.Steps[2 * at], nextTile = a.Steps[2 * at + 1];
        at = IntrinsicMath.Min(first + 2, last);
        Int4 ahead = a.Steps[2 * at], aheadTile = a.Steps[2 * at + 1];

        int fetched = -1;
        Fetch<TTile, TMachine>(a, item, chunk, first, now, nowTile, ref fetched, 0, inputs, inputStage, weights, weightStage, thread);
        Fetch<TTile, TMachine>(a, item, chunk, first + 1, next, nextTile, ref fetched, 1, inputs, inputStage, weights, weightStage, thread);
        if (default(TMachine).IsAmpere) Intrinsics.CpAsyncWaitGroup(Stages - 2);
        Group.Barrier();

        // A lane addresses a row of each 8 x 8 matrix that ldmatrix loads: pixel (lane mod 8) of row (lane / 8) mod 2, octet lane / 16.
        int laneRow = (lane >> 3) & 1, laneOctet = lane >> 4;
        ArrayView<Half> laneInputs = inputs.SubView((lane & 7) * 8);
        ArrayView<Half> laneWeights = weights.SubView(warpColumn * chunk + laneOctet * (8 * chunk) + laneRow * 64 + (lane & 7) * 8);

        int tile = 0, stage = 0;
        int pitch = 8 * a.BlocksX + (nowTile.Z & 255), plane = pitch * (8 * a.BlocksY + (nowTile.Z >> 8));
        int x = Origin(nowTile, pitch, plane, blockFrame * (chunk >> 3), blockRow, blockColumn, laneRow, laneOctet), w = 0;
        Load<TTile>(0, laneInputs.SubView(x), pitch, laneWeights, chunk, left, right);
        for (int step = first; step <= last; step++)
        {
            // Nobody reads any more what the copies of the step after next overwrite.
            int fetchStage = stage == 0 ? Stages - 1 : stage - 1;
            Fetch<TTile, TMachine>(
                a, item, chunk, step + 2, ahead, aheadTile, ref fetched, fetchStage, inputs, inputStage, weights, weightStage, thread);
            if ((parts & EpilogueParts.Skip) != 0 && (now.W & ConvolutionStep.Activates) != 0 && step > first)
                ActivateSums<TTile>(a, item.TileN * tileN + warpColumn, lane, sum);
            now = next;
            nowTile = nextTile;
            next = ahead;
            nextTile = aheadTile;
            at = IntrinsicMath.Min(step + 3, last);
            ahead = a.Steps[2 * at];
            aheadTile = a.Steps[2 * at + 1];
            for (int k = 0; k < slices; k++)
            {
                if (k < slices - 1)
                {
                    x += 2 * plane * 8;
                    w += 128;
                }
                else
                {
                    // The next step's data are there, and all warps have read this one's. After the last step its first slice is loaded
                    // again and not used: a branch around it would keep the assembler from moving loads among the products.
                    if (default(TMachine).IsAmpere) Intrinsics.CpAsyncWaitGroup(Stages - 2);
                    Group.Barrier();
                    if (step < last)
                    {
                        stage = stage == Stages - 1 ? 0 : stage + 1;
                        if ((now.W & ConvolutionStep.LoadsTile) != 0) tile = tile == Stages - 1 ? 0 : tile + 1;
                    }
                    pitch = 8 * a.BlocksX + (nowTile.Z & 255);
                    plane = pitch * (8 * a.BlocksY + (nowTile.Z >> 8));
                    x = tile * inputStage
                        + Origin(nowTile, pitch, plane, blockFrame * (chunk >> 3), blockRow, blockColumn, laneRow, laneOctet);
                    w = stage * weightStage;
                }
                Load<TTile>((k + 1) & 1, laneInputs.SubView(x), pitch, laneWeights.SubView(w), chunk, left, right);
                Multiply<TTile, TMachine>(k & 1, left, right, sum);
            }
            if ((slices & 1) != 0)
            {
                for (int i = 0; i < 16; i++) left[i] = left[16 + i];
                for (int i = 0; i < 2 * pieces; i++) right[i] = right[2 * pieces + i];
            }
        }
        Store<TTile>(a, parts, item, item.Frame + blockFrame, item.Row + blockRow * 8, item.Column + blockColumn * 8 + (lane >> 2),
            item.TileN * tileN + warpColumn + 2 * (lane & 3), sum);
    }

    // Where a lane's first row is in an input tile: the warp's block, shifted by the step's tap.
    private static int Origin(
        Int4 tile, int pitch, int plane, int octet, int blockRow, int blockColumn, int laneRow, int laneOctet) =>
        ((octet + laneOctet) * plane + (blockRow * 8 + (tile.W >> 8) + laneRow) * pitch + blockColumn * 8 + (tile.W & 255)) * 8;

    // Lane 4g + t holds pixels (2i, g) and (2i + 1, g) of the block, channels 8j + 2t and the next.
    private static void Store<TTile>(
        HalfConvolutionArguments a, int parts, ConvolutionItem item, int frame, int row, int column, int channel, ArrayView<float> sum)
        where TTile : struct, IMmaTile
    {
        int pieces = default(TTile).WarpN / 8, rows = item.Rows - row;
        if (frame >= a.Frames || column >= item.Columns) return;
        int first = ConvolutionItem.PairAt(a, item, frame, row, column, channel), line = a.OutputWidth * 4;
        for (int j = 0; j < pieces; j++)
        {
            if (channel + 8 * j < a.OutputOctets * 8)
            {
                int pair = first + j * ConvolutionItem.PairsPerOctet(a);
                if ((parts & EpilogueParts.Partial) != 0)
                {
                    int pairs = a.Frames * a.OutputOctets * ConvolutionItem.PairsPerOctet(a);
                    ArrayView<Float2> partial = a.Workspace.SubView((long)item.Split * pairs * 2).Cast<Float2>();
                    for (int i = 0; i < 8; i++)
                    {
                        int at = ((i >> 1) * pieces + j) * 4 + (i & 1) * 2;
                        if (i < rows) partial[pair + i * line] = new(sum[at], sum[at + 1]);
                    }
                }
                else
                {
                    HalfEpilogueTerms terms = HalfEpilogue.Load(a.Epilogue, parts, frame, channel + 8 * j);
                    ArrayView<uint> output = a.Output.Cast<uint>();
                    for (int i = 0; i < 8; i++)
                    {
                        int at = ((i >> 1) * pieces + j) * 4 + (i & 1) * 2;
                        if (i < rows)
                            output[pair + i * line] = HalfEpilogue.Pack(HalfEpilogue.Apply(terms, parts, new(sum[at], sum[at + 1])));
                    }
                }
            }
        }
    }

    private static int InputStage(int blocksX, int blocksY, int tileFrames, int chunk) =>
        (8 * blocksX + 2) * (8 * blocksY + 2) * tileFrames * chunk;

    // Starts the copies of a step: its weights, and its input tile when the tap is the first of a chunk. Past the last step they are of no
    // bytes, which read nothing.
    private static void Fetch<TTile, TMachine>(
        HalfConvolutionArguments a, ConvolutionItem item, int chunk, int step, Int4 first, Int4 second, ref int tile, int stage,
        ArrayView<Half> inputs, int inputStage, ArrayView<Half> weights, int weightStage, int thread)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
    {
        int threads = 32 * default(TTile).Blocks * default(TTile).WarpsN;
        int tileN = default(TTile).WarpsN * default(TTile).WarpN;
        bool exists = step < item.EndStep;
        int from = (step * a.OutputOctets * 8 + item.TileN * tileN) * chunk;
        int there = exists ? (a.OutputOctets * 8 - item.TileN * tileN) * chunk : 0; // The last tile may reach beyond the weights.
        for (int i = 0; i < (weightStage + 8 * threads - 1) / (8 * threads); i++)
        {
            int half = (i * threads + thread) * 8;
            if (weightStage % (8 * threads) == 0 || half < weightStage)
            {
                Copy<TMachine>(
                    weights.SubView(stage * weightStage + half), a.Weights.SubView(half < there ? from + half : 0), half < there);
            }
        }
        if (exists && (first.W & ConvolutionStep.LoadsTile) != 0)
        {
            tile = tile == Stages - 1 ? 0 : tile + 1;
            FetchTile<TMachine>(
                first.X == 0 ? a.Input0 : a.Input1, a, item, chunk, first, second, inputs.SubView(tile * inputStage), thread, threads);
        }
        if (default(TMachine).IsAmpere) Intrinsics.CpAsyncCommitGroup();
    }

    private static void FetchTile<TMachine>(
        ConvolutionInput input, HalfConvolutionArguments a, ConvolutionItem item, int chunk, Int4 first, Int4 second, ArrayView<Half> to,
        int thread, int threads)
        where TMachine : struct, IMmaMachine
    {
        int pitch = 8 * a.BlocksX + (second.Z & 255), rows = 8 * a.BlocksY + (second.Z >> 8), octets = chunk >> 3;
        int count = a.TileFrames * octets * rows * pitch;
        // Quotients of a few thousand by a few dozen: half a unit from a whole number, far beyond the rounding of their product.
        float perPitch = 1f / pitch, perRow = 1f / rows;
        for (int i = thread; i < count; i += threads)
        {
            int line = (int)((i + 0.5f) * perPitch);
            int octetLine = (int)((line + 0.5f) * perRow);
            int tileFrame = octetLine / octets;
            int x = item.Column + second.Y + i - line * pitch, y = item.Row + second.X + line - octetLine * rows;
            int frame = item.Frame + tileFrame, octet = first.Z + octetLine - tileFrame * octets;
            bool isInside = frame < a.Frames && y >= 0 && y < input.Height && x >= 0 && x < input.Width;
            int pixel = (((frame * input.Octets + octet) * input.Planes + first.Y) * input.Height + y) * input.Width + x;
            Copy<TMachine>(to.SubView(i * 8), input.View.SubView(isInside ? pixel * 8 : 0), isInside);
        }
    }

    // 16 bytes, or zeros.
    private static void Copy<TMachine>(ArrayView<Half> to, ArrayView<Half> from, bool isInside) where TMachine : struct, IMmaMachine
    {
        if (default(TMachine).IsAmpere)
        {
            Intrinsics.CpAsync16(ref to[0], ref from[0], isInside ? 16 : 0);
        }
        else
        {
            Int4 value = new(0, 0, 0, 0);
            if (isInside) value = from.Cast<Int4>()[0];
            to.Cast<Int4>()[0] = value;
        }
    }

    // The operands of 16 of K into a set of registers.
    private static void Load<TTile>(
        int set, ArrayView<Half> x, int pitch, ArrayView<Half> w, int chunk, ArrayView<uint> left, ArrayView<uint> right)
        where TTile : struct, IMmaTile
    {
        int pieces = default(TTile).WarpN / 8;
        for (int i = 0; i < 4; i++)
        {
            int to = 16 * set + 4 * i;
            Intrinsics.LdMatrixX4(ref x[2 * i * pitch * 8], out left[to], out left[to + 1], out left[to + 2], out left[to + 3]);
        }
        for (int j = 0; j < pieces; j += 2)
        {
            int to = 2 * (pieces * set + j);
            Intrinsics.LdMatrixX4(ref w[j * 8 * chunk], out right[to], out right[to + 1], out right[to + 2], out right[to + 3]);
        }
    }

    // 16 of K: 64 pixels x WarpN channels.
    private static void Multiply<TTile, TMachine>(int set, ArrayView<uint> left, ArrayView<uint> right, ArrayView<float> sum)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
    {
        int pieces = default(TTile).WarpN / 8;
        for (int i = 0; i < 4; i++)
        {
            for (int pass = 0; pass < pieces; pass++)
            {
                int j = (i & 1) == 0 ? pass : pieces - 1 - pass; // Back and forth: neighbors share an operand.
                int d = (i * pieces + j) * 4, l = 16 * set + 4 * i, r = 2 * (pieces * set + j);
                if (default(TMachine).IsAmpere)
                {
                    Intrinsics.MmaSyncF16(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[l], left[l + 1], left[l + 2],
                        left[l + 3], right[r], right[r + 1]);
                }
                else
                {
                    Intrinsics.MmaSyncF16K8(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[l], left[l + 1], right[r]);
                    Intrinsics.MmaSyncF16K8(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[l + 2], left[l + 3],
                        right[r + 1]);
                }
            }
        }
    }

    private static void ActivateSums<TTile>(HalfConvolutionArguments a, int firstChannel, int lane, ArrayView<float> sum)
        where TTile : struct, IMmaTile
    {
        int pieces = default(TTile).WarpN / 8;
        for (int i = 0; i < 4 * pieces; i++)
        {
            int channel = firstChannel + i % pieces * 8 + 2 * (lane & 3);
            if (channel < a.OutputOctets * 8)
            {
                Float2 upper = HalfEpilogue.BeforeSkip(a.Epilogue, new(sum[4 * i], sum[4 * i + 1]), channel);
                Float2 lower = HalfEpilogue.BeforeSkip(a.Epilogue, new(sum[4 * i + 2], sum[4 * i + 3]), channel);
                sum[4 * i] = upper.X;
                sum[4 * i + 1] = upper.Y;
                sum[4 * i + 2] = lower.X;
                sum[4 * i + 3] = lower.Y;
            }
        }
    }
}
