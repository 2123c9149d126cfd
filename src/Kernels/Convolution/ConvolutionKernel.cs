namespace Lia.Kernels.Convolution;

/// <summary>What a convolution kernel is passed. Extents are in pixels and channels, strides in elements.</summary>
internal struct ConvolutionArguments
{
    /// <summary>x [frame, InputHeight, InputWidth, InputChannels].</summary>
    public ArrayView<float> Input;

    /// <summary>w [tap, PaddedInputs, PaddedOutputs], zeros in the padding (<see cref="ConvolutionWeights"/>).</summary>
    public ArrayView<float> Weights;

    /// <summary>y [frame, OutputHeight, OutputWidth, OutputChannels]; with several splits [split, the same], before the epilogue.</summary>
    public ArrayView<float> Output;

    /// <summary>Modulation s [frame, channel] of the input, rows <see cref="InputScaleStride"/> apart; empty for none.</summary>
    public ArrayView<float> InputScale;

    /// <summary>What follows the sum.</summary>
    public Epilogue Epilogue;

    public int Frames, InputHeight, InputWidth, InputChannels, OutputHeight, OutputWidth, OutputChannels;
    public int PaddedInputs, PaddedOutputs;

    /// <summary>Taps down and across the kernel (of a plain convolution).</summary>
    public int TapsY, TapsX;

    /// <summary>Input pixels per output pixel.</summary>
    public int Stride;

    /// <summary>Zeros above and left of the input.</summary>
    public int Padding;

    /// <summary>1: transposed 3x3 convolution with stride 2 (four phases along the grid's z).</summary>
    public int Transposed;

    /// <summary>Parts the sum over taps and input channels is cut into.</summary>
    public int Splits;

    public int InputScaleStride;

    /// <summary>Elements from one frame's x to the next; 0 when all frames share one.</summary>
    public int InputFrameStride;
}

/// <summary>
/// Convolution as an implicit GEMM, float32 throughout, with split-K for small pictures:
/// <code>
///     y[p, o] = epilogue( sum over taps t and channels c of  s[f, c] x[p + t, c] * w[t, c, o] )
///
///     M = output pixels p of all frames,  N = output channels o,  K = taps x input channels, 8 at a time
///
///                 N: 128 channels of w                 a block's tile (128x128 shown), split among its warps,
///               +-----------+-----------+              a warp's 32x64 among 4x8 lanes, a lane's 8x8 as 2x2 pieces
///     8 of K    |  w chunk, shared, x2  |              of 4x4, so that the lanes that read shared memory together
///               +-----------+-----------+              read neighboring 16 bytes:
///     +---+     +-----------+-----------+
///   M |   |     | warp 0    | warp 1    |                 lane columns:  0 1 2 .. 7 | 0 1 2 .. 7    (x 4 channels)
///  128| x |     +-----------+-----------+                 lane rows:     0..3 (x 4 pixels), then 0..3 again
/// pix.|   |     | warp 2    | warp 3    |
///     |x2 |     |  ...      |           |              x is gathered (4 channels = 16 bytes a load, zeros outside), scaled by
///     +---+     +-----------+-----------+              the style and stored transposed [k][pixel]; the next chunk is loaded
///                                                      into registers while the current one is multiplied: one barrier a chunk.
/// </code>
/// Every output is one chain of fused multiply-adds in the order of K, whatever the tile: results depend neither on the tile nor on the
/// number of frames. Small pictures cut K into a number of parts fixed by the layer (grid z); <see cref="SplitReduction"/> adds them in
/// order. A transposed convolution (stride 2, 3x3, the checkpoint's kernel unflipped) is four plain ones, one per parity of the output
/// pixel: even coordinates meet kernel rows 0 and 2 (of input y, y - 1), odd ones row 1; with 4, 2, 2 and 1 taps no multiplication is by an
/// inserted zero. Bound: 2 M N K operations at the float32 rate (a chunk of 8 is 512 multiply-adds a thread for 4 16-byte shared loads per
/// k); bytes matter only for 4x4 to 16x16 pictures of one frame, where the weights are read once (9.4 MB for 512 to 512 channels).
/// </summary>
internal static class ConvolutionKernel
{
    /// <summary>Depth of a chunk, and the granule that splits are cut at.</summary>
    public const int Chunk = 8;

    // Rows of the transposed x tile are 16 bytes longer, so that the four stores of a quad fall into different banks.
    private const int Pad = 4;

