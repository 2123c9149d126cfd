using Lia.Gpu.Runtime;

namespace Lia.Kernels.Linear;

/// <summary>What the backward pass of a linear layer y = Scale W x + BiasScale b is passed. Empty views leave a part out.</summary>
internal struct LinearGradientArguments
{
    /// <summary>x [frame, input], rows <see cref="InputStride"/> apart; for the weights' gradient.</summary>
    public ArrayView<float> Input;

    /// <summary>g [frame, output], rows <see cref="OutputGradientStride"/> apart: the gradient of y, before an activation.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>W [output, input] as it is learned; for the input's gradient.</summary>
    public ArrayView<float> Weights;

    /// <summary>Receives dx [frame, input], rows <see cref="InputGradientStride"/> apart.</summary>
    public ArrayView<float> InputGradient;

    /// <summary>Receives dW [output, input].</summary>
    public ArrayView<float> WeightGradient;

    /// <summary>Receives db [output].</summary>
    public ArrayView<float> BiasGradient;

    /// <summary>Room for the parts of dx: <see cref="LinearGradient.WorkspaceLength"/>; may be longer.</summary>
    public ArrayView<float> Workspace;

    public int Frames, Inputs, Outputs, InputStride, OutputGradientStride, InputGradientStride;

    /// <summary>Factor of the weights, lr_mul / sqrt(inputs), and of the bias, lr_mul.</summary>
    public float Scale, BiasScale;

    /// <summary>1: dx is added to what is there.</summary>
    public int AccumulatesInput;

    /// <summary>1: dW and db are added to what is there.</summary>
    public int AccumulatesParameters;
}

/// <summary>What one product of the backward pass is passed: C[m, n] (+)= scale * sum over k of A[k, m] B[k, n].</summary>
internal struct LinearProductArguments
{
    /// <summary>A, element (k, m) at k * <see cref="StrideAK"/> + m * <see cref="StrideAM"/>; one of the two is 1.</summary>
    public ArrayView<float> A;

    /// <summary>B, rows of n <see cref="StrideB"/> apart.</summary>
    public ArrayView<float> B;

    /// <summary>
    /// C, rows of n <see cref="StrideC"/> apart; with several splits [split, m, n], neither scaled nor added to anything.
    /// </summary>
    public ArrayView<float> C;

    public int M, N, K, StrideAK, StrideAM, StrideB, StrideC, Splits;

    public float Scale;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>What the reduction of a product that was cut along K is passed.</summary>
internal struct LinearReductionArguments
{
    /// <summary>Partial sums [split, m, n].</summary>
    public ArrayView<float> Parts;

    /// <summary>C, rows of n <see cref="Stride"/> apart.</summary>
    public ArrayView<float> Output;

    public int Splits, M, N, Stride;

    public float Scale;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>What the bias' gradient is passed.</summary>
internal struct LinearBiasArguments
{
    /// <summary>g [frame, output], rows <see cref="Stride"/> apart.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>db [output].</summary>
    public ArrayView<float> Output;

    public int Frames, Outputs, Stride;

    public float Scale;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// Backward pass of EqualLinear, of the latent displacement too (W = Q, scale 1): two products of the same form and a sum,
/// <code>
///     dW[o, i] (+)= scale * sum over frames  of g[f, o] x[f, i]              A = g, B = x
///     dx[f, i] (+)= scale * sum over outputs of g[f, o] W[o, i]              A = g', B = W
///     db[o]    (+)= biasScale * sum over frames of g[f, o]
///
///     C[m, n] = sum over k of A[k, m] B[k, n]:      a block: 64 x 64 of C, a thread 4 x 4 of it;
///                                                    k in chunks of 16, through shared memory
///              n: 64
///        k  +---------+     few frames make few tiles of dx and a long K (up to 9000 outputs of the stacked modulations): K is cut
///       16  |    B    |     into parts along the grid's z, by shape alone, which are added in order by a second launch.
///        +--+---------+
///     m  |A |    C    |
///     64 |  |         |
///        +--+---------+
/// </code>
/// Sums run in a fixed order. Bound by the bytes of W, read once for dx, and of dW, written once (17 MB each for 8192 to 512), as long as
/// there are at most 64 frames.
/// </summary>
internal static class LinearGradient
{
    private const int Tile = 64;
    private const int Chunk = 16;
    private const int Threads = 256;

