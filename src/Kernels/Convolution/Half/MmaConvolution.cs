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

    [LaunchBounds(256, 1)]
    public static void Run<TTile, TMachine, TChunk>(HalfConvolutionArguments a)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
        where TChunk : struct, IChunk
    {
        Overlap.Begin();
        int chunk = default(TChunk).Value;
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

        int fetch = item.FirstStep, fetchTile = -1, fetchStage = 0;
        for (int i = 0; i < Stages - 1; i++)
        {
            Fetch<TTile, TMachine>(a, item, chunk, fetch, ref fetchTile, fetchStage, inputs, inputStage, weights, weightStage, thread);
            fetch++;
            fetchStage++;
        }

        int tile = -1, stage = 0;
        for (int step = item.FirstStep; step < item.EndStep; step++)
        {
            // This step's data are there, and nobody reads the stage that the copies of the step after next overwrite.
            if (default(TMachine).IsAmpere) Intrinsics.CpAsyncWaitGroup(Stages - 2);
            Group.Barrier();
            Fetch<TTile, TMachine>(a, item, chunk, fetch, ref fetchTile, fetchStage, inputs, inputStage, weights, weightStage, thread);
            fetch++;
            fetchStage = fetchStage == Stages - 1 ? 0 : fetchStage + 1;

            Int4 first = a.Steps[2 * step], second = a.Steps[2 * step + 1];
            if ((first.W & ConvolutionStep.Activates) != 0 && step > item.FirstStep)
                ActivateSums<TTile>(a, item.TileN * tileN + warpColumn, lane, sum);
            if ((first.W & ConvolutionStep.LoadsTile) != 0) tile = tile == Stages - 1 ? 0 : tile + 1;
            int pitch = 8 * a.BlocksX + (second.Z & 255), rows = 8 * a.BlocksY + (second.Z >> 8);
            int plane = pitch * rows;
            int origin = blockFrame * (chunk >> 3) * plane + (blockRow * 8 + (second.W >> 8)) * pitch + blockColumn * 8 + (second.W & 255);
            // A lane addresses a row of each 8 x 8 matrix that ldmatrix loads: pixel (lane mod 8) of row (lane / 8) mod 2, octet lane / 16.
            ArrayView<Half> x =
                inputs.SubView(tile * inputStage + (origin + (lane >> 4) * plane + ((lane >> 3) & 1) * pitch + (lane & 7)) * 8);
            ArrayView<Half> w = weights.SubView(
                stage * weightStage + warpColumn * chunk + (lane >> 4) * (8 * chunk) + ((lane >> 3) & 1) * 64 + (lane & 7) * 8);
            for (int k = 0; k < chunk >> 4; k++)
                Multiply<TTile, TMachine>(x.SubView(k * (2 * plane * 8)), pitch, w.SubView(k * 128), chunk, sum);
            stage = stage == Stages - 1 ? 0 : stage + 1;
        }

        // Lane 4g + t holds pixels (2i, g) and (2i + 1, g) of the block, channels 8j + 2t and the next.
        int frame = item.Frame + blockFrame, column = item.Column + blockColumn * 8 + (lane >> 2);
        if (frame < a.Frames && column < item.Columns)
        {
            for (int i = 0; i < 4; i++)
            {
                int row = item.Row + blockRow * 8 + 2 * i;
                for (int j = 0; j < pieces; j++)
                {
                    int at = (i * pieces + j) * 4, channel = item.TileN * tileN + warpColumn + 8 * j + 2 * (lane & 3);
                    if (row < item.Rows && channel < a.OutputOctets * 8)
                    {
                        ConvolutionItem.Store<OneHalf>(
                            a, a.Epilogue.Parts, item, frame, ConvolutionItem.PairAt(a, item, frame, row, column, channel),
                            row + 1 < item.Rows, channel,
                            new(sum[at], sum[at + 1], sum[at + 2], sum[at + 3]));
                    }
                }
            }
        }
    }

    private static int InputStage(int blocksX, int blocksY, int tileFrames, int chunk) =>
        (8 * blocksX + 2) * (8 * blocksY + 2) * tileFrames * chunk;

    // Starts the copies of a step: its weights, and its input tile when the tap is the first of a chunk. Past the last step there is
    // nothing to copy.
    private static void Fetch<TTile, TMachine>(
        HalfConvolutionArguments a, ConvolutionItem item, int chunk, int step, ref int tile, int stage,
        ArrayView<Half> inputs, int inputStage, ArrayView<Half> weights, int weightStage, int thread)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
    {
        int threads = 32 * default(TTile).Blocks * default(TTile).WarpsN;
        int tileN = default(TTile).WarpsN * default(TTile).WarpN;
        if (step < item.EndStep)
        {
            Int4 first = a.Steps[2 * step], second = a.Steps[2 * step + 1];
            int from = (step * a.OutputOctets * 8 + item.TileN * tileN) * chunk;
            int there = (a.OutputOctets * 8 - item.TileN * tileN) * chunk; // The last tile of channels may reach beyond the weights.
            for (int i = thread * 8; i < weightStage; i += threads * 8)
                Copy<TMachine>(weights.SubView(stage * weightStage + i), a.Weights.SubView(from + (i < there ? i : 0)), i < there);
            if ((first.W & ConvolutionStep.LoadsTile) != 0)
            {
                tile = tile == Stages - 1 ? 0 : tile + 1;
                FetchTile<TMachine>(
                    first.X == 0 ? a.Input0 : a.Input1, a, item, chunk, first, second, inputs.SubView(tile * inputStage), thread, threads);
            }
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
        for (int i = thread; i < count; i += threads)
        {
            int line = i / pitch;
            int octetLine = line / rows;
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

    // 16 of K: 64 pixels x WarpN channels.
    private static void Multiply<TTile, TMachine>(ArrayView<Half> x, int pitch, ArrayView<Half> w, int chunk, ArrayView<float> sum)
        where TTile : struct, IMmaTile
        where TMachine : struct, IMmaMachine
    {
        int pieces = default(TTile).WarpN / 8;
        ArrayView<uint> left = LocalMemory.Allocate<uint>(16);
        ArrayView<uint> right = LocalMemory.Allocate<uint>(2 * pieces);
        for (int i = 0; i < 4; i++)
            Intrinsics.LdMatrixX4(ref x[2 * i * pitch * 8], out left[4 * i], out left[4 * i + 1], out left[4 * i + 2], out left[4 * i + 3]);
        for (int j = 0; j < pieces; j += 2)
            Intrinsics.LdMatrixX4(ref w[j * 8 * chunk], out right[2 * j], out right[2 * j + 1], out right[2 * j + 2], out right[2 * j + 3]);
        for (int i = 0; i < 4; i++)
        {
            for (int pass = 0; pass < pieces; pass++)
            {
                int j = (i & 1) == 0 ? pass : pieces - 1 - pass; // Back and forth: neighbors share an operand.
                int d = (i * pieces + j) * 4, l = 4 * i, r = 2 * j;
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