    [LaunchBounds(256, 2)]
    public static void Run<TTile, TAccess>(ConvolutionArguments a)
        where TTile : struct, IConvolutionTile
        where TAccess : struct, IChannelAccess
    {
        int threads = 32 * default(TTile).WarpsM * default(TTile).WarpsN;
        int thread = Group.IdxX;
        int lane = thread & 31, warp = thread >> 5;

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

        // The pixels whose x this thread loads: one quad of channels of each.
        int quadsA = default(TTile).M * Chunk / 4 / threads;
        int quadsB = default(TTile).N * Chunk / 4 / threads;
        int quadChannel = (thread & 1) * 4;
        ArrayView<int> frame = LocalMemory.Allocate<int>(quadsA);
        ArrayView<int> originY = LocalMemory.Allocate<int>(quadsA);
        ArrayView<int> originX = LocalMemory.Allocate<int>(quadsA);
        for (int i = 0; i < quadsA; i++)
        {
            int pixel = firstPixel + (thread + i * threads) / 2;
            int pixelFrame = pixel / (rows * columns);
            int inFrame = pixel - pixelFrame * (rows * columns);
            int y = inFrame / columns;
            frame[i] = pixelFrame;
            // A pixel past the last one lies far outside every frame and loads zeros.
            originY[i] = pixel < pixels ? y * a.Stride - a.Padding : -1000000;
            originX[i] = (inFrame - y * columns) * a.Stride - a.Padding;
        }

        ArrayView<float> sharedA = SharedMemory.Allocate<float>(2 * Chunk * (default(TTile).M + Pad));
        ArrayView<float> sharedB = SharedMemory.Allocate<float>(2 * Chunk * default(TTile).N);
        ArrayView<Float4> quads = LocalMemory.Allocate<Float4>(quadsA), scales = LocalMemory.Allocate<Float4>(quadsA);
        ArrayView<int> inside = LocalMemory.Allocate<int>(quadsA);
        for (int i = 0; i < quadsA; i++) scales[i] = new(1f, 1f, 1f, 1f);
        ArrayView<Float4> weights = LocalMemory.Allocate<Float4>(quadsB);

        int rowsPerThread = default(TTile).M / default(TTile).WarpsM / 4;
        int columnsPerThread = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> sum = LocalMemory.Allocate<float>(rowsPerThread * columnsPerThread);
        for (int i = 0; i < rowsPerThread * columnsPerThread; i++) sum[i] = 0f;

        // Where this thread's pieces lie in the tile.
        int warpM = warp / default(TTile).WarpsN, warpN = warp - warpM * default(TTile).WarpsN;
        int tileRow = warpM * (default(TTile).M / default(TTile).WarpsM) + (lane >> 3) * 4;
        int tileColumn = warpN * (default(TTile).N / default(TTile).WarpsN) + (lane & 7) * 4;

        int chunksPerTap = a.PaddedInputs / Chunk;
        int chunks = tapsY * tapsX * chunksPerTap;
        int chunk = (int)((long)chunks * split / a.Splits), lastChunk = (int)((long)chunks * (split + 1) / a.Splits);
        int tap = chunk / chunksPerTap, channel = (chunk - tap * chunksPerTap) * Chunk;
        int tapY = tap / tapsX, tapX = tap - tapY * tapsX;
        int buffer = 0;
        for (int step = chunk; step <= lastChunk; step++)
        {
            // Load chunk `step` into registers while chunk `step - 1` is in shared memory.
            if (step < lastChunk)
            {
                for (int i = 0; i < quadsA; i++)
                {
                    int y = originY[i] + tapY * tapStep, x = originX[i] + tapX * tapStep;
                    bool isInside = channel + quadChannel < a.InputChannels && y >= 0 && y < a.InputHeight && x >= 0 && x < a.InputWidth;
                    inside[i] = isInside ? 1 : 0;
                    // Nothing is done with what is loaded before the products that hide the way from memory: outside, the first quad.
                    int from = isInside ? channel + quadChannel : 0;
                    quads[i] = Quad.Load<TAccess>(
                        a.Input, isInside ? frame[i] * a.InputFrameStride + (y * a.InputWidth + x) * a.InputChannels : 0, from,
                        a.InputChannels);
                    if (a.InputScale.Length != 0)
                    {
                        scales[i] = Quad.Load<TAccess>(
                            a.InputScale, isInside ? frame[i] * a.InputScaleStride : 0, from, a.InputChannels);
                    }
                }
                for (int i = 0; i < quadsB; i++)
                {
                    int item = thread + i * threads;
                    int k = item / (default(TTile).N / 4), n = item - k * (default(TTile).N / 4);
                    int row = (firstTap + tapY * tapsX + tapX) * a.PaddedInputs + channel + k;
                    weights[i] = a.Weights.Cast<Float4>()[(row * a.PaddedOutputs + firstChannel) / 4 + n];
                }
                channel += Chunk;
                if (channel == a.PaddedInputs)
                {
                    channel = 0;
                    tapX++;
                    if (tapX == tapsX)
                    {
                        tapX = 0;
                        tapY++;
                    }
                }
            }
            if (step > chunk) Multiply<TTile>(sharedA, sharedB, buffer, tileRow, tileColumn, sum);
            if (step < lastChunk)
            {
                buffer = 1 - buffer;
                for (int i = 0; i < quadsA; i++)
                {
                    int at = (buffer * Chunk + quadChannel) * (default(TTile).M + Pad) + (thread + i * threads) / 2;
                    Float4 quad = Quad.Multiply(quads[i], scales[i]);
                    sharedA[at] = inside[i] != 0 ? quad.X : 0f;
                    sharedA[at + (default(TTile).M + Pad)] = inside[i] != 0 ? quad.Y : 0f;
                    sharedA[at + 2 * (default(TTile).M + Pad)] = inside[i] != 0 ? quad.Z : 0f;
                    sharedA[at + 3 * (default(TTile).M + Pad)] = inside[i] != 0 ? quad.W : 0f;
                }
                for (int i = 0; i < quadsB; i++)
                    sharedB.Cast<Float4>()[buffer * Chunk * (default(TTile).N / 4) + thread + i * threads] = weights[i];
            }
            Group.Barrier();
        }

        // Store: whole sums through the epilogue, parts as they are.
        for (int i = 0; i < rowsPerThread; i++)
        {
            int pixel = firstPixel + tileRow + (i >> 2) * 16 + (i & 3);
            if (pixel < pixels)
            {
                int pixelFrame = pixel / (rows * columns);
                int stored = pixel;
                if (a.Transposed != 0)
                {
                    int inFrame = pixel - pixelFrame * (rows * columns);
                    int y = inFrame / columns;
                    stored = (pixelFrame * a.OutputHeight + 2 * y + oddY) * a.OutputWidth + 2 * (inFrame - y * columns) + oddX;
                }
                int row = stored * a.OutputChannels;
                for (int j = 0; j < columnsPerThread; j += 4)
                {
                    int outputChannel = firstChannel + tileColumn + (j >> 2) * 32;
                    int at = i * columnsPerThread + j;
                    Float4 value = new(sum[at], sum[at + 1], sum[at + 2], sum[at + 3]);
                    if (outputChannel < a.OutputChannels)
                    {
                        if (a.Splits == 1)
                        {
                            value = Epilogue.Apply<TAccess>(a.Epilogue, value, pixelFrame, row, outputChannel, a.OutputChannels);
                            Quad.Store<TAccess>(a.Output, row, outputChannel, a.OutputChannels, value);
                        }
                        else
                        {
                            int part = split * (a.Frames * a.OutputHeight * a.OutputWidth * a.OutputChannels);
                            Quad.Store<TAccess>(a.Output.SubView(part), row, outputChannel, a.OutputChannels, value);
                        }
                    }
                }
            }
        }
    }

    /// <summary>sum += x chunk * w chunk: for each k, the thread's pixels times its channels.</summary>
    private static void Multiply<TTile>(
        ArrayView<float> sharedA, ArrayView<float> sharedB, int buffer, int tileRow, int tileColumn, ArrayView<float> sum)
            where TTile : struct, IConvolutionTile
    {
        int rowsPerThread = default(TTile).M / default(TTile).WarpsM / 4;
        int columnsPerThread = default(TTile).N / default(TTile).WarpsN / 8;
        ArrayView<float> x = LocalMemory.Allocate<float>(rowsPerThread);
        ArrayView<float> w = LocalMemory.Allocate<float>(columnsPerThread);
        ArrayView<Float4> a4 = sharedA.Cast<Float4>(), b4 = sharedB.Cast<Float4>();
        int atA = (buffer * Chunk * (default(TTile).M + Pad) + tileRow) / 4;
        int atB = (buffer * Chunk * default(TTile).N + tileColumn) / 4;
        for (int k = 0; k < Chunk; k++)
        {
            for (int i = 0; i < rowsPerThread; i += 4)
            {
                Float4 quad = a4[atA + k * ((default(TTile).M + Pad) / 4) + i];
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
