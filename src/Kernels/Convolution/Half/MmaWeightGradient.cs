namespace Lia.Kernels.Convolution;

/// <summary>What a weight gradient's kernel for tensor cores is passed.</summary>
internal struct MmaWeightGradientArguments
{
    public WeightGradientArguments Maps;

    /// <summary>A power of two that the gradient of the output is multiplied by before it is rounded, and 1 over it; empty for 1.</summary>
    public ArrayView<float> OperandScale;

    /// <summary>1: the gradient of the output is the shifted map.</summary>
    public int ScalesShifted;
}

/// <summary>
/// <see cref="WeightGradientKernel"/> with fp16 operands and float32 sums, on `mma.sync`: every GPU from Turing on. The maps stay float32
/// in memory, [frame, row, column, channel]; they are rounded on the way into shared memory, which needs no other layout:
/// <code>
///     part[b, (t, c)] = sum over the part's base pixels p   half(base[p, b]) * half(shifted[stride p + t, c])
///
///     16 pixels of a chunk, shared, x2:            mma takes both operands along K, and here K is the outer dimension:
///                                                  ldmatrix.trans turns 8 x 8 halves on the way to the registers
///       pixel 0   | b octets ...   | pad |
///       pixel 1   | b octets ...   | pad |         rows are 16 bytes longer than their channels: the eight rows that ldmatrix
///        ...                                       reads fall into different banks
///       pixel 15  | b octets ...   | pad |         a warp: 32 rows x 64 columns, 6 ldmatrix for 16 mma a chunk
/// </code>
/// A thread loads 8 channels of a pixel, 32 bytes, of each map into registers while the chunk before is multiplied: one barrier a chunk.
/// fp16 has few exponents, and gradients are small: the gradient of the output is multiplied by a power of two (<see cref="OperandScale"/>)
/// that the reduction takes out again; the style is multiplied in before the rounding. What is beyond +-65504 then becomes +-65504. An
/// operand's relative error is at most 2^-11, some 2 10^-4 in the mean, and a sum's, relative to the root of its terms' squares, some
/// 3 10^-4. Bound: a block reads 4 (M + N) bytes a pixel from the L2 cache for M N multiply-adds, 16 for a byte at 128x128: 5 TB/s of cache
/// are 160 TFLOP/s, and the cache ends before the tensor cores do. Half maps would double that.
/// </summary>
internal static class MmaWeightGradient
{
    /// <summary>Pixels of a chunk, and the granule that splits are cut at: the K of two mma of Turing or one of Ampere.</summary>
    public const int Chunk = 16;

    // Halves that a row of shared memory is longer than its channels.
    private const int Pad = 8;

