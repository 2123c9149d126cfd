using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>What the kernel is passed.</summary>
internal struct WgmmaWeightGradientArguments
{
    /// <summary>The map whose pixels are counted: [frame][octet][part][row][8 columns].</summary>
    public ArrayView<TensorMap> BaseMap;

    /// <summary>The map that taps shift: [frame][octet][part and plane][row][8 columns].</summary>
    public ArrayView<TensorMap> ShiftedMap;

    /// <summary>[split][base channel][tap][PaddedShifted].</summary>
    public ArrayView<float> Parts;

    public int BaseChannels, PaddedShifted;

    /// <summary>Zeros around the shifted map: where its tile starts before the base map's.</summary>
    public int Padding;

    /// <summary>Tiles of 8 x 8 pixels of the base map, and along each direction.</summary>
    public int Tiles, TilesX, TilesY;

    /// <summary>Tiles along the shifted channels.</summary>
    public int TilesN;

    /// <summary>Parts of the sum over pixels.</summary>
    public int Splits;
}

/// <summary>The shape of a <see cref="WgmmaWeightGradient"/> at compile time: how maps are stored and read.</summary>
internal interface IGradientMaps
{
    /// <summary>Halves of a value.</summary>
    int Parts { get; }

    /// <summary>Planes of the shifted map: 4 where base pixels are two of its pixels apart.</summary>
    int Planes { get; }

    /// <summary>Shifted channels of a block.</summary>
    int N { get; }

    /// <summary>Tiles under way.</summary>
    int Stages { get; }
}

/// <summary>Halves, stride 1.</summary>
internal readonly struct PlainHalves : IGradientMaps
{
    public int Parts => 1;

    public int Planes => 1;

    public int N => 64;

    public int Stages => 5;
}

/// <summary>Halves, stride 2.</summary>
internal readonly struct StridedHalves : IGradientMaps
{
    public int Parts => 1;

    public int Planes => 4;

    public int N => 64;

    public int Stages => 4;
}

/// <summary>Pairs of halves, stride 1.</summary>
internal readonly struct PlainPairs : IGradientMaps
{
    public int Parts => 2;

    public int Planes => 1;

    public int N => 32;

    public int Stages => 5;
}

/// <summary>Pairs of halves, stride 2.</summary>
internal readonly struct StridedPairs : IGradientMaps
{
    public int Parts => 2;

    public int Planes => 4;

    public int N => 32;

    public int Stages => 3;
}

/// <summary>
/// The gradient by the weights of a 3x3 convolution on Hopper's `wgmma`: dw[m, tap, n] = sum over p of base[p, m] shifted[p + tap, n], p
/// the pixels, from maps that <see cref="MapPacking"/> has made. K, the pixels, is the outer dimension of both operands' core matrices, as
/// it is in memory: eight pixels of eight channels are 128 neighboring bytes, read turned.
/// <code>
///     warp 12, one lane            a ring of tiles                       warpgroup g = kernel row g
///     for each tile of the part    +---------------------------------+   for each tile
///       copy 8 x 8 base pixels --> | base: 64 channels, 8 x 8 pixels |     for each two rows of pixels (16 of K)
///       copy them with a halo  --> | shifted: N channels, 10 x 10    |       for each kernel column x:
///                                  +---------------------------------+         sum[x] += base (64 x 16) * shifted at (g, x) (16 x N)
///
///     A tap is the same tile with its start moved by whole pixels. With stride 2 the shifted map is cut by parities: a tap is a plane of
///     9 x 9 and a shift of none or one. Pixels outside are zeros, in either map.
/// </code>
/// Of pairs three products are made (<see cref="WgmmaPairConvolution"/>), a tile is summed on the tensor cores, which cut off, and added on
/// the float32 cores. A block has a part of the pixels for 64 x N channels; <see cref="WeightGradientReduction"/> adds the parts. Bound by
/// shared memory: 64 x 64 x 16 products take 32 cycles, and 4 KB of operands as long.
/// </summary>
internal static class WgmmaWeightGradient
{
    /// <summary>Base channels of a block.</summary>
    public const int M = 64;

    /// <summary>Rows and columns of the kernel.</summary>
    public const int Kernel = 3;

    /// <summary>Pixels of a tile's side.</summary>
    public const int Side = 8;

    /// <summary>Three warpgroups and the warp that copies.</summary>
    public const int Threads = 128 * Kernel + 32;

    /// <summary>Halves of a stage.</summary>
    public static int Stage<TMaps>() where TMaps : struct, IGradientMaps => BaseStage<TMaps>() + ShiftedStage<TMaps>();

