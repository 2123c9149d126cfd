using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>
/// A matrix product as Hopper wants it, C = A B with A (m x k) and B (k x n, stored column by column) of halves: one thread starts the
/// copies of tiles into a ring of stages, warpgroups multiply what has arrived. Small integers make every sum exact.
/// <code>
/// producer:  wait empty[s] -> expect bytes -> load A, load B ---> full[s]
/// consumers: wait full[s] -> fence, 4 products, commit, wait ---> arrive empty[s]
/// </code>
/// </summary>
public class HopperProductTests
{
    internal interface ITile
    {
        /// <summary>Bytes of k in a stage: the span of the swizzle.</summary>
        static abstract int RowBytes { get; }

        static abstract int Stages { get; }

        /// <summary>Warpgroups that multiply, 64 rows each.</summary>
        static abstract int Consumers { get; }

        static abstract int Columns { get; }
    }

    internal readonly struct Wide : ITile
    {
        public static int RowBytes => 128;

        public static int Stages => 3;

        public static int Consumers => 2;

        public static int Columns => 128;
    }

    internal readonly struct Narrow : ITile
    {
        public static int RowBytes => 64;

        public static int Stages => 2;

        public static int Consumers => 1;

        public static int Columns => 64;
    }

    internal readonly struct Slim : ITile
    {
        public static int RowBytes => 32;

        public static int Stages => 4;

        public static int Consumers => 1;

        public static int Columns => 8;
    }

    internal readonly struct Broad : ITile
    {
        public static int RowBytes => 128;

        public static int Stages => 2;

        public static int Consumers => 1;

        public static int Columns => 256;
    }