    [LaunchBounds(256, 2)]
    public static void Run<TTile, TAccess, TMachine>(MmaWeightGradientArguments arguments)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess
        where TMachine : struct, IMmaMachine
    {
        WeightGradientArguments a = arguments.Maps;
        int threads = 32 * default(TTile).WarpsM * default(TTile).WarpsN;
        int thread = Group.IdxX;
        int lane = thread & 31, warp = thread >> 5;
        int firstRow = Grid.IdxY * default(TTile).M, firstColumn = Grid.IdxX * default(TTile).N;
        int columns = a.Kernel * a.Kernel * a.PaddedShifted;
        float baseFactor = 1f, shiftedFactor = 1f;
        if (arguments.OperandScale.Length != 0)
        {
            baseFactor = arguments.ScalesShifted != 0 ? 1f : arguments.OperandScale[0];
            shiftedFactor = arguments.ScalesShifted != 0 ? arguments.OperandScale[0] : 1f;
        }

        // The part's chunks.
        int chunks = (a.Frames * a.BaseHeight * a.BaseWidth + Chunk - 1) / Chunk;
        int chunk = (int)((long)chunks * Grid.IdxZ / a.Splits), lastChunk = (int)((long)chunks * (Grid.IdxZ + 1) / a.Splits);

        // What this thread loads: of every chunk a few pixels, the same octet of channels of each.
        int widthA = default(TTile).M / 8, widthB = default(TTile).N / 8;
        int octetsA = (Chunk * widthA + threads - 1) / threads, octetsB = (Chunk * widthB + threads - 1) / threads;
        int rowA = thread / widthA, rowB = thread / widthB;
        int octetA = thread - rowA * widthA, octetB = thread - rowB * widthB;
        int channelA = firstRow + octetA * 8, columnB = firstColumn + octetB * 8;
        int tap = columnB / a.PaddedShifted;
        int channelB = columnB - tap * a.PaddedShifted;
        int tapY = tap / a.Kernel, tapX = tap - tapY * a.Kernel;
        bool existsA = channelA < a.BaseChannels && rowA < Chunk, existsB = columnB < columns && rowB < Chunk;

        GradientPixel step = GradientPixel.At(a, Chunk);
        ArrayView<GradientPixel> pixelA = LocalMemory.Allocate<GradientPixel>(octetsA),
            pixelB = LocalMemory.Allocate<GradientPixel>(octetsB);
        for (int i = 0; i < octetsA; i++) pixelA[i] = GradientPixel.At(a, chunk * Chunk + rowA + i * (threads / widthA));
        for (int i = 0; i < octetsB; i++) pixelB[i] = GradientPixel.At(a, chunk * Chunk + rowB + i * (threads / widthB));

        int pitchA = default(TTile).M + Pad, pitchB = default(TTile).N + Pad;
        ArrayView<Half> sharedA = SharedMemory.Allocate<Half>(2 * Chunk * pitchA),
            sharedB = SharedMemory.Allocate<Half>(2 * Chunk * pitchB);
        ArrayView<Octet> loadedA = LocalMemory.Allocate<Octet>(octetsA), loadedB = LocalMemory.Allocate<Octet>(octetsB);
        ArrayView<int> existingA = LocalMemory.Allocate<int>(octetsA), existingB = LocalMemory.Allocate<int>(octetsB);

        int rowTiles = default(TTile).M / default(TTile).WarpsM / 16, pieces = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> sum = LocalMemory.Allocate<float>(rowTiles * pieces * 4);
        for (int i = 0; i < rowTiles * pieces * 4; i++) sum[i] = 0f;

        // Where this warp's part of the tile begins.
        int warpM = warp / default(TTile).WarpsN, warpN = warp - warpM * default(TTile).WarpsN;
        int tileRow = warpM * (default(TTile).M / default(TTile).WarpsM), tileColumn = warpN * (default(TTile).N / default(TTile).WarpsN);
        // A lane addresses a row of each 8 x 8 matrix that ldmatrix loads: pixel lane mod 8.
        int inEight = lane & 7, odd = (lane >> 3) & 1, upper = lane >> 4;
        int laneA = (inEight + 8 * upper) * pitchA + tileRow + 8 * odd, laneB = (inEight + 8 * odd) * pitchB + tileColumn + 8 * upper;

        int buffer = 0;
        for (int at = chunk; at <= lastChunk; at++)
        {
            // Load chunk `at` into registers while chunk `at - 1` is in shared memory.
            if (at < lastChunk)
            {
                for (int i = 0; i < octetsA; i++)
                {
                    int row = existsA ? GradientPixel.BaseRow(a, pixelA[i]) : -1;
                    existingA[i] = Existing(row, channelA, a.BaseChannels);
                    loadedA[i] = Load<TAccess>(a.Base, existingA[i], row, channelA, a.BaseChannels);
                }
                for (int i = 0; i < octetsB; i++)
                {
                    int row = existsB ? GradientPixel.ShiftedRow(a, pixelB[i], tapY, tapX) : -1;
                    existingB[i] = Existing(row, channelB, a.ShiftedChannels);
                    loadedB[i] = Load<TAccess>(a.Shifted, existingB[i], row, channelB, a.ShiftedChannels);
                }
            }
            if (at > chunk)
            {
                Multiply<TTile, TMachine>(
                    sharedA.SubView(buffer * Chunk * pitchA + laneA), sharedB.SubView(buffer * Chunk * pitchB + laneB), sum);
            }
            if (at < lastChunk)
            {
                buffer = 1 - buffer;
                for (int i = 0; i < octetsA; i++)
                {
                    int row = rowA + i * (threads / widthA);
                    if (a.BaseScale.Length != 0)
                    {
                        loadedA[i] = Octet.Multiply(loadedA[i], Load<TAccess>(
                            a.BaseScale, existingA[i], pixelA[i].Frame * a.ScaleStride, channelA, a.BaseChannels));
                    }
                    if (Chunk * widthA % threads == 0 || row < Chunk)
                        Store(sharedA, (buffer * Chunk + row) * (pitchA / 8) + octetA, loadedA[i], existingA[i], baseFactor);
                    pixelA[i] = GradientPixel.Add(a, pixelA[i], step);
                }
                for (int i = 0; i < octetsB; i++)
                {
                    int row = rowB + i * (threads / widthB);
                    if (a.ShiftedScale.Length != 0)
                    {
                        loadedB[i] = Octet.Multiply(loadedB[i], Load<TAccess>(
                            a.ShiftedScale, existingB[i], pixelB[i].Frame * a.ScaleStride, channelB, a.ShiftedChannels));
                    }
                    if (Chunk * widthB % threads == 0 || row < Chunk)
                        Store(sharedB, (buffer * Chunk + row) * (pitchB / 8) + octetB, loadedB[i], existingB[i], shiftedFactor);
                    pixelB[i] = GradientPixel.Add(a, pixelB[i], step);
                }
            }
            Group.Barrier();
        }

        // Lane 4g + t holds rows g and g + 8 of each 16, columns 2t and 2t + 1 of each 8.
        ArrayView<Float2> parts = a.Parts.Cast<Float2>();
        for (int i = 0; i < rowTiles; i++)
        {
            for (int half = 0; half < 2; half++)
            {
                int row = firstRow + tileRow + i * 16 + half * 8 + (lane >> 2);
                if (row < a.BaseChannels)
                {
                    for (int j = 0; j < pieces; j++)
                    {
                        int column = firstColumn + tileColumn + j * 8 + (lane & 3) * 2, d = (i * pieces + j) * 4 + half * 2;
                        if (column < columns) parts[((Grid.IdxZ * a.BaseChannels + row) * columns + column) >> 1] = new(sum[d], sum[d + 1]);
                    }
                }
            }
        }
    }

