namespace Lia.Kernels.Convolution;

/// <summary>
/// What a weight gradient's kernel is passed. A plain convolution's base map is the gradient of its output, its shifted map the input; a
/// transposed one's base map is the input, its shifted map the gradient of the output.
/// </summary>
internal struct WeightGradientArguments
{
    /// <summary>[frame, BaseHeight, BaseWidth, BaseChannels].</summary>
    public ArrayView<float> Base;

    /// <summary>[frame, ShiftedHeight, ShiftedWidth, ShiftedChannels].</summary>
    public ArrayView<float> Shifted;

    /// <summary>Factors [frame, channel] of the base map, rows <see cref="ScaleStride"/> apart; empty for none.</summary>
    public ArrayView<float> BaseScale;

    /// <summary>Factors [frame, channel] of the shifted map, rows <see cref="ScaleStride"/> apart; empty for none.</summary>
    public ArrayView<float> ShiftedScale;

    /// <summary>Partial sums [split, base channel, tap, PaddedShifted].</summary>
    public ArrayView<float> Parts;

    public int Frames, BaseHeight, BaseWidth, BaseChannels, ShiftedHeight, ShiftedWidth, ShiftedChannels;

    /// <summary>Shifted channels, rounded up to whole quads.</summary>
    public int PaddedShifted;

    /// <summary>Elements from one frame to the next; 0 when all frames share one.</summary>
    public int BaseFrameStride, ShiftedFrameStride;

    /// <summary>Taps across the kernel, and as many down.</summary>
    public int Kernel;

    /// <summary>Shifted pixels per base pixel.</summary>
    public int Stride;

    /// <summary>Zeros above and left of the shifted map.</summary>
    public int Padding;

    /// <summary>Parts the sum over pixels is cut into.</summary>
    public int Splits;

    public int ScaleStride;
}

/// <summary>
/// A convolution's gradient by its weights as an implicit GEMM, float32 throughout, cut along the pixels (split-K):
/// <code>
///     part[b, (t, c)] = sum over the part's base pixels p of all frames   base[p, b] * shifted[stride p + t, c]
///
///     M = base channels b,  N = taps t x shifted channels c,  K = base pixels, 8 at a time
///
///                 N: quads of channels, tap by tap             a block's tile (128x128 shown), split among its warps, a warp's
///               +-----------+-----------+                      32x64 among 4x8 lanes, a lane's 8x8 as 2x2 pieces of 4x4, so
///     8 of K    | shifted chunk, shared |  x2                  that the lanes that read shared memory together read
///               +-----------+-----------+                      neighboring 16 bytes
///     +---+     +-----------+-----------+
///   M |   |     | warp 0    | warp 1    |    both maps have their channels innermost, as the tile has: a quad goes from memory
///  128| b |     +-----------+-----------+    to a register (4 channels = 16 bytes a load, zeros outside, times the style) and
///     |   |     | warp 2    | warp 3    |    into shared memory as it is, nothing is transposed
///     |x2 |     |  ...      |           |
///     +---+     +-----------+-----------+    a thread's column of quads, its tap and channel are the same for all chunks; only
///                                            its pixel moves on, by additions with carry (frame, row, column): no divisions
/// </code>
/// The next chunk is loaded into registers while the current one is multiplied: one barrier a chunk. Every part is one chain of fused
/// multiply-adds in the order of the pixels, whatever the tile; <see cref="WeightGradientReduction"/> adds the parts in a fixed order.
/// Stride 2 and padding move the shifted pixel; a transposed convolution (output 2 H + 1) is stride 2 with the maps changed over, and no
/// product is by an inserted zero. Bound: 2 M N K operations at the float32 rate (a chunk of 8 is 512 multiply-adds a thread for 32 16-byte
/// shared loads). A block reads 4 (M + N) bytes a pixel for M N multiply-adds, 1 byte for 16 (128x128) or 12 (64x192), mostly from the L2
/// cache: the blocks of a part run side by side, and nine taps read the same pixels.
/// </summary>
internal static class WeightGradientKernel
{
    /// <summary>Pixels of a chunk, and the granule that splits are cut at.</summary>
    public const int Chunk = 8;