    [TestKernel(90, typeof(Wide)), TestKernel(90, typeof(Narrow)), TestKernel(90, typeof(Slim)), TestKernel(90, typeof(Broad))]
    [LaunchBounds(384, 1)]
    internal static void Multiply<TTile>(ArrayView<TensorMap> maps, ArrayView<float> c, int rows, int columns, int depth)
        where TTile : struct, ITile
    {
        ArrayView<Half> tiles = SwizzledSharedMemory.GetDynamic<Half>();
        ArrayView<ulong> full = SharedMemory.Allocate<ulong>(TTile.Stages), empty = SharedMemory.Allocate<ulong>(TTile.Stages);
        int warpgroup = Group.IdxX / 128;
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < TTile.Stages; i++)
            {
                Intrinsics.MBarrierInit(ref full[i], 1);
                Intrinsics.MBarrierInit(ref empty[i], TTile.Consumers);
            }
            Intrinsics.MBarrierInitFence();
        }
        Group.Barrier();
        int steps = (depth + TTile.RowBytes / 2 - 1) / (TTile.RowBytes / 2);
        if (warpgroup == TTile.Consumers)
        {
            Intrinsics.LowerRegisters(40);
            if (Group.IdxX == TTile.Consumers * 128) Load<TTile>(maps, tiles, full, empty, steps);
        }
        else
        {
            Intrinsics.RaiseRegisters(232);
            Compute<TTile>(tiles, full, empty, c, rows, columns, steps, warpgroup);
        }
    }

    private static int TileA<TTile>() where TTile : struct, ITile => TTile.Consumers * 64 * TTile.RowBytes / 2;

    private static int TileB<TTile>() where TTile : struct, ITile => TTile.Columns * TTile.RowBytes / 2;

    // Every tile starts at a multiple of 1024 bytes.
    internal static int StageLength<TTile>() where TTile : struct, ITile => TileA<TTile>() + (TileB<TTile>() + 511) / 512 * 512;

    private static void Load<TTile>(ArrayView<TensorMap> maps, ArrayView<Half> tiles, ArrayView<ulong> full, ArrayView<ulong> empty,
        int steps) where TTile : struct, ITile
    {
        Intrinsics.TensorMapAcquire(ref maps[0]);
        Intrinsics.TensorMapAcquire(ref maps[1]);
        Intrinsics.TensorMapPrefetch(ref maps[0]);
        Intrinsics.TensorMapPrefetch(ref maps[1]);
        for (int step = 0; step < steps; step++)
        {
            int stage = step % TTile.Stages, round = step / TTile.Stages;
            Intrinsics.MBarrierWait(ref empty[stage], (round + 1) & 1);
            Intrinsics.MBarrierArriveExpectTx(ref full[stage], (TileA<TTile>() + TileB<TTile>()) * 2);
            ArrayView<Half> tile = tiles.SubView(stage * StageLength<TTile>());
            int k = step * (TTile.RowBytes / 2);
            Intrinsics.TmaLoad2D(ref tile[0], ref maps[0], k, Grid.IdxY * TTile.Consumers * 64, ref full[stage]);
            Intrinsics.TmaLoad2D(ref tile[TileA<TTile>()], ref maps[1], k, Grid.IdxX * TTile.Columns, ref full[stage]);
        }
    }

    private static void Compute<TTile>(ArrayView<Half> tiles, ArrayView<ulong> full, ArrayView<ulong> empty, ArrayView<float> c, int rows,
        int columns, int steps, int warpgroup)
        where TTile : struct, ITile
    {
        ArrayView<float> d = LocalMemory.Allocate<float>(TTile.Columns / 2);
        for (int i = 0; i < TTile.Columns / 2; i++) d[i] = 0f;
        uint start = Intrinsics.SharedAddress(ref tiles[0]);
        for (int step = 0; step < steps; step++)
        {
            int stage = step % TTile.Stages, round = step / TTile.Stages;
            Intrinsics.MBarrierWait(ref full[stage], round & 1);
            uint tile = start + (uint)(stage * StageLength<TTile>() * 2);
            ulong a = Intrinsics.MatrixDescriptor(tile + (uint)(warpgroup * 64 * TTile.RowBytes), TTile.RowBytes);
            ulong b = Intrinsics.MatrixDescriptor(tile + (uint)(TileA<TTile>() * 2), TTile.RowBytes);
            Intrinsics.WgmmaFence(TTile.Columns, ref d[0]);
            for (int k = 0; k < TTile.RowBytes / 32; k++)
                Intrinsics.Wgmma(TTile.Columns, ref d[0], a + (ulong)(2 * k), b + (ulong)(2 * k), true);
            Intrinsics.WgmmaCommitGroup();
            Intrinsics.WgmmaWait(TTile.Columns, ref d[0], 0);
            if (Group.IdxX % 128 == 0) Intrinsics.MBarrierArrive(ref empty[stage]);
        }
        int row = Grid.IdxY * TTile.Consumers * 64 + warpgroup * 64 + Group.IdxX % 128 / 32 * 16 + Warp.LaneIdx / 4;
        int column = Grid.IdxX * TTile.Columns + Warp.LaneIdx % 4 * 2;
        for (int i = 0; i < TTile.Columns / 2; i++)
        {
            int x = column + i / 4 * 8 + i % 2, y = row + i % 4 / 2 * 8;
            if (x < columns && y < rows) c[y * columns + x] = d[i];
        }
    }

    [Theory, EveryHopper]
    public void Two_warpgroups_multiply_tiles_of_128_bytes(string device) => ProductIs<Wide>(device, 256, 256, 320);

    [Theory, EveryHopper]
    public void One_warpgroup_multiplies_tiles_of_64_bytes(string device) => ProductIs<Narrow>(device, 128, 64, 224);

    [Theory, EveryHopper]
    public void One_warpgroup_multiplies_tiles_of_32_bytes(string device) => ProductIs<Slim>(device, 64, 16, 144);

    [Theory, EveryHopper]
    public void One_warpgroup_multiplies_256_columns(string device) => ProductIs<Broad>(device, 64, 512, 128);

    [Theory, EveryHopper]
    public void What_reaches_over_the_edges_is_zero(string device) => ProductIs<Wide>(device, 150, 100, 104);

    private static void ProductIs<TTile>(string device, int m, int n, int k) where TTile : struct, ITile
    {
        float[] a = RandomIntegers(m * k, 8), b = RandomIntegers(n * k, 8, seed: 2);
        float[] transposed = [.. Enumerable.Range(0, k * n).Select(i => b[i % n * k + i / n])];
        Assert.Equal(TensorCoreTests.Product(a, transposed, m, n, k), RunExact(device, loader => Run<TTile>(loader, a, b, m, n, k)));
    }

    internal static float[] Run<TTile>(KernelLoader loader, float[] a, float[] b, int m, int n, int k) where TTile : struct, ITile
    {
        using var left = loader.Allocate1D(Array.ConvertAll(a, x => (Half)x));
        using var right = loader.Allocate1D(Array.ConvertAll(b, x => (Half)x));
        using var c = loader.Allocate1D<float>(m * n);
        TensorSwizzle swizzle = TTile.RowBytes switch
            { 128 => TensorSwizzle.Bytes128, 64 => TensorSwizzle.Bytes64, _ => TensorSwizzle.Bytes32 };
        TensorMap Map(MemoryBuffer1D<Half, Stride1D.Dense> matrix, int rows, int tileRows) =>
            loader.EncodeTensorMap(new TensorMapDescription
        {
            Address = matrix.NativePtr,
            Dimensions = [k, rows],
            Strides = [k * 2],
            Box = [TTile.RowBytes / 2, tileRows],
            Swizzle = swizzle,
        });
        using var maps = loader.Allocate1D(new[] { Map(left, m, TTile.Consumers * 64), Map(right, n, TTile.Columns) });
        var launch = loader.Load<Action<KernelConfig, ArrayView<TensorMap>, ArrayView<float>, int, int, int>>(Multiply<TTile>);
        var grid = new Index3D((n + TTile.Columns - 1) / TTile.Columns, (m + TTile.Consumers * 64 - 1) / (TTile.Consumers * 64), 1);
        launch((grid, new Index3D((TTile.Consumers + 1) * 128, 1, 1),
            SharedMemoryConfig.RequestDynamic<Half>(TTile.Stages * StageLength<TTile>())), maps.View, c.View, m, n, k);
        return c.GetAsArray1D();
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void The_order_of_warps_does_not_matter(int seed)
    {
        float[] a = RandomIntegers(128 * 192, 8), b = RandomIntegers(128 * 192, 8, seed: 2);
        using var loader = PtxEmulator.EmulatorAccelerator.CreateLoader(options: new PtxEmulator.EmulatorOptions { ScheduleSeed = seed });
        using var reference = PtxEmulator.EmulatorAccelerator.CreateLoader();
        Assert.Equal(Run<Wide>(reference, a, b, 128, 128, 192), Run<Wide>(loader, a, b, 128, 128, 192));
    }
}