    // Which quads of an octet exist: bit 0 the lower, bit 1 the upper.
    private static int Existing(int row, int channel, int channels) => row < 0 ? 0 : channel + 4 < channels ? 3 : 1;

    // Eight channels from a row; where a quad does not exist another is loaded: nothing is done with it before the products that hide the
    // way from memory, and a load under a condition would wait for it.
    private static Octet Load<TAccess>(ArrayView<float> map, int existing, int row, int channel, int channels)
        where TAccess : struct, IChannelAccess
    {
        int from = existing != 0 ? row : 0, low = existing != 0 ? channel : 0;
        return new(Quad.Load<TAccess>(map, from, low, channels), Quad.Load<TAccess>(map, from, existing == 3 ? low + 4 : low, channels));
    }

    // Rounds what exists; zeros for the rest.
    private static void Store(ArrayView<Half> shared, int index, Octet value, int existing, float factor)
    {
        Half8 packed = Octet.Pack(Octet.Scale(value, factor));
        uint low = existing != 0 ? 0xffffffffu : 0u, high = existing == 3 ? 0xffffffffu : 0u;
        shared.Cast<Half8>()[index] = new(new(packed.A.RawValue & low), new(packed.B.RawValue & low), new(packed.C.RawValue & high),
            new(packed.D.RawValue & high));
    }

    // A chunk: 16 of K.
    private static void Multiply<TTile, TMachine>(ArrayView<Half> sharedA, ArrayView<Half> sharedB, ArrayView<float> sum)
        where TTile : struct, IWeightGradientTile
        where TMachine : struct, IMmaMachine
    {
        int rowTiles = default(TTile).M / default(TTile).WarpsM / 16, pieces = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<uint> left = LocalMemory.Allocate<uint>(4 * rowTiles), right = LocalMemory.Allocate<uint>(2 * pieces);
        for (int i = 0; i < rowTiles; i++)
        {
            int to = 4 * i;
            Intrinsics.LdMatrixX4Trans(ref sharedA[16 * i], out left[to], out left[to + 1], out left[to + 2], out left[to + 3]);
        }
        for (int j = 0; j < pieces; j += 2)
        {
            int to = 2 * j;
            Intrinsics.LdMatrixX4Trans(ref sharedB[8 * j], out right[to], out right[to + 1], out right[to + 2], out right[to + 3]);
        }
        for (int i = 0; i < rowTiles; i++)
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
}
