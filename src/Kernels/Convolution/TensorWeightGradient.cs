namespace Lia.Kernels.Convolution;

/// <summary>What a weight gradient's kernel for tensor cores is passed.</summary>
internal struct TensorWeightGradientArguments
{
    public WeightGradientArguments Maps;

    /// <summary>
    /// A power of two that the gradient of the output is multiplied by before it is rounded, and 1 over it; empty for 1.
    /// </summary>
    public ArrayView<float> OperandScale;

    /// <summary>1: the gradient of the output is the shifted map.</summary>
    public int ScalesShifted;
}

/// <summary>What the operands of a <see cref="TensorWeightGradient"/> become, at compile time.</summary>
internal interface IGradientOperand
{
    /// <summary>True: two tf32. False: a half.</summary>
    bool IsTf32 { get; }
}

/// <summary>One half.</summary>
internal readonly struct HalfOperand : IGradientOperand
{
    public bool IsTf32 => false;
}

/// <summary>Two tf32.</summary>
internal readonly struct Tf32Operand : IGradientOperand
{
    public bool IsTf32 => true;
}

/// <summary>
/// What <see cref="WeightGradientKernel"/> computes, from the same arrays, on the tensor cores of sm_80 and up (`mma.sync`) with float32
/// sums. The maps stay float32 in memory; K, the pixels, is the outer dimension of both tiles, as it is in memory:
/// <code>
///     16 pixels of a chunk, shared, x2            halves: rounded on the way in; ldmatrix.trans turns 8 x 8 of them on the way to the
///                                                   registers; a warp's 32 rows x 64 columns are 6 ldmatrix for 16 mma of 16 pixels
///       pixel 0   | channels ...    | pad |
///       pixel 1   | channels ...    | pad |       two tf32 each: floats in shared memory, split in registers,
///        ...                                        x w = xl wh + xh wl + xh wh; a lane reads pixels t and t + 4 of 8, four channels
///       pixel 15  | channels ...    | pad |         from 4 g on, which are row (or column) g of four products: 6 16-byte loads for 48
///                                                   mma of 8 pixels, and a lane's results are two times four neighboring columns
/// </code>
/// Rows are 8 elements longer than their channels: the rows that are read together fall into different banks. A thread loads 8 channels
/// of a pixel of each map, 32 bytes, into registers while the chunk before is multiplied: one barrier a chunk.
/// <para>
/// Halves: fp16 has few exponents, and gradients are small: the gradient of the output is multiplied by a power of two
/// (<see cref="OperandScale"/>) that the reduction takes out again; the style is multiplied in before the rounding; what is beyond +-65504
/// then becomes +-65504. An operand's relative error is at most 2^-11, and a sum's, relative to the root of its terms' squares, some
/// 3 10^-4. Two tf32: errors and exponents are float32's. Tensor cores cut off what does not fit below their sum, always towards zero, so
/// only 8 pixels are summed there, and added on the float32 cores: what is lost does not grow with the pixels.
/// </para>
/// Bound: two tf32 by 6 M N K operations at the rate of mma.sync. Halves by the L2 cache, before the tensor cores are: a block reads
/// 4 (M + N) bytes a pixel for M N multiply-adds, 16 for a byte at 128x128; 5 TB/s of cache are 160 TFLOP/s. Half maps would double that.
/// </summary>
internal static class TensorWeightGradient
{
    /// <summary>Pixels of a chunk, and the granule that splits are cut at.</summary>
    public const int Chunk = 16;

    // Elements that a row of shared memory is longer than its channels.
    private const int Pad = 8;

    // Not public: ILGPU's own compiler, which must take every public kernel without halves, has no tensor cores.
    [LaunchBounds(256, 2)]
    internal static void RunHalf<TTile, TAccess>(TensorWeightGradientArguments a)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess => Compute<TTile, TAccess, HalfOperand>(a);

    [LaunchBounds(256, 1)]
    internal static void RunTf32<TTile, TAccess>(TensorWeightGradientArguments a)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess => Compute<TTile, TAccess, Tf32Operand>(a);

    private static void Compute<TTile, TAccess, TOperand>(TensorWeightGradientArguments arguments)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess
        where TOperand : struct, IGradientOperand
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
        // In floats, two halves of which are one.
        int perFloat = default(TOperand).IsTf32 ? 1 : 2;
        int stageA = Chunk * pitchA / perFloat, stageB = Chunk * pitchB / perFloat;
        ArrayView<float> sharedA = SharedMemory.Allocate<float>(2 * Chunk * pitchA / (default(TOperand).IsTf32 ? 1 : 2)),
            sharedB = SharedMemory.Allocate<float>(2 * Chunk * pitchB / (default(TOperand).IsTf32 ? 1 : 2));
        ArrayView<Octet> loadedA = LocalMemory.Allocate<Octet>(octetsA), loadedB = LocalMemory.Allocate<Octet>(octetsB);
        ArrayView<int> existingA = LocalMemory.Allocate<int>(octetsA), existingB = LocalMemory.Allocate<int>(octetsB);

