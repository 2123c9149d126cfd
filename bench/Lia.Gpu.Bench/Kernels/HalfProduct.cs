using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench.Kernels;

/// <summary>The tile of a group of <see cref="HalfProduct"/>: warps of 64 x 64 results each, and the depth of the copy pipeline.</summary>
internal interface IHalfProductTile
{
    /// <summary>Warps along m.</summary>
    int WarpsM { get; }

    /// <summary>Warps along n.</summary>
    int WarpsN { get; }

    /// <summary>Stages of 64 k in shared memory.</summary>
    int Stages { get; }
}

/// <summary>128 x 256, 8 warps, 4 stages of 48 KiB: one group on a multiprocessor.</summary>
internal readonly struct WideTile : IHalfProductTile
{
    public int WarpsM => 2;

    public int WarpsN => 4;

    public int Stages => 4;
}

/// <summary>128 x 128, 4 warps, 3 stages of 32 KiB: two groups on a multiprocessor.</summary>
internal readonly struct SquareTile : IHalfProductTile
{
    public int WarpsM => 2;

    public int WarpsN => 2;

    public int Stages => 3;
}

/// <summary>
/// C[m,n] = sum over k of A[m,k] B[k,n], halves row-major, summed in float32 by the tensor cores (mma.sync.m16n8k16). m and n are multiples
/// of the group's tile, k of 64.
/// <code>
///                    n: 64 a warp
///              +-------------------+         stage s of 3-4 in shared memory:   A tile  m x 64 halves, rows of 8 chunks of 16 bytes
///          k   | B 64 x n a stage  |                                            B tile 64 x n halves, rows of n/8 chunks
///              +-------------------+         chunk c of row r lies at c ^ (r mod 8): the 8 rows one ldmatrix phase reads, and the
///   +--------+ +-------------------+         8 chunks one cp.async phase writes, fall into different banks
/// m | A      | | warp 0 | warp 1 | :         a step (16 k) of a warp: 4 ldmatrix of A, 4 of B (transposed), 32 mma; the next step's
///   | m x 64 | +-------------------+         fragments are loaded during this step's mma (two sets of registers)
///   +--------+ | warp 4 | ...      |         a stage's copies are issued over three steps, Stages - 1 stages ahead
///              +-------------------+
/// </code>
/// The epilogue rounds to half, turns fragments into rows through shared memory and stores 16 bytes a thread.
/// Bound by 2mnk operations; 64 x 64 a warp reads 16 KiB of shared memory for 131072 multiply-adds.
/// </summary>
internal static class HalfProduct
{
    public const int TileK = 64;
    private const int Chunk = 8; // halves in 16 bytes
    private const int Warp = 64; // rows and columns of a warp's results

    public static Action<AcceleratorStream, ArrayView<Half>, ArrayView<Half>, ArrayView<Half>, int, int, int> Load<TTile>(
        KernelLoader loader)
        where TTile : struct, IHalfProductTile
    {
        TTile tile = default;
        int tileM = tile.WarpsM * Warp, tileN = tile.WarpsN * Warp, threads = tile.WarpsM * tile.WarpsN * 32;
        SharedMemoryConfig shared = SharedMemoryConfig.RequestDynamic<Half>(tile.Stages * TileK * (tileM + tileN));
        var kernel = threads == 256
            ? loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<Half>, ArrayView<Half>, ArrayView<Half>, int, int, int>>(
                MultiplyByEightWarps<TTile>)
            : loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<Half>, ArrayView<Half>, ArrayView<Half>, int, int, int>>(
                MultiplyByFourWarps<TTile>);
        return (stream, a, b, c, m, n, k) =>
        {
            if (m % tileM != 0 || n % tileN != 0 || k % TileK != 0)
                throw new ArgumentException($"m, n and k must be multiples of {tileM}, {tileN} and {TileK}: {m} x {n} x {k}");
            kernel(stream, new KernelConfig(m / tileM * (n / tileN), threads, shared), a, b, c, m, n, k);
        };
    }

    [LaunchBounds(256, 1)]
    private static void MultiplyByEightWarps<TTile>(ArrayView<Half> a, ArrayView<Half> b, ArrayView<Half> c, int m, int n, int k)
        where TTile : struct, IHalfProductTile => Multiply<TTile>(a, b, c, m, n, k);

