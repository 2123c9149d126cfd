namespace Lia.Kernels.Convolution;

/// <summary>What a convolution on tensor cores is passed.</summary>
internal struct TensorConvolutionArguments
{
    /// <summary>What <see cref="ConvolutionKernel"/> is passed; all channels are multiples of four.</summary>
    public ConvolutionArguments Convolution;

    /// <summary>A power of two, multiplied to x and taken out of the sums; empty for none.</summary>
    public ArrayView<float> InputFactor;
}

/// <summary>
/// What <see cref="ConvolutionKernel"/> computes, from and to the same arrays, on the tensor cores of sm_80 and up (`mma.sync`): an
/// implicit GEMM whose float32 operands become two tf32 or a half each on the way from shared memory into registers.
/// <code>
///     Tf32x3:   x = xh + xl,  w = wh + wl      x w = xl wh + xh wl + xh wh + (xl wl, 2^-22 of it: left out)      16 x 8 x 8 at once
///     Half:     x, w rounded to halves         x w                                                               16 x 8 x 16 at once
///
///     K in steps of 32 channels of one tap, taps within channels: the nine taps of a step's pixels find their rows in the L1 cache
///
///       shared, 3 stages by cp.async          a warp: 64 pixels x 32 or 64 channels (32 x 32 in small tiles), 8 of K at a time
///
///          x [pixel][32]     w [32][N]          A: ldmatrix, four 8 x 4 of floats, for 16 pixels
///         +-------------+  +-----------+        B: two 16-byte loads a lane, rows t and t + 4 of the eight, where t = lane mod 4: the
///       M | quad q of   |  | quad q of |           four channels of a load are column lane / 4 of four products, so that a lane's
///         | row r lies  |  | row k at  |           results are two times four neighboring channels, stored at once
///         | at q ^ r % 8|  | q ^ k % 4 |
///         +-------------+  +-----------+        of halves, k and k + 4 share a register
/// </code>
/// Tensor cores cut off what does not fit below their sum, always towards zero (<see cref="WgmmaPairConvolution"/>). So of Tf32x3 only one
/// step, 12 products deep, is summed there, and steps are added on the float32 cores, rounded to nearest: what is lost does not grow with
/// K. Style and factor multiply x in shared memory, each thread what it copied itself, between its arrival and the barrier. Every output is
/// one sum in the order of steps, whatever the tile; how K is cut depends on the shape alone.
/// <para>
/// Tf32x3 is bound by 6 M N K operations at the rate of mma.sync with tf32. To 48 products of a warp there are 6 loads from shared memory
/// (24 wavefronts, none of them a conflict), 24 operands to split in three instructions each and 16 additions: what is issued besides
/// takes some half of the time that an H100 needs for the products. From L2 come 128 (M + N) bytes a step at most, 22 a cycle for
/// 128 x 128 at the full rate, and less where taps hit in L1.
/// </para>
/// <para>
/// Half, with a sixth of that on the tensor cores, is bound by shared memory: of 128 x 128 a step has 512 wavefronts of loads and 256 of
/// copies, for products that an H100 makes in 245 cycles at the full rate. That is 1365 operations a cycle and multiprocessor.
/// </para>
/// <para>4x4 to 16x16 pictures of few frames are bound by the weights, read once.</para>
/// </summary>
internal static class TensorConvolutionKernel
{
    /// <summary>Input channels of a step, and the granule that splits are cut at.</summary>
    public const int Chunk = 32;

    /// <summary>Rows and columns a kernel may have: a bit each says whether they meet the picture.</summary>
    public const int MostTaps = 16;

    private const int Stages = 3, QuadsPerRow = Chunk / 4;

    /// <summary>Floats of shared memory of a block.</summary>
    public static int SharedLength(int tileM, int tileN) => Stages * Chunk * (tileM + tileN);