    /// <summary>Pixels of a side of the shifted tile.</summary>
    public static int ShiftedSide<TMaps>() where TMaps : struct, IGradientMaps => default(TMaps).Planes == 1 ? Side + 2 : Side + 1;

    private static int BaseStage<TMaps>() where TMaps : struct, IGradientMaps => M * default(TMaps).Parts * Side * Side;

    // Whole 128 bytes.
    private static int ShiftedStage<TMaps>() where TMaps : struct, IGradientMaps =>
        (default(TMaps).N * default(TMaps).Parts * default(TMaps).Planes * ShiftedSide<TMaps>() * ShiftedSide<TMaps>() + 63) / 64 * 64;

    // Not public: ILGPU's own compiler, which must take every public kernel without halves among its arguments, has no tensor cores.
    [LaunchBounds(Threads, 1)]
    internal static void Run<TMaps>(WgmmaWeightGradientArguments a) where TMaps : struct, IGradientMaps
    {
        ArrayView<ulong> full = SharedMemory.Allocate<ulong>(default(TMaps).Stages),
            empty = SharedMemory.Allocate<ulong>(default(TMaps).Stages);
        ArrayView<Half> ring = SwizzledSharedMemory.GetDynamic<Half>();
        int thread = Group.IdxX;
        if (thread == 0)
        {
            for (int i = 0; i < default(TMaps).Stages; i++)
            {
                Intrinsics.MBarrierInit(ref full[i], 1);
                Intrinsics.MBarrierInit(ref empty[i], 4 * Kernel);
            }
            Intrinsics.MBarrierInitFence();
        }
        Group.Barrier();
        int tileN = Grid.IdxX % a.TilesN, tileM = Grid.IdxX / a.TilesN;
        int first = FirstTile(a, Grid.IdxY), end = FirstTile(a, Grid.IdxY + 1);
        if (thread >= 128 * Kernel)
        {
            if (thread == 128 * Kernel) Copy<TMaps>(a, ring, full, empty, tileM, tileN, first, end);
        }
        else
        {
            Multiply<TMaps>(a, ring, full, empty, tileM, tileN, end - first);
        }
    }

    // Tiles x split / splits. A division of 64 bits would be a call in the kernel, and with a call in it each `wgmma` is waited for.
    private static int FirstTile(WgmmaWeightGradientArguments a, int split)
    {
        int share = a.Tiles / a.Splits;
        return split * share + split * (a.Tiles - share * a.Splits) / a.Splits;
    }

    private static void Copy<TMaps>(WgmmaWeightGradientArguments a, ArrayView<Half> ring, ArrayView<ulong> full, ArrayView<ulong> empty,
        int tileM, int tileN, int first, int end)
        where TMaps : struct, IGradientMaps
    {
        int side = ShiftedSide<TMaps>(), parts = default(TMaps).Parts;
        int bytes = 2 * (BaseStage<TMaps>() + default(TMaps).N * parts * default(TMaps).Planes * side * side);
        RingPosition position = RingPosition.Producer;
        CopyRing.Acquire(a.BaseMap);
        CopyRing.Acquire(a.ShiftedMap);
        for (int tile = first; tile < end; tile++)
        {
            int line = tile / a.TilesX, frame = line / a.TilesY;
            int column = (tile - line * a.TilesX) * Side, row = (line - frame * a.TilesY) * Side;
            int stage = position.Stage * Stage<TMaps>();
            Intrinsics.MBarrierWait(ref empty[position.Stage], position.Parity);
            Intrinsics.MBarrierArriveExpectTx(ref full[position.Stage], bytes);
            Intrinsics.TmaLoad5D(ref ring[stage], ref a.BaseMap[0], column * 8, row, 0, tileM * (M / 8), frame, ref full[position.Stage]);
            Intrinsics.TmaLoad5D(ref ring[stage + BaseStage<TMaps>()], ref a.ShiftedMap[0], (column - a.Padding) * 8, row - a.Padding, 0,
                tileN * (default(TMaps).N / 8), frame, ref full[position.Stage]);
            position.Advance(default(TMaps).Stages);
        }
    }