    [LaunchBounds(128, 2)]
    private static void MultiplyByFourWarps<TTile>(ArrayView<Half> a, ArrayView<Half> b, ArrayView<Half> c, int m, int n, int k)
        where TTile : struct, IHalfProductTile => Multiply<TTile>(a, b, c, m, n, k);

    private static void Multiply<TTile>(ArrayView<Half> a, ArrayView<Half> b, ArrayView<Half> c, int m, int n, int k)
        where TTile : struct, IHalfProductTile
    {
        int tileM = default(TTile).WarpsM * Warp, tileN = default(TTile).WarpsN * Warp;
        int threads = default(TTile).WarpsM * default(TTile).WarpsN * 32;
        int stageA = tileM * TileK, stage = stageA + tileN * TileK;
        int stages = default(TTile).Stages;
        ArrayView<Half> shared = SharedMemory.GetDynamic<Half>();
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5;
        int warpRow = warp / default(TTile).WarpsN * Warp, warpColumn = warp % default(TTile).WarpsN * Warp;
        int row0 = BlockOrder.Row(Grid.IdxX, m / tileM, n / tileN) * tileM;
        int column0 = BlockOrder.Column(Grid.IdxX, m / tileM, n / tileN) * tileN;

        // Copies: a thread's chunk in its first row of A and of B; its further rows are whole passes of the group further down.
        int chunksA = TileK / Chunk, chunksB = tileN / Chunk;
        int copyRowA = thread / chunksA, copyChunkA = thread % chunksA;
        int copyRowB = thread / chunksB, copyChunkB = thread % chunksB;
        ArrayView<Half> fromA = a.SubView((row0 + copyRowA) * k + copyChunkA * Chunk);
        ArrayView<Half> fromB = b.SubView(copyRowB * n + column0 + copyChunkB * Chunk);
        int toA = copyRowA * TileK + (copyChunkA ^ (copyRowA & 7)) * Chunk;
        int toB = stageA + copyRowB * tileN + (copyChunkB ^ (copyRowB & 7)) * Chunk;

        // Fragments: lane l addresses row l mod 16 of a 16 x 16 block, and its left or right chunk.
        int half = lane >> 4, swizzle = half ^ (lane & 7);
        int readA = (warpRow + (lane & 15)) * TileK;
        int readB = stageA + (lane & 15) * tileN + warpColumn;

        ArrayView<float> sum = LocalMemory.Allocate<float>(128);
        for (int i = 0; i < 128; i++)
            sum[i] = 0f;
        ArrayView<uint> left = LocalMemory.Allocate<uint>(2 * 16);
        ArrayView<uint> right = LocalMemory.Allocate<uint>(2 * 16);

        int tiles = k / TileK;
        for (int s = 0; s < stages - 1; s++)
        {
            int bytes = s < tiles ? 16 : 0;
            for (int third = 0; third < 3; third++)
                CopyThird<TTile>(third, fromA.SubView(s * TileK), fromB.SubView(s * TileK * n), shared.SubView(s * stage + toA),
                    shared.SubView(s * stage + toB), k, n, bytes);
            Intrinsics.CpAsyncCommitGroup();
        }
        Intrinsics.CpAsyncWaitGroup(default(TTile).Stages - 2);
        Group.Barrier();
        LoadFragments<TTile>(0, 0, shared.SubView(readA), shared.SubView(readB), swizzle, left, right);

        int read = 0, write = (stages - 1) * stage;
        for (int tile = 0; tile < tiles; tile++)
        {
            int ahead = tile + stages - 1;
            int bytes = ahead < tiles ? 16 : 0;
            for (int step = 0; step < 4; step++)
            {
                if (step == 3)
                {
                    // The next stage has arrived, and every warp is past the reads of this one, which the next copies overwrite.
                    Intrinsics.CpAsyncWaitGroup(default(TTile).Stages - 2);
                    Group.Barrier();
                    int following = read + stage == stages * stage ? 0 : read + stage;
                    // after the last tile there is none: fragments are loaded again and not used
                    read = tile + 1 < tiles ? following : read;
                }
                LoadFragments<TTile>((step + 1) & 3, (step + 1) & 1, shared.SubView(read + readA), shared.SubView(read + readB), swizzle,
                    left, right);
                if (step < 3)
                    CopyThird<TTile>(step, fromA.SubView(ahead * TileK), fromB.SubView(ahead * TileK * n), shared.SubView(write + toA),
                        shared.SubView(write + toB), k, n, bytes);
                if (step == 2)
                {
                    Intrinsics.CpAsyncCommitGroup();
                    write = write + stage == stages * stage ? 0 : write + stage;
                }
                MultiplyFragments(step & 1, left, right, sum);
            }
        }

        Intrinsics.CpAsyncWaitAll();
        Group.Barrier();
        StoreRows(shared.SubView(warp * (Warp * Warp)), lane, sum, c.SubView((row0 + warpRow) * n + column0 + warpColumn), n);
    }