    // Not public: ILGPU's own compiler, which must take every public kernel without halves, has no tensor cores.
    [LaunchBounds(256, 1)]
    internal static void Run<TTile, TInput, TArithmetic>(TensorConvolutionArguments arguments)
        where TTile : struct, ITensorTile
        where TInput : struct, ITensorInput
        where TArithmetic : struct, ITensorArithmetic
    {
        ConvolutionArguments a = arguments.Convolution;
        int threads = 32 * default(TTile).WarpsM * default(TTile).WarpsN;
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5;

        // Which part of which phase this block computes.
        int split = Grid.IdxZ, oddY = 0, oddX = 0, firstTap = 0;
        int rows = a.OutputHeight, columns = a.OutputWidth, tapsY = a.TapsY, tapsX = a.TapsX, tapStep = 1;
        if (a.Transposed != 0)
        {
            int phase = Grid.IdxZ / a.Splits;
            split = Grid.IdxZ - phase * a.Splits;
            oddY = phase >> 1;
            oddX = phase & 1;
            rows = a.InputHeight + 1 - oddY;
            columns = a.InputWidth + 1 - oddX;
            tapsY = 2 - oddY;
            tapsX = 2 - oddX;
            tapStep = -1;
            firstTap = phase == 0 ? 0 : 2 + 2 * phase;
        }
        int pixels = a.Frames * rows * columns;
        int firstPixel = Grid.IdxX * default(TTile).M, firstChannel = Grid.IdxY * default(TTile).N;

        // The quads that this thread copies: one place in rows of x that lie threads / 8 apart, and one of w in rows 4 threads / N apart.
        int rowsA = default(TTile).M * QuadsPerRow / threads, stepA = threads / QuadsPerRow;
        int rowA = thread / QuadsPerRow, channelA = (thread % QuadsPerRow) * 4;
        ArrayView<int> from = LocalMemory.Allocate<int>(rowsA), taps = LocalMemory.Allocate<int>(rowsA);
        ArrayView<int> styles = LocalMemory.Allocate<int>(rowsA);
        for (int i = 0; i < rowsA; i++)
        {
            int pixel = firstPixel + rowA + i * stepA;
            int frame = pixel / (rows * columns);
            int inFrame = pixel - frame * (rows * columns);
            int row = inFrame / columns;
            int y = row * a.Stride - a.Padding, x = (inFrame - row * columns) * a.Stride - a.Padding;
            // Which rows of the kernel meet the picture (bits 0 to 15), and which columns: none for a pixel past the last one.
            int inside = 0;
            if (pixel < pixels)
            {
                for (int tap = 0; tap < tapsY; tap++)
                {
                    int at = y + tap * tapStep;
                    if (at >= 0 && at < a.InputHeight) inside |= 1 << tap;
                }
                for (int tap = 0; tap < tapsX; tap++)
                {
                    int at = x + tap * tapStep;
                    if (at >= 0 && at < a.InputWidth) inside |= 0x10000 << tap;
                }
            }
            taps[i] = inside;
            from[i] = frame * a.InputFrameStride + (y * a.InputWidth + x) * a.InputChannels + channelA;
            styles[i] = pixel < pixels ? frame * a.InputScaleStride : 0;
        }
        int rowB = thread / (default(TTile).N / 4), channelB = thread % (default(TTile).N / 4) * 4;

        ArrayView<float> shared = SharedMemory.GetDynamic<float>();
        ArrayView<float> sharedA = shared, sharedB = shared.SubView(Stages * Chunk * default(TTile).M);
        ArrayView<float> toA = sharedA.SubView(rowA * Chunk + (channelA ^ ((rowA & 7) * 4)));
        ArrayView<float> toB = sharedB.SubView(rowB * default(TTile).N + (channelB ^ ((rowB & 3) * 4)));

        int warpM = default(TTile).M / default(TTile).WarpsM, warpN = default(TTile).N / default(TTile).WarpsN;
        int tileRow = warp / default(TTile).WarpsN * warpM, tileColumn = warp % default(TTile).WarpsN * warpN;
        ArrayView<float> sum = LocalMemory.Allocate<float>(warpM * warpN / 32);
        for (int i = 0; i < warpM * warpN / 32; i++) sum[i] = 0f;

        // What a lane reads: for ldmatrix row lane mod 16 of 16 pixels, channels from 4 (lane / 16) on; of w row t, the quad of column g.
        int g = lane >> 2, t = lane & 3;
        ArrayView<float> laneA = sharedA.SubView((tileRow + (lane & 15)) * Chunk);
        int swizzle = ((lane >> 4) ^ (lane & 7)) * 4;
        ArrayView<float> laneB = sharedB.SubView(t * default(TTile).N + tileColumn + ((((g & 1) << 2) + (g >> 1)) ^ t) * 4);

        int tapCount = tapsY * tapsX;
        int steps = tapCount * ((a.PaddedInputs + Chunk - 1) / Chunk);
        int first = (int)((long)steps * split / a.Splits), last = (int)((long)steps * (split + 1) / a.Splits);
        // Where the next step that is copied lies, and the step that is multiplied.
        int channel = first / tapCount * Chunk, tapAt = first - first / tapCount * tapCount;
        int tapY = tapAt / tapsX, tapX = tapAt - tapY * tapsX;
        int scaledChannel = channel, scaledTap = tapAt;
        float factor = arguments.InputFactor.Length != 0 ? arguments.InputFactor[0] : 1f;
        int stage = 0, fetched = 0;
        for (int step = first - (Stages - 1); step < last; step++)
        {
            if (step >= first)
            {
                Intrinsics.CpAsyncWaitGroup(Stages - 2);
                if (default(TInput).IsScaled)
                {
                    ArrayView<Float4> quads = toA.SubView(stage * (Chunk * default(TTile).M)).Cast<Float4>();
                    if (scaledChannel + channelA < a.InputChannels)
                    {
                        for (int i = 0; i < rowsA; i++)
                        {
                            Float4 scale = new(1f, 1f, 1f, 1f);
                            if (a.InputScale.Length != 0)
                            {
                                scale = Quad.Load<VectorAccess>(
                                    a.InputScale, styles[i], scaledChannel + channelA, a.InputChannels);
                            }
                            int at = i * stepA * QuadsPerRow;
                            quads[at] = Quad.Scale(Quad.Multiply(quads[at], scale), factor);
                        }
                    }
                    scaledTap++;
                    if (scaledTap == tapCount)
                    {
                        scaledTap = 0;
                        scaledChannel += Chunk;
                    }
                }
                // The step is there for all, and all have read the stage that is filled next.
                Group.Barrier();
            }
            if (step + Stages - 1 < last)
            {
                int tapBits = (0x10000 << tapX) | (1 << tapY);
                int offset = (tapY * a.InputWidth + tapX) * tapStep * a.InputChannels + channel;
                for (int i = 0; i < rowsA; i++)
                {
                    bool isInside = (taps[i] & tapBits) == tapBits && channel + channelA < a.InputChannels;
                    Intrinsics.CpAsync16Cached(
                        ref toA[fetched * (Chunk * default(TTile).M) + i * stepA * Chunk], ref a.Input[isInside ? from[i] + offset : 0],
                        isInside ? 16 : 0);
                }
                int row = (firstTap + tapY * tapsX + tapX) * a.PaddedInputs + channel + rowB;
                for (int i = 0; i < Chunk * default(TTile).N / 4 / threads; i++)
                {
                    int k = i * (4 * threads / default(TTile).N);
                    bool isInside = channel + rowB + k < a.PaddedInputs && firstChannel + channelB < a.PaddedOutputs;
                    Intrinsics.CpAsync16(
                        ref toB[fetched * (Chunk * default(TTile).N) + k * default(TTile).N],
                        ref a.Weights[isInside ? (row + k) * a.PaddedOutputs + firstChannel + channelB : 0], isInside ? 16 : 0);
                }
                tapX++;
                if (tapX == tapsX)
                {
                    tapX = 0;
                    tapY++;
                    if (tapY == tapsY)
                    {
                        tapY = 0;
                        channel += Chunk;
                    }
                }
                fetched = fetched == Stages - 1 ? 0 : fetched + 1;
            }
            Intrinsics.CpAsyncCommitGroup();
            if (step >= first)
            {
                ArrayView<float> x = laneA.SubView(stage * (Chunk * default(TTile).M)),
                    w = laneB.SubView(stage * (Chunk * default(TTile).N));
                if (default(TArithmetic).IsHalf) MultiplyHalves<TTile>(x, swizzle, w, sum);
                else MultiplyPairs<TTile>(x, swizzle, w, sum);
                stage = stage == Stages - 1 ? 0 : stage + 1;
            }
        }

        // Store: whole sums through the epilogue, parts as they are.
        int pieces = warpN / 8;
        for (int i = 0; i < warpM / 8; i++)
        {
            int pixel = firstPixel + tileRow + i * 8 + g;
            if (pixel < pixels)
            {
                int frame = pixel / (rows * columns);
                int stored = pixel;
                if (a.Transposed != 0)
                {
                    int inFrame = pixel - frame * (rows * columns);
                    int y = inFrame / columns;
                    stored = (frame * a.OutputHeight + 2 * y + oddY) * a.OutputWidth + 2 * (inFrame - y * columns) + oddX;
                }
                int row = stored * a.OutputChannels;
                for (int j = 0; j < pieces / 2; j++)
                {
                    int outputChannel = firstChannel + tileColumn + j * 16 + 4 * t;
                    int at = ((i >> 1) * pieces + (j >> 1) * 4) * 4 + (i & 1) * 2 + (j & 1);
                    Float4 value = new(sum[at], sum[at + 4], sum[at + 8], sum[at + 12]);
                    if (default(TInput).IsScaled && default(TArithmetic).IsHalf) value = Quad.Scale(value, 1f / factor);
                    if (outputChannel < a.OutputChannels)
                    {
                        if (a.Splits == 1)
                        {
                            value = Epilogue.Apply<VectorAccess>(a.Epilogue, value, frame, row, outputChannel, a.OutputChannels);
                            Quad.Store<VectorAccess>(a.Output, row, outputChannel, a.OutputChannels, value);
                        }
                        else
                        {
                            int part = split * (a.Frames * a.OutputHeight * a.OutputWidth * a.OutputChannels);
                            Quad.Store<VectorAccess>(a.Output.SubView(part), row, outputChannel, a.OutputChannels, value);
                        }
                    }
                }
            }
        }
    }