    private static void Multiply<TMaps>(WgmmaWeightGradientArguments a, ArrayView<Half> ring, ArrayView<ulong> full,
        ArrayView<ulong> empty, int tileM, int tileN, int tiles)
        where TMaps : struct, IGradientMaps
    {
        int n = default(TMaps).N, parts = default(TMaps).Parts, planes = default(TMaps).Planes, side = ShiftedSide<TMaps>();
        int lane = Group.IdxX & 31, kernelRow = Group.IdxX >> 7;
        // In units of 16 bytes, a pixel of eight channels, as descriptors count. Where kernel column 0 lies, and the others.
        int start = (int)(Intrinsics.SharedAddress(ref ring[0]) >> 4), shifted = BaseStage<TMaps>() / 8;
        int plane = side * side, second = planes == 1 ? 1 : plane, third = planes == 1 ? 2 : 1;
        shifted += planes == 1 ? kernelRow * side : (kernelRow & 1) * 2 * plane + (kernelRow >> 1) * side;
        ArrayView<float> sum = LocalMemory.Allocate<float>(Kernel * n / 2);
        for (int i = 0; i < Kernel * n / 2; i++) sum[i] = 0f;
        ArrayView<float> products = LocalMemory.Allocate<float>(parts == 1 ? 1 : Kernel * n / 2);
        for (int i = 0; parts != 1 && i < Kernel * n / 2; i++) products[i] = 0f;
        RingPosition position = default;
        int freed = -1;
        for (int tile = 0; tile < tiles; tile++)
        {
            int at = start + position.Stage * (Stage<TMaps>() / 8);
            Intrinsics.MBarrierWait(ref full[position.Stage], position.Parity);
            if (parts == 1)
            {
                for (int x = 0; x < Kernel; x++) Intrinsics.WgmmaFence(n, ref sum[x * n / 2]);
                Products<TMaps>(at, at + shifted, second, third, sum, true);
                Intrinsics.WgmmaCommitGroup();
                Intrinsics.WgmmaWaitGroup(1);
                // The tile before is summed, in every lane of this warp: it may be overwritten.
                if (lane == 0 && freed >= 0) Intrinsics.MBarrierArrive(ref empty[freed]);
                freed = position.Stage;
            }
            else
            {
                int low = at + Side * Side, shiftedLow = at + shifted + planes * plane;
                for (int x = 0; x < Kernel; x++) Intrinsics.WgmmaFence(n, ref products[x * n / 2]);
                Products<TMaps>(low, at + shifted, second, third, products, false);
                Products<TMaps>(at, shiftedLow, second, third, products, true);
                Products<TMaps>(at, at + shifted, second, third, products, true);
                Intrinsics.WgmmaCommitGroup();
                for (int x = 0; x < Kernel; x++) Intrinsics.WgmmaWait(n, ref products[x * n / 2], 0);
                if (lane == 0) Intrinsics.MBarrierArrive(ref empty[position.Stage]);
                for (int i = 0; i < Kernel * n / 2; i++) sum[i] += products[i];
            }
            position.Advance(default(TMaps).Stages);
        }
        if (parts == 1)
        {
            for (int x = 0; x < Kernel; x++) Intrinsics.WgmmaWait(n, ref sum[x * n / 2], 0);
        }

        // Lane 4g + t of warp w holds rows 16w + g and 16w + g + 8, columns 8j + 2t and the next.
        ArrayView<Float2> output = a.Parts.Cast<Float2>();
        int row = tileM * M + ((Group.IdxX >> 5) & 3) * 16 + (lane >> 2), columns = Kernel * Kernel * a.PaddedShifted;
        for (int x = 0; x < Kernel; x++)
        {
            for (int j = 0; j < n / 8; j++)
            {
                int channel = tileN * n + 8 * j + 2 * (lane & 3);
                int to = (Grid.IdxY * a.BaseChannels + row) * columns + (kernelRow * Kernel + x) * a.PaddedShifted + channel;
                int d = x * n / 2 + 4 * j;
                if (channel < a.PaddedShifted)
                {
                    if (row < a.BaseChannels) output[to >> 1] = new(sum[d], sum[d + 1]);
                    if (row + 8 < a.BaseChannels) output[(to + 8 * columns) >> 1] = new(sum[d + 2], sum[d + 3]);
                }
            }
        }
    }

    // A tile's products for the three kernel columns, 16 pixels at a time.
    private static void Products<TMaps>(int left, int right, int second, int third, ArrayView<float> sum, bool adds)
        where TMaps : struct, IGradientMaps
    {
        int n = default(TMaps).N, parts = default(TMaps).Parts, side = ShiftedSide<TMaps>();
        int octet = parts * default(TMaps).Planes * side * side;
        for (int k = 0; k < Side / 2; k++)
        {
            ulong x = WgmmaConvolution.Descriptor(left + 2 * k * Side, Side, parts * Side * Side);
            ulong y = WgmmaConvolution.Descriptor(right + 2 * k * side, side, octet);
            Intrinsics.WgmmaTurned(n, ref sum[0], x, y, adds || k > 0);
            Intrinsics.WgmmaTurned(n, ref sum[n / 2], x, y + (ulong)(uint)second, adds || k > 0);
            Intrinsics.WgmmaTurned(n, ref sum[n], x, y + (ulong)(uint)third, adds || k > 0);
        }
    }
}