    [LaunchBounds(256, 2)]
    public static void Run<TTile, TAccess>(WeightGradientArguments a)
        where TTile : struct, IWeightGradientTile
        where TAccess : struct, IChannelAccess
    {
        int threads = 32 * default(TTile).WarpsM * default(TTile).WarpsN;
        int thread = Group.IdxX;
        int lane = thread & 31, warp = thread >> 5;
        int firstRow = Grid.IdxY * default(TTile).M, firstColumn = Grid.IdxX * default(TTile).N;
        int columns = a.Kernel * a.Kernel * a.PaddedShifted;

        // The part's chunks.
        int basePixels = a.BaseHeight * a.BaseWidth;
        int chunks = (a.Frames * basePixels + Chunk - 1) / Chunk;
        int chunk = (int)((long)chunks * Grid.IdxZ / a.Splits), lastChunk = (int)((long)chunks * (Grid.IdxZ + 1) / a.Splits);

        // What this thread loads: of every chunk a few pixels, the same quad of channels of each.
        int widthA = default(TTile).M / 4, widthB = default(TTile).N / 4;
        int quadsA = (Chunk * widthA + threads - 1) / threads, quadsB = (Chunk * widthB + threads - 1) / threads;
        int rowA = thread / widthA, rowB = thread / widthB;
        int channelA = firstRow + (thread - rowA * widthA) * 4;
        bool existsA = channelA < a.BaseChannels && rowA < Chunk;
        int columnB = firstColumn + (thread - rowB * widthB) * 4;
        int tap = columnB / a.PaddedShifted;
        int channelB = columnB - tap * a.PaddedShifted;
        bool existsB = columnB < columns;
        int tapY = tap / a.Kernel, tapX = tap - tapY * a.Kernel;
        int offsetY = tapY - a.Padding, offsetX = tapX - a.Padding;

        // Where the pixels are: (frame, pixel in it) of the base map, (frame, row, column) of the pixel that taps start from.
        ArrayView<int> frameA = LocalMemory.Allocate<int>(quadsA), pixelA = LocalMemory.Allocate<int>(quadsA);
        ArrayView<int> frameB = LocalMemory.Allocate<int>(quadsB), rowOfB = LocalMemory.Allocate<int>(quadsB),
            columnOfB = LocalMemory.Allocate<int>(quadsB);
        for (int i = 0; i < quadsA; i++)
        {
            int pixel = chunk * Chunk + rowA + i * (threads / widthA);
            frameA[i] = pixel / basePixels;
            pixelA[i] = pixel - frameA[i] * basePixels;
        }
        for (int i = 0; i < quadsB; i++)
        {
            int pixel = chunk * Chunk + rowB + i * (threads / widthB);
            frameB[i] = pixel / basePixels;
            int inFrame = pixel - frameB[i] * basePixels;
            rowOfB[i] = inFrame / a.BaseWidth;
            columnOfB[i] = inFrame - rowOfB[i] * a.BaseWidth;
        }
        // A chunk further, digit by digit.
        int frameStep = Chunk / basePixels, pixelStep = Chunk - frameStep * basePixels;
        int rowStep = pixelStep / a.BaseWidth, columnStep = pixelStep - rowStep * a.BaseWidth;

        ArrayView<float> sharedA = SharedMemory.Allocate<float>(2 * Chunk * default(TTile).M);
        ArrayView<float> sharedB = SharedMemory.Allocate<float>(2 * Chunk * default(TTile).N);
        ArrayView<Float4> quadA = LocalMemory.Allocate<Float4>(quadsA), quadB = LocalMemory.Allocate<Float4>(quadsB);
        ArrayView<Float4> scaleA = LocalMemory.Allocate<Float4>(quadsA), scaleB = LocalMemory.Allocate<Float4>(quadsB);
        ArrayView<int> insideA = LocalMemory.Allocate<int>(quadsA), insideB = LocalMemory.Allocate<int>(quadsB);
        for (int i = 0; i < quadsA; i++) scaleA[i] = new(1f, 1f, 1f, 1f);
        for (int i = 0; i < quadsB; i++) scaleB[i] = new(1f, 1f, 1f, 1f);

        int rowsPerThread = default(TTile).M / default(TTile).WarpsM / 4;
        int columnsPerThread = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> sum = LocalMemory.Allocate<float>(rowsPerThread * columnsPerThread);
        for (int i = 0; i < rowsPerThread * columnsPerThread; i++) sum[i] = 0f;

        // Where this thread's pieces lie in the tile.
        int warpM = warp / default(TTile).WarpsN, warpN = warp - warpM * default(TTile).WarpsN;
        int tileRow = warpM * (default(TTile).M / default(TTile).WarpsM) + (lane >> 3) * 4;
        int tileColumn = warpN * (default(TTile).N / default(TTile).WarpsN) + (lane & 7) * 4;

        int buffer = 0;
        for (int step = chunk; step <= lastChunk; step++)
        {
            // Load chunk `step` into registers while chunk `step - 1` is in shared memory. Outside, the first quad is loaded: nothing is
            // done with it before the products that hide the way from memory.
            if (step < lastChunk)
            {
                for (int i = 0; i < quadsA; i++)
                {
                    bool isInside = existsA && frameA[i] < a.Frames;
                    insideA[i] = isInside ? 1 : 0;
                    int from = isInside ? channelA : 0;
                    quadA[i] = Quad.Load<TAccess>(
                        a.Base, isInside ? frameA[i] * a.BaseFrameStride + pixelA[i] * a.BaseChannels : 0, from, a.BaseChannels);
                    if (a.BaseScale.Length != 0)
                    {
                        scaleA[i] = Quad.Load<TAccess>(
                            a.BaseScale, isInside ? frameA[i] * a.ScaleStride : 0, from, a.BaseChannels);
                    }
                    pixelA[i] += pixelStep;
                    frameA[i] += frameStep;
                    if (pixelA[i] >= basePixels)
                    {
                        pixelA[i] -= basePixels;
                        frameA[i]++;
                    }
                }
                for (int i = 0; i < quadsB; i++)
                {
                    int y = rowOfB[i] * a.Stride + offsetY, x = columnOfB[i] * a.Stride + offsetX;
                    bool isInside = existsB && frameB[i] < a.Frames && y >= 0 && y < a.ShiftedHeight && x >= 0 && x < a.ShiftedWidth;
                    insideB[i] = isInside ? 1 : 0;
                    int from = isInside ? channelB : 0;
                    quadB[i] = Quad.Load<TAccess>(
                        a.Shifted,
                        isInside ? frameB[i] * a.ShiftedFrameStride + (y * a.ShiftedWidth + x) * a.ShiftedChannels : 0, from,
                        a.ShiftedChannels);
                    if (a.ShiftedScale.Length != 0)
                    {
                        scaleB[i] = Quad.Load<TAccess>(
                            a.ShiftedScale, isInside ? frameB[i] * a.ScaleStride : 0, from, a.ShiftedChannels);
                    }
                    columnOfB[i] += columnStep;
                    rowOfB[i] += rowStep;
                    frameB[i] += frameStep;
                    if (columnOfB[i] >= a.BaseWidth)
                    {
                        columnOfB[i] -= a.BaseWidth;
                        rowOfB[i]++;
                    }
                    if (rowOfB[i] >= a.BaseHeight)
                    {
                        rowOfB[i] -= a.BaseHeight;
                        frameB[i]++;
                    }
                }
            }
            if (step > chunk) Multiply<TTile>(sharedA, sharedB, buffer, tileRow, tileColumn, sum);
            if (step < lastChunk)
            {
                buffer = 1 - buffer;
                for (int i = 0; i < quadsA; i++)
                {
                    int item = thread + i * threads;
                    if (Chunk * widthA % threads == 0 || item < Chunk * widthA)
                        sharedA.Cast<Float4>()[buffer * Chunk * widthA + item] = Inside(insideA[i], Quad.Multiply(quadA[i], scaleA[i]));
                }
                for (int i = 0; i < quadsB; i++)
                {
                    int item = thread + i * threads;
                    if (Chunk * widthB % threads == 0 || item < Chunk * widthB)
                        sharedB.Cast<Float4>()[buffer * Chunk * widthB + item] = Inside(insideB[i], Quad.Multiply(quadB[i], scaleB[i]));
                }
            }
            Group.Barrier();
        }

        for (int i = 0; i < rowsPerThread; i++)
        {
            int row = firstRow + tileRow + (i >> 2) * 16 + (i & 3);
            if (row < a.BaseChannels)
            {
                for (int j = 0; j < columnsPerThread; j += 4)
                {
                    int column = firstColumn + tileColumn + (j >> 2) * 32;
                    int at = i * columnsPerThread + j;
                    if (column < columns)
                    {
                        a.Parts.Cast<Float4>()[((Grid.IdxZ * a.BaseChannels + row) * columns + column) >> 2] =
                            new(sum[at], sum[at + 1], sum[at + 2], sum[at + 3]);
                    }
                }
            }
        }
    }