    // sum += x of a step * w of it, as halves.
    private static void MultiplyHalves<TTile>(ArrayView<float> x, int swizzle, ArrayView<float> w, ArrayView<float> sum)
        where TTile : struct, ITensorTile
    {
        int warpM = default(TTile).M / default(TTile).WarpsM, pieces = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<uint> left = LocalMemory.Allocate<uint>(4), right = LocalMemory.Allocate<uint>(2 * pieces);
        for (int k = 0; k < Chunk; k += 8)
        {
            int half = (k >> 3) & 1;
            for (int j = 0; j < pieces; j += 4)
            {
                Float4 low = w.Cast<Float4>()[(k * default(TTile).N + j * 8) / 4];
                Float4 high = w.Cast<Float4>()[((k + 4) * default(TTile).N + j * 8) / 4];
                right[2 * j + half] = Intrinsics.PackHalf2(low.X, high.X);
                right[2 * j + 2 + half] = Intrinsics.PackHalf2(low.Y, high.Y);
                right[2 * j + 4 + half] = Intrinsics.PackHalf2(low.Z, high.Z);
                right[2 * j + 6 + half] = Intrinsics.PackHalf2(low.W, high.W);
            }
            if (half == 1)
            {
                for (int i = 0; i < warpM / 16; i++)
                {
                    for (int part = 0; part < 2; part++)
                    {
                        Intrinsics.LdMatrixX4(ref x[(swizzle ^ (k - 8 + 8 * part)) + i * 16 * Chunk],
                            out uint x0, out uint x1, out uint x2, out uint x3);
                        left[2 * part] = Intrinsics.PackHalf2(Interop.IntAsFloat(x0), Interop.IntAsFloat(x2));
                        left[2 * part + 1] = Intrinsics.PackHalf2(Interop.IntAsFloat(x1), Interop.IntAsFloat(x3));
                    }
                    for (int j = 0; j < pieces; j++)
                    {
                        int d = (i * pieces + j) * 4;
                        Intrinsics.MmaSyncF16(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[0], left[1], left[2],
                            left[3], right[2 * j], right[2 * j + 1]);
                    }
                }
            }
        }
    }