    // A third of a stage's copies: all of A with the first, half of B with each of the others. Past the last stage they are of 0 bytes,
    // which read nothing: a branch around them would cut the loop into blocks, and the assembler schedules within a block only.
    private static void CopyThird<TTile>(
        int third, ArrayView<Half> fromA, ArrayView<Half> fromB, ArrayView<Half> toA, ArrayView<Half> toB, int k, int n, int bytes)
        where TTile : struct, IHalfProductTile
    {
        int tileM = default(TTile).WarpsM * Warp, tileN = default(TTile).WarpsN * Warp;
        int threads = default(TTile).WarpsM * default(TTile).WarpsN * 32;
        int rowsA = threads / (TileK / Chunk), rowsB = threads / (tileN / Chunk);
        if (third == 0)
        {
            for (int i = 0; i < tileM / rowsA; i++)
                Intrinsics.CpAsync16(ref toA[i * rowsA * TileK], ref fromA[i * rowsA * k], bytes);
        }
        else
        {
            int half = TileK / rowsB / 2;
            for (int j = 0; j < half; j++)
            {
                int i = (third - 1) * half + j;
                Intrinsics.CpAsync16(ref toB[i * rowsB * tileN], ref fromB[i * rowsB * n], bytes);
            }
        }
    }

    private static void LoadFragments<TTile>(
        int step, int set, ArrayView<Half> stageA, ArrayView<Half> stageB, int swizzle, ArrayView<uint> left, ArrayView<uint> right)
        where TTile : struct, IHalfProductTile
    {
        int tileN = default(TTile).WarpsN * Warp;
        for (int i = 0; i < 4; i++)
        {
            int to = set * 16 + i * 4;
            Intrinsics.LdMatrixX4(ref stageA[i * 16 * TileK + (swizzle ^ (step * 2)) * Chunk], out left[to], out left[to + 1],
                out left[to + 2], out left[to + 3]);
            Intrinsics.LdMatrixX4Trans(ref stageB[step * 16 * tileN + (swizzle ^ (i * 2)) * Chunk], out right[to], out right[to + 1],
                out right[to + 2], out right[to + 3]);
        }
    }

    private static void MultiplyFragments(int set, ArrayView<uint> left, ArrayView<uint> right, ArrayView<float> sum)
    {
        for (int i = 0; i < 4; i++)
        {
            for (int pass = 0; pass < 8; pass++)
            {
                int j = (i & 1) == 0 ? pass : 7 - pass; // back and forth: neighbours share an operand
                int d = (i * 8 + j) * 4, l = set * 16 + i * 4, r = set * 16 + j * 2;
                Intrinsics.MmaSyncF16(ref sum[d], ref sum[d + 1], ref sum[d + 2], ref sum[d + 3], left[l], left[l + 1], left[l + 2],
                    left[l + 3], right[r], right[r + 1]);
            }
        }
    }

    // A warp's 64 x 64 results: fragments to shared memory (chunks swizzled as above), rows of 128 bytes from there.
    private static void StoreRows(ArrayView<Half> shared, int lane, ArrayView<float> sum, ArrayView<Half> c, int n)
    {
        int group = lane >> 2, pair = lane & 3;
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 8; j++)
            {
                int d = ((i >> 1) * 8 + j) * 4 + (i & 1) * 2;
                shared.SubView((i * 8 + group) * Warp + (j ^ group) * Chunk + pair * 2)
                    .Cast<uint>()[0] = Intrinsics.PackHalf2(sum[d], sum[d + 1]);
            }
        }
        ILGPU.Warp.Barrier();
        int chunk = lane & 7;
        for (int i = 0; i < 16; i++)
        {
            int row = i * 4 + (lane >> 3);
            c.SubView(row * n + chunk * Chunk).Cast<Half8>()[0] = shared.SubView(row * Warp + (chunk ^ (row & 7)) * Chunk).Cast<Half8>()[0];
        }
    }
}