    private static Float4 Inside(int inside, Float4 quad) => new(
        inside != 0 ? quad.X : 0f, inside != 0 ? quad.Y : 0f, inside != 0 ? quad.Z : 0f, inside != 0 ? quad.W : 0f);

    /// <summary>sum += base chunk * shifted chunk: for each pixel, the thread's rows times its columns.</summary>
    private static void Multiply<TTile>(
        ArrayView<float> sharedA, ArrayView<float> sharedB, int buffer, int tileRow, int tileColumn, ArrayView<float> sum)
        where TTile : struct, IWeightGradientTile
    {
        int rowsPerThread = default(TTile).M / default(TTile).WarpsM / 4;
        int columnsPerThread = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> x = LocalMemory.Allocate<float>(rowsPerThread), w = LocalMemory.Allocate<float>(columnsPerThread);
        ArrayView<Float4> a4 = sharedA.Cast<Float4>(), b4 = sharedB.Cast<Float4>();
        int atA = (buffer * Chunk * default(TTile).M + tileRow) / 4, atB = (buffer * Chunk * default(TTile).N + tileColumn) / 4;
        for (int k = 0; k < Chunk; k++)
        {
            for (int i = 0; i < rowsPerThread; i += 4)
            {
                Float4 quad = a4[atA + k * (default(TTile).M / 4) + i];
                x[i] = quad.X;
                x[i + 1] = quad.Y;
                x[i + 2] = quad.Z;
                x[i + 3] = quad.W;
            }
            for (int j = 0; j < columnsPerThread; j += 4)
            {
                Float4 quad = b4[atB + k * (default(TTile).N / 4) + 2 * j];
                w[j] = quad.X;
                w[j + 1] = quad.Y;
                w[j + 2] = quad.Z;
                w[j + 3] = quad.W;
            }
            for (int i = 0; i < rowsPerThread; i++)
            {
                for (int j = 0; j < columnsPerThread; j++)
                    sum[i * columnsPerThread + j] = Intrinsics.Fma(x[i], w[j], sum[i * columnsPerThread + j]);
            }
        }
    }
}
