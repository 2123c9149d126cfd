using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>
/// Loads of tiles by the copy engine (`cp.async.bulk.tensor`, sm_90 and up). A tensor map, made by
/// <see cref="Runtime.KernelLoader.EncodeTensorMap"/>, says what the tensor and the tile are; coordinates, innermost first, say where the
/// tile starts, in elements, and may lie outside: what is outside is read as zero. One thread issues a load. The shared side is aligned to
/// 128 bytes, or to eight times the span of the map's swizzle if it has one.
/// </content>
public static partial class Intrinsics
{
    /// <summary>Fetches a tensor map ahead of its first use (`prefetch.tensormap`).</summary>
    [IntrinsicImplementation, Ptx("prefetch.tensormap [$gaddr0];", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void TensorMapPrefetch<TMap>(ref TMap map) where TMap : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Has <paramref name="bytes"/> bytes of global memory (a multiple of 16, as their address is) fetched into the L2 cache, and waits for
    /// nothing (`cp.async.bulk.prefetch.L2.global`). One thread asks for all of them.
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.bulk.prefetch.L2.global [$gaddr0], $1;", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void PrefetchL2<T>(ref T first, int bytes) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Lets the copy engine see a tensor map that the host wrote to global memory (`fence.proxy.tensormap::generic.acquire.sys`, PTX 8.3):
    /// one thread of each group executes it before the map's first use, the other threads that use the map follow by a barrier.
    /// </summary>
    [IntrinsicImplementation, Ptx("fence.proxy.tensormap::generic.acquire.sys [$gaddr0], 128;", Effect = PtxEffect.Writes, MinSm = 90,
        MinPtx = 83)]
    public static void TensorMapAcquire<TMap>(ref TMap map) where TMap : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Orders this thread's accesses to all memory before what the copy engine and `wgmma` do later (`fence.proxy.async`).
    /// </summary>
    [IntrinsicImplementation, Ptx("fence.proxy.async;", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void ProxyFence() => throw DeviceOnly.Error();

    /// <summary>
    /// Orders this thread's accesses to shared memory before what the copy engine and `wgmma` do later (`fence.proxy.async.shared::cta`):
    /// every thread that wrote a tile executes it, then the threads meet at a barrier, then the tile is multiplied.
    /// </summary>
    [IntrinsicImplementation, Ptx("fence.proxy.async.shared::cta;", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void ProxyFenceShared() => throw DeviceOnly.Error();

    /// <summary>
    /// Starts copying a tile of a tensor of two dimensions from global to shared memory; every byte of the tile, the zeros outside
    /// included, counts for <paramref name="barrier"/>
    /// (`cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes`).
    /// </summary>
    [IntrinsicImplementation,
        Ptx("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [$saddr0], [$gaddr1, {$2, $3}], [$saddr4];",
        Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void TmaLoad2D<T, TMap>(ref T tile, ref TMap map, int c0, int c1, ref ulong barrier) where T : unmanaged
        where TMap : unmanaged => throw DeviceOnly.Error();

    /// <summary><see cref="TmaLoad2D{T, TMap}"/> for four dimensions.</summary>
    [IntrinsicImplementation,
        Ptx("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [$saddr0], [$gaddr1, {$2, $3, $4, $5}], " +
        "[$saddr6];", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void TmaLoad4D<T, TMap>(ref T tile, ref TMap map, int c0, int c1, int c2, int c3, ref ulong barrier) where T : unmanaged
        where TMap : unmanaged => throw DeviceOnly.Error();

    /// <summary><see cref="TmaLoad2D{T, TMap}"/> for five dimensions.</summary>
    [IntrinsicImplementation, Ptx(
        "cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [$saddr0], [$gaddr1, {$2, $3, $4, $5, $6}], " +
        "[$saddr7];", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void TmaLoad5D<T, TMap>(ref T tile, ref TMap map, int c0, int c1, int c2, int c3, int c4, ref ulong barrier)
        where T : unmanaged where TMap : unmanaged => throw DeviceOnly.Error();
}
