using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench.Kernels;

/// <summary>
/// C[m,n] = sum over k of A[m,k] B[k,n], all float32 row-major, on the fp32 cores. m and n are multiples of 128, k of 16.
/// <code>
///             n: 128 of a group, 32 of a warp, 2 x 4 of a thread          stage: A 16 x 128 (transposed), B 16 x 128; two stages, 32 KiB
///           +----------------+
///        k  |       B        |   16 at a time, cp.async                   warp: lanes 8 (m) x 4 (n); a thread's 8 x 8 results are
///           +----------------+                                            four 4 x 4 blocks, 32 rows and 16 columns apart, so that
///   +----+  +----------------+                                            every shared load is 16 bytes and free of bank conflicts
/// m | A  |  |  C: 64 floats  |   A goes through registers, transposed
///   |    |  |  of a thread   |   on the way into shared memory
///   +----+  +----------------+
/// </code>
/// The transposed A is swizzled: row m of column k lies at m ^ 8(k / 4), which spreads the four k a thread stores over the banks.
/// Bound by 2mnk operations: 64 fused multiply-adds for four shared loads.
/// </summary>
internal static class SingleProduct
{
    public const int Tile = 128;
    public const int TileK = 16;
    private const int Threads = 256;
    private const int StageElements = TileK * Tile;

    public static Action<AcceleratorStream, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int> Load(KernelLoader loader)
    {
        var kernel =
            loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int>>(
            Multiply);
        return (stream, a, b, c, m, n, k) =>
        {
            if (m % Tile != 0 || n % Tile != 0 || k % TileK != 0)
                throw new ArgumentException($"m and n must be multiples of {Tile} and k of {TileK}: {m} x {n} x {k}");
            kernel(stream, new KernelConfig(m / Tile * (n / Tile), Threads), a, b, c, m, n, k);
        };
    }

    [LaunchBounds(Threads, 2)]
    private static void Multiply(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int m, int n, int k)
    {
        ArrayView<float> sharedA = SharedMemory.Allocate<float>(2 * StageElements);
        ArrayView<float> sharedB = SharedMemory.Allocate<float>(2 * StageElements);
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5;
        int row0 = BlockOrder.Row(Grid.IdxX, m / Tile, n / Tile) * Tile;
        int column0 = BlockOrder.Column(Grid.IdxX, m / Tile, n / Tile) * Tile;

        // Global to shared: a thread takes 4 k of rows loadRow and loadRow + 64 of A, and 4 columns of rows thread/32 and thread/32 + 8 of
        // B.
        int loadRow = thread >> 2, loadK = (thread & 3) * 4;
        int storeA = loadK * Tile + (loadRow ^ (loadK * 2));
        ArrayView<float> globalA = a.SubView((row0 + loadRow) * k + loadK);
        int loadB = warp * n + lane * 4;
        int storeB = warp * Tile + lane * 4;
        ArrayView<float> globalB = b.SubView(column0);

        // Shared to registers: a thread's first row and column within the group's tile.
        int threadRow = (warp >> 2) * 64 + (lane >> 2) * 4;
        int threadColumn = (warp & 3) * 32 + (lane & 3) * 4;

        ArrayView<float> sum = LocalMemory.Allocate<float>(64);
        for (int i = 0; i < 64; i++)
            sum[i] = 0f;

        Float4 next0 = globalA.Cast<Float4>()[0];
        Float4 next1 = globalA.SubView(64 * k).Cast<Float4>()[0];
        Intrinsics.CpAsync16(ref sharedB[storeB], ref globalB[loadB]);
        Intrinsics.CpAsync16(ref sharedB[storeB + 8 * Tile], ref globalB[loadB + 8 * n]);
        StoreTransposed(sharedA.SubView(storeA), next0);
        StoreTransposed(sharedA.SubView(storeA + 64), next1);
        Intrinsics.CpAsyncWaitAll();
        Group.Barrier();

        int stage = 0;
        for (int k0 = TileK; k0 <= k; k0 += TileK)
        {
            int other = stage ^ StageElements;
            bool more = k0 < k;
            if (more)
            {
                next0 = globalA.SubView(k0).Cast<Float4>()[0];
                next1 = globalA.SubView(64 * k + k0).Cast<Float4>()[0];
                Intrinsics.CpAsync16(ref sharedB[other + storeB], ref globalB[loadB + k0 * n]);
                Intrinsics.CpAsync16(ref sharedB[other + storeB + 8 * Tile], ref globalB[loadB + (k0 + 8) * n]);
            }
            MultiplyStage(sharedA.SubView(stage), sharedB.SubView(stage + threadColumn), threadRow, sum);
            if (more)
            {
                StoreTransposed(sharedA.SubView(other + storeA), next0);
                StoreTransposed(sharedA.SubView(other + storeA + 64), next1);
                Intrinsics.CpAsyncWaitAll();
            }
            Group.Barrier();
            stage = other;
        }

        for (int i = 0; i < 8; i++)
        {
            int row = row0 + threadRow + (i & 3) + (i >> 2) * 32;
            for (int j = 0; j < 2; j++)
            {
                ArrayView<float> target = c.SubView(row * n + column0 + threadColumn + j * 16);
                target.Cast<Float4>()[0] =
                    new Float4(sum[i * 8 + j * 4], sum[i * 8 + j * 4 + 1], sum[i * 8 + j * 4 + 2], sum[i * 8 + j * 4 + 3]);
            }
        }
    }

    private static void MultiplyStage(ArrayView<float> stageA, ArrayView<float> stageB, int threadRow, ArrayView<float> sum)
    {
        ArrayView<float> left = LocalMemory.Allocate<float>(8);
        ArrayView<float> right = LocalMemory.Allocate<float>(8);
        for (int k = 0; k < TileK; k++)
        {
            for (int half = 0; half < 2; half++)
            {
                Spread(left, half, stageA.SubView(k * Tile + half * 32 + (threadRow ^ (k / 4 * 8))));
                Spread(right, half, stageB.SubView(k * Tile + half * 16));
            }
            for (int i = 0; i < 8; i++)
            {
                for (int j = 0; j < 8; j++)
                    sum[i * 8 + j] = Intrinsics.Fma(left[i], right[j], sum[i * 8 + j]);
            }
        }
    }

    private static void Spread(ArrayView<float> registers, int half, ArrayView<float> shared)
    {
        Float4 four = shared.Cast<Float4>()[0];
        registers[half * 4] = four.X;
        registers[half * 4 + 1] = four.Y;
        registers[half * 4 + 2] = four.Z;
        registers[half * 4 + 3] = four.W;
    }

    private static void StoreTransposed(ArrayView<float> shared, Float4 four)
    {
        shared[0] = four.X;
        shared[Tile] = four.Y;
        shared[2 * Tile] = four.Z;
        shared[3 * Tile] = four.W;
    }
}