    // Rows of A's tile are 16 bytes longer, so that what is stored along k falls into different banks.
    private const int PitchA = Tile + 4;

    // Blocks that a product is cut into, as far as parts of K stay this long.
    private const int WantedBlocks = 512;
    private const int ShortestPart = 4 * Chunk;

    /// <summary>Floats of workspace for the gradient of the input.</summary>
    public static long WorkspaceLength(int frames, int inputs, int outputs) =>
        Splits(frames, inputs, outputs) is var splits && splits == 1 ? 0 : (long)splits * frames * inputs;

    /// <summary>The launches, in their order.</summary>
    /// <exception cref="ArgumentException">The workspace is too small.</exception>
    public static KernelLaunch[] Prepare(KernelLoader loader, LinearGradientArguments a)
    {
        List<KernelLaunch> launches = [];
        if (a.WeightGradient.Length != 0)
        {
            launches.Add(PrepareProduct(loader, new()
            {
                A = a.OutputGradient,
                B = a.Input,
                C = a.WeightGradient,
                M = a.Outputs,
                N = a.Inputs,
                K = a.Frames,
                StrideAK = a.OutputGradientStride,
                StrideAM = 1,
                StrideB = a.InputStride,
                StrideC = a.Inputs,
                Splits = 1,
                Scale = a.Scale,
                Accumulates = a.AccumulatesParameters,
            }));
        }
        if (a.BiasGradient.Length != 0)
        {
            launches.Add(PrepareBias(loader, new()
            {
                OutputGradient = a.OutputGradient,
                Output = a.BiasGradient,
                Frames = a.Frames,
                Outputs = a.Outputs,
                Stride = a.OutputGradientStride,
                Scale = a.BiasScale,
                Accumulates = a.AccumulatesParameters,
            }));
        }
        if (a.InputGradient.Length != 0)
        {
            int splits = Splits(a.Frames, a.Inputs, a.Outputs);
            long needed = WorkspaceLength(a.Frames, a.Inputs, a.Outputs);
            if (a.Workspace.Length < needed)
                throw new ArgumentException($"The input's gradient needs a workspace of {needed} floats, not {a.Workspace.Length}.");
            launches.Add(PrepareProduct(loader, new()
            {
                A = a.OutputGradient,
                B = a.Weights,
                C = splits == 1 ? a.InputGradient : a.Workspace,
                M = a.Frames,
                N = a.Inputs,
                K = a.Outputs,
                StrideAK = 1,
                StrideAM = a.OutputGradientStride,
                StrideB = a.Inputs,
                StrideC = splits == 1 ? a.InputGradientStride : a.Inputs,
                Splits = splits,
                Scale = a.Scale,
                Accumulates = a.AccumulatesInput,
            }));
            if (splits > 1)
            {
                launches.Add(PrepareReduction(loader, new()
                {
                    Parts = a.Workspace,
                    Output = a.InputGradient,
                    Splits = splits,
                    M = a.Frames,
                    N = a.Inputs,
                    Stride = a.InputGradientStride,
                    Scale = a.Scale,
                    Accumulates = a.AccumulatesInput,
                }));
            }
        }
        return [.. launches];
    }

    /// <summary>One product.</summary>
    public static KernelLaunch PrepareProduct(KernelLoader loader, LinearProductArguments a)
    {
        Index3D grid = new(Tiles(a.N), Tiles(a.M), a.Splits);
        return KernelLaunch.Create(loader, RunProduct, new KernelConfig(grid, new Index3D(Threads, 1, 1)), a,
            2.0 * a.M * a.N * a.K, sizeof(float) * ((double)a.K * (a.M + a.N) + (double)a.Splits * a.M * a.N));
    }

    /// <summary>The sum of a product's parts.</summary>
    public static KernelLaunch PrepareReduction(KernelLoader loader, LinearReductionArguments a) =>
        KernelLaunch.Create(loader, RunReduction, KernelLaunch.Linear((long)a.M * a.N), a,
            bytes: sizeof(float) * (double)(a.Splits + 1) * a.M * a.N);

    /// <summary>The bias' gradient.</summary>
    public static KernelLaunch PrepareBias(KernelLoader loader, LinearBiasArguments a) =>
        KernelLaunch.Create(loader, RunBias, KernelLaunch.Linear(a.Outputs, 64), a, bytes: sizeof(float) * (a.Frames + 1.0) * a.Outputs);