    // sum += x of a step * w of it, by three products of tf32.
    private static void MultiplyPairs<TTile>(ArrayView<float> x, int swizzle, ArrayView<float> w, ArrayView<float> sum)
        where TTile : struct, ITensorTile
    {
        int warpM = default(TTile).M / default(TTile).WarpsM, pieces = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> part = LocalMemory.Allocate<float>(warpM / 4 * pieces);
        for (int i = 0; i < warpM / 4 * pieces; i++) part[i] = 0f;
        ArrayView<uint> left = LocalMemory.Allocate<uint>(4), leftRest = LocalMemory.Allocate<uint>(4);
        ArrayView<uint> right = LocalMemory.Allocate<uint>(2 * pieces), rightRest = LocalMemory.Allocate<uint>(2 * pieces);
        for (int k = 0; k < Chunk; k += 8)
        {
            for (int half = 0; half < 2; half++)
            {
                for (int j = 0; j < pieces; j += 4)
                {
                    Float4 quad = w.Cast<Float4>()[((k + 4 * half) * default(TTile).N + j * 8) / 4];
                    Split(quad.X, out right[2 * j + half], out rightRest[2 * j + half]);
                    Split(quad.Y, out right[2 * j + 2 + half], out rightRest[2 * j + 2 + half]);
                    Split(quad.Z, out right[2 * j + 4 + half], out rightRest[2 * j + 4 + half]);
                    Split(quad.W, out right[2 * j + 6 + half], out rightRest[2 * j + 6 + half]);
                }
            }
            int at = swizzle ^ k;
            for (int i = 0; i < warpM / 16; i++)
            {
                Intrinsics.LdMatrixX4(ref x[at + i * 16 * Chunk], out uint x0, out uint x1, out uint x2, out uint x3);
                Split(Interop.IntAsFloat(x0), out left[0], out leftRest[0]);
                Split(Interop.IntAsFloat(x1), out left[1], out leftRest[1]);
                Split(Interop.IntAsFloat(x2), out left[2], out leftRest[2]);
                Split(Interop.IntAsFloat(x3), out left[3], out leftRest[3]);
                // The small products first. Those of one sum are apart, so that none waits for the one before it.
                for (int j = 0; j < pieces; j++) Product(leftRest, right, j, part, (i * pieces + j) * 4);
                for (int j = 0; j < pieces; j++) Product(left, rightRest, j, part, (i * pieces + j) * 4);
                for (int j = 0; j < pieces; j++) Product(left, right, j, part, (i * pieces + j) * 4);
            }
        }
        for (int i = 0; i < warpM / 4 * pieces; i++) sum[i] += part[i];
    }

    private static void Product(ArrayView<uint> left, ArrayView<uint> right, int piece, ArrayView<float> d, int at) =>
        Intrinsics.MmaSyncTF32(ref d[at], ref d[at + 1], ref d[at + 2], ref d[at + 3], left[0], left[1], left[2], left[3],
            right[2 * piece], right[2 * piece + 1]);

    // The nearest tf32, and what it leaves: 12 bits and a sign, of which cutting off takes one at most.
    private static void Split(float value, out uint high, out uint low)
    {
        high = Intrinsics.ToTf32(value);
        low = Interop.FloatAsInt(value - Interop.IntAsFloat(high)) & 0xffffe000;
    }
}