        int rowTiles = default(TTile).M / default(TTile).WarpsM / 16, pieces = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> sum = LocalMemory.Allocate<float>(rowTiles * pieces * 4);
        for (int i = 0; i < rowTiles * pieces * 4; i++) sum[i] = 0f;

        // Where this warp's part of the tile begins.
        int warpM = warp / default(TTile).WarpsN, warpN = warp - warpM * default(TTile).WarpsN;
        int tileRow = warpM * (default(TTile).M / default(TTile).WarpsM), tileColumn = warpN * (default(TTile).N / default(TTile).WarpsN);
        // ldmatrix: a lane addresses a row of each 8 x 8 matrix, pixel lane mod 8. Lane 4g + t reads pixels t and t + 4 by itself.
        int inEight = lane & 7, odd = (lane >> 3) & 1, upper = lane >> 4, g = lane >> 2, t = lane & 3;
        int laneA = (default(TOperand).IsTf32 ? t * pitchA + 4 * g : (inEight + 8 * upper) * pitchA + 8 * odd) + tileRow;
        int laneB = (default(TOperand).IsTf32 ? t * pitchB + 4 * g : (inEight + 8 * odd) * pitchB + 8 * upper) + tileColumn;

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
                ArrayView<float> stageOfA = sharedA.SubView(buffer * stageA), stageOfB = sharedB.SubView(buffer * stageB);
                if (default(TOperand).IsTf32)
                    MultiplyTf32<TTile>(stageOfA.SubView(laneA), stageOfB.SubView(laneB), pitchA, pitchB, sum);
                else
                    MultiplyHalf<TTile>(stageOfA.Cast<Half>().SubView(laneA), stageOfB.Cast<Half>().SubView(laneB), sum);
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
                    {
                        Store<TOperand>(sharedA.SubView(buffer * stageA), row * (pitchA / 8) + octetA, loadedA[i], existingA[i],
                            baseFactor);
                    }
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
                    {
                        Store<TOperand>(sharedB.SubView(buffer * stageB), row * (pitchB / 8) + octetB, loadedB[i], existingB[i],
                            shiftedFactor);
                    }
                    pixelB[i] = GradientPixel.Add(a, pixelB[i], step);
                }
            }
            Group.Barrier();
        }

        for (int i = 0; i < 2 * rowTiles; i++)
        {
            // Lane 4g + t holds rows g and g + 8 of each 16, columns 2t and 2t + 1 of each 8; by tf32 rows 4g to 4g + 3, columns 8t to
            // 8t + 7 of each 32.
            int row = firstRow + tileRow + (default(TOperand).IsTf32 ? 4 * g + i : 8 * i + g);
            int first = (i >> 1) * pieces * 4 + (i & 1) * 2, line = (Grid.IdxZ * a.BaseChannels + row) * columns;
            if (row < a.BaseChannels)
            {
                for (int j = 0; j < pieces; j += default(TOperand).IsTf32 ? 4 : 1)
                {
                    if (default(TOperand).IsTf32)
                    {
                        int column = firstColumn + tileColumn + 8 * j + 8 * t, d = first + 4 * j;
                        ArrayView<Float4> parts = a.Parts.Cast<Float4>();
                        if (column < columns)
                        {
                            parts[(line + column) >> 2] = new(sum[d], sum[d + 4], sum[d + 8], sum[d + 12]);
                            parts[((line + column) >> 2) + 1] = new(sum[d + 1], sum[d + 5], sum[d + 9], sum[d + 13]);
                        }
                    }
                    else
                    {
                        int column = firstColumn + tileColumn + 8 * j + 2 * t, d = first + 4 * j;
                        if (column < columns) a.Parts.Cast<Float2>()[(line + column) >> 1] = new(sum[d], sum[d + 1]);
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

    // Octet `index` of a stage, what exists of it; zeros for the rest.
    private static void Store<TOperand>(ArrayView<float> shared, int index, Octet value, int existing, float factor)
        where TOperand : struct, IGradientOperand
    {
        bool low = existing != 0, high = existing == 3;
        if (default(TOperand).IsTf32)
        {
            ArrayView<Float4> quads = shared.Cast<Float4>();
            quads[2 * index] = new(low ? value.Low.X : 0f, low ? value.Low.Y : 0f, low ? value.Low.Z : 0f, low ? value.Low.W : 0f);
            quads[2 * index + 1] = new(
                high ? value.High.X : 0f, high ? value.High.Y : 0f, high ? value.High.Z : 0f, high ? value.High.W : 0f);
        }
        else
        {
            Half8 packed = Octet.Pack(Octet.Scale(value, factor));
            uint keepLow = low ? 0xffffffffu : 0u, keepHigh = high ? 0xffffffffu : 0u;
            shared.Cast<Half8>()[index] = new(new(packed.A.RawValue & keepLow), new(packed.B.RawValue & keepLow),
                new(packed.C.RawValue & keepHigh), new(packed.D.RawValue & keepHigh));
        }
    }

    // A chunk: 16 of K at once.
    private static void MultiplyHalf<TTile>(ArrayView<Half> sharedA, ArrayView<Half> sharedB, ArrayView<float> sum)
        where TTile : struct, IWeightGradientTile
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
                Intrinsics.MmaSyncF16(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[l], left[l + 1], left[l + 2],
                    left[l + 3], right[r], right[r + 1]);
            }
        }
    }

    // A chunk: 8 of K, each product from zero, and 8 more.
    private static void MultiplyTf32<TTile>(
        ArrayView<float> sharedA, ArrayView<float> sharedB, int pitchA, int pitchB, ArrayView<float> sum)
        where TTile : struct, IWeightGradientTile
    {
        int pieces = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<Float4> a4 = sharedA.Cast<Float4>(), b4 = sharedB.Cast<Float4>();
        ArrayView<uint> leftHigh = LocalMemory.Allocate<uint>(8), leftLow = LocalMemory.Allocate<uint>(8);
        ArrayView<uint> rightHigh = LocalMemory.Allocate<uint>(8), rightLow = LocalMemory.Allocate<uint>(8);
        for (int k = 0; k < Chunk; k += 8)
        {
            Split(a4[k * pitchA / 4], leftHigh, leftLow, 0);
            Split(a4[(k + 4) * pitchA / 4], leftHigh, leftLow, 4);
            for (int j = 0; j < pieces; j += 4)
            {
                Split(b4[k * pitchB / 4 + 2 * j], rightHigh, rightLow, 0);
                Split(b4[(k + 4) * pitchB / 4 + 2 * j], rightHigh, rightLow, 4);
                for (int i = 0; i < 2; i++)
                {
                    for (int r = 0; r < 4; r++)
                    {
                        float p0 = 0f, p1 = 0f, p2 = 0f, p3 = 0f;
                        int l = 2 * i, d = (i * pieces + j + r) * 4;
                        Intrinsics.MmaSyncTF32(ref p0, ref p1, ref p2, ref p3,
                            leftLow[l], leftLow[l + 1], leftLow[l + 4], leftLow[l + 5], rightHigh[r], rightHigh[r + 4]);
                        Intrinsics.MmaSyncTF32(ref p0, ref p1, ref p2, ref p3,
                            leftHigh[l], leftHigh[l + 1], leftHigh[l + 4], leftHigh[l + 5], rightLow[r], rightLow[r + 4]);
                        Intrinsics.MmaSyncTF32(ref p0, ref p1, ref p2, ref p3,
                            leftHigh[l], leftHigh[l + 1], leftHigh[l + 4], leftHigh[l + 5], rightHigh[r], rightHigh[r + 4]);
                        sum[d] += p0;
                        sum[d + 1] += p1;
                        sum[d + 2] += p2;
                        sum[d + 3] += p3;
                    }
                }
            }
        }
    }

    private static void Split(Float4 quad, ArrayView<uint> high, ArrayView<uint> low, int at)
    {
        high[at] = Intrinsics.ToTf32(quad.X);
        high[at + 1] = Intrinsics.ToTf32(quad.Y);
        high[at + 2] = Intrinsics.ToTf32(quad.Z);
        high[at + 3] = Intrinsics.ToTf32(quad.W);
        low[at] = Intrinsics.ToTf32(quad.X - Interop.IntAsFloat(high[at]));
        low[at + 1] = Intrinsics.ToTf32(quad.Y - Interop.IntAsFloat(high[at + 1]));
        low[at + 2] = Intrinsics.ToTf32(quad.Z - Interop.IntAsFloat(high[at + 2]));
        low[at + 3] = Intrinsics.ToTf32(quad.W - Interop.IntAsFloat(high[at + 3]));
    }
}