    public static void RunProduct(LinearProductArguments a)
    {
        ArrayView<float> tileA = SharedMemory.Allocate<float>(Chunk * PitchA);
        ArrayView<float> tileB = SharedMemory.Allocate<float>(Chunk * Tile);
        ArrayView<float> sums = LocalMemory.Allocate<float>(16);
        for (int i = 0; i < 16; i++) sums[i] = 0f;
        int thread = Group.IdxX, row = (thread >> 4) * 4, column = (thread & 15) * 4;
        int firstM = Grid.IdxY * Tile, firstN = Grid.IdxX * Tile;
        int chunks = (a.K + Chunk - 1) / Chunk;
        int chunk = (int)((long)chunks * Grid.IdxZ / a.Splits), end = (int)((long)chunks * (Grid.IdxZ + 1) / a.Splits);
        for (; chunk < end; chunk++)
        {
            for (int i = 0; i < Chunk * Tile / Threads; i++)
            {
                int item = thread + i * Threads;
                // Neighboring threads load neighboring elements of A, which lie along m or along k.
                int k = a.StrideAM == 1 ? item >> 6 : item & 15, m = a.StrideAM == 1 ? item & 63 : item >> 4;
                int atK = chunk * Chunk + k, atM = firstM + m;
                float value = 0f;
                if (atK < a.K && atM < a.M) value = a.A[atK * a.StrideAK + atM * a.StrideAM];
                tileA[k * PitchA + m] = value;
                int bK = chunk * Chunk + (item >> 6), bN = firstN + (item & 63);
                float other = 0f;
                if (bK < a.K && bN < a.N) other = a.B[bK * a.StrideB + bN];
                tileB[item] = other;
            }
            Group.Barrier();
            for (int k = 0; k < Chunk; k++)
            {
                Float4 left = tileA.Cast<Float4>()[(k * PitchA + row) >> 2], right = tileB.Cast<Float4>()[(k * Tile + column) >> 2];
                Row(sums, 0, left.X, right);
                Row(sums, 4, left.Y, right);
                Row(sums, 8, left.Z, right);
                Row(sums, 12, left.W, right);
            }
            Group.Barrier();
        }
        for (int i = 0; i < 4; i++)
        {
            for (int j = 0; j < 4; j++)
            {
                int m = firstM + row + i, n = firstN + column + j;
                if (m < a.M && n < a.N)
                {
                    if (a.Splits > 1) a.C[(Grid.IdxZ * a.M + m) * a.StrideC + n] = sums[4 * i + j];
                    else Put(a.C, m * a.StrideC + n, sums[4 * i + j] * a.Scale, a.Accumulates);
                }
            }
        }
    }

    public static void RunReduction(LinearReductionArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int m = index / a.N;
        if (m < a.M)
        {
            float sum = a.Parts[index];
            for (int split = 1; split < a.Splits; split++) sum += a.Parts[split * (a.M * a.N) + index];
            Put(a.Output, m * a.Stride + index - m * a.N, sum * a.Scale, a.Accumulates);
        }
    }

    public static void RunBias(LinearBiasArguments a)
    {
        int output = Grid.IdxX * Group.DimX + Group.IdxX;
        if (output < a.Outputs)
        {
            float sum = 0f;
            for (int frame = 0; frame < a.Frames; frame++) sum += a.OutputGradient[frame * a.Stride + output];
            Put(a.Output, output, sum * a.Scale, a.Accumulates);
        }
    }

    private static void Row(ArrayView<float> sums, int at, float left, Float4 right)
    {
        sums[at] = Intrinsics.Fma(left, right.X, sums[at]);
        sums[at + 1] = Intrinsics.Fma(left, right.Y, sums[at + 1]);
        sums[at + 2] = Intrinsics.Fma(left, right.Z, sums[at + 2]);
        sums[at + 3] = Intrinsics.Fma(left, right.W, sums[at + 3]);
    }

    private static void Put(ArrayView<float> view, int at, float value, int accumulates) =>
        view[at] = accumulates != 0 ? view[at] + value : value;

    private static int Tiles(int extent) => (extent + Tile - 1) / Tile;

    private static int Splits(int frames, int inputs, int outputs) =>
        Math.Clamp(Math.Min(WantedBlocks / (Tiles(frames) * Tiles(inputs)), outputs / ShortestPart), 1, 65535);
}
