using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>
/// Matrix products of a warpgroup, four warps of which the first's index is a multiple of four (`wgmma`, sm_90a): D = A * B + D with A (64
/// x 16) and B (16 x N) of halves in shared memory, both with k innermost, and D (64 x N) of floats in registers. They run asynchronously:
/// <code>
/// WgmmaFence64x128(ref d[0]);                                 // accesses of d before are done
/// for (int k = 0; k &lt; 4; k++) Wgmma64x128x16(ref d[0], a + (ulong)(2 * k), b + (ulong)(2 * k), true);
/// WgmmaCommitGroup();
/// WgmmaWait64x128(ref d[0], 0);                               // d may be read
/// </code>
/// `d` is a <see cref="ILGPU.LocalMemory"/> array at constant indices; between fence and wait nothing else may touch it. With w = warp % 4,
/// g = lane / 4 and t = lane % 4, a thread's d[4j], d[4j+1] are row 16w+g, columns 8j+2t and 8j+2t+1; d[4j+2], d[4j+3] the same columns of
/// row 16w+g+8. That is N/2 floats.
/// </content>
public static partial class Intrinsics
{
    /// <summary>
    /// Describes a tile in shared memory whose rows are <paramref name="rowBytes"/> (128, 64 or 32: 64, 32 or 16 halves) long, consecutive,
    /// and swizzled with that span, as a tensor map with that swizzle copies it. The tile starts at a multiple of eight rows. The next 16
    /// halves of k are at descriptor + 2.
    /// </summary>
    public static ulong MatrixDescriptor(uint sharedAddress, int rowBytes) =>
        MatrixDescriptor(sharedAddress, 16, 8 * rowBytes, rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3);

    /// <summary>A matrix descriptor of `wgmma` from its parts.</summary>
    /// <param name="sharedAddress">Where the tile starts, a multiple of 16; see <see cref="SharedAddress{T}"/>.</param>
    /// <param name="leadingBytes">Without swizzle, from a core matrix (8 rows of 16 bytes) to the next along k; ignored with one.</param>
    /// <param name="strideBytes">From eight rows to the next eight.</param>
    /// <param name="swizzle">0: none, 1: 128 bytes, 2: 64 bytes, 3: 32 bytes.</param>
    public static ulong MatrixDescriptor(uint sharedAddress, int leadingBytes, int strideBytes, int swizzle) =>
        ((sharedAddress & 0x3ffff) >> 4) | ((ulong)(uint)leadingBytes >> 4 << 16) | ((ulong)(uint)strideBytes >> 4 << 32)
            | ((ulong)(uint)swizzle << 62);

    /// <summary>
    /// Orders this warp's accesses to registers before its next products; see <see cref="WgmmaFence64x128"/> for the one that keeps the
    /// compiler in order too.
    /// </summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80)]
    public static void WgmmaFence() => throw DeviceOnly.Error();

    /// <summary>Closes the group of the products since the last one (`wgmma.commit_group`).</summary>
    [IntrinsicImplementation, Ptx("wgmma.commit_group.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80)]
    public static void WgmmaCommitGroup() => throw DeviceOnly.Error();

    /// <summary>
    /// Waits until at most <paramref name="pending"/> (a constant, 0-7) groups of products are unfinished (`wgmma.wait_group`): their tiles
    /// may be overwritten. Results are read only behind the wait that names them, as <see cref="WgmmaWait64x128"/>.
    /// </summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i0;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80)]
    public static void WgmmaWaitGroup(int pending) => throw DeviceOnly.Error();

    /// <summary>
    /// D (64 x 8) = A * B + D, or A * B when <paramref name="accumulate"/> is false (`wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16`).
    /// </summary>
    /// <param name="d">The first of four floats.</param>
    /// <param name="a">Descriptor of A, 64 rows of 16 halves; see <see cref="MatrixDescriptor(uint, int)"/>.</param>
    /// <param name="b">Descriptor of B, 8 rows (its columns) of 16 halves.</param>
    /// <param name="accumulate">Whether D is added; the same in all threads.</param>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 4)]
    public static void Wgmma64x8x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary>`wgmma.fence`, behind which nothing computed from or into the four floats is left.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 4)]
    public static void WgmmaFence64x8(ref float d) => throw DeviceOnly.Error();

    /// <summary>`wgmma.wait_group` for <paramref name="pending"/> (a constant) groups, before which the four floats are not read.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 4)]
    public static void WgmmaWait64x8(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary><see cref="Wgmma64x8x16"/> with 16 columns: 8 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 8)]
    public static void Wgmma64x16x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaFence64x8"/> for 8 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 8)]
    public static void WgmmaFence64x16(ref float d) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaWait64x8"/> for 8 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 8)]
    public static void WgmmaWait64x16(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary><see cref="Wgmma64x8x16"/> with 32 columns: 16 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 16)]
    public static void Wgmma64x32x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaFence64x8"/> for 16 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 16)]
    public static void WgmmaFence64x32(ref float d) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaWait64x8"/> for 16 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 16)]
    public static void WgmmaWait64x32(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary><see cref="Wgmma64x8x16"/> with 64 columns: 32 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 32)]
    public static void Wgmma64x64x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaFence64x8"/> for 32 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 32)]
    public static void WgmmaFence64x64(ref float d) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaWait64x8"/> for 32 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 32)]
    public static void WgmmaWait64x64(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary><see cref="Wgmma64x8x16"/> with 128 columns: 64 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 64)]
    public static void Wgmma64x128x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaFence64x8"/> for 64 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 64)]
    public static void WgmmaFence64x128(ref float d) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaWait64x8"/> for 64 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 64)]
    public static void WgmmaWait64x128(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary><see cref="Wgmma64x8x16"/> with 192 columns: 96 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n192k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 96)]
    public static void Wgmma64x192x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaFence64x8"/> for 96 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 96)]
    public static void WgmmaFence64x192(ref float d) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaWait64x8"/> for 96 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 96)]
    public static void WgmmaWait64x192(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary><see cref="Wgmma64x8x16"/> with 256 columns: 128 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 0, 0;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 128)]
    public static void Wgmma64x256x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaFence64x8"/> for 128 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.fence.sync.aligned;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80, Accumulators = 128)]
    public static void WgmmaFence64x256(ref float d) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaWait64x8"/> for 128 floats.</summary>
    [IntrinsicImplementation, Ptx("wgmma.wait_group.sync.aligned $i1;", Effect = PtxEffect.Writes, MinSm = 90, ArchitectureSpecific = true,
        MinPtx = 80,
        Accumulators = 128)]
    public static void WgmmaWait64x256(ref float d, int pending) => throw DeviceOnly.Error();

    /// <summary>
    /// D (64 x 32) = A * B + D with both operands turned, k outermost: a core matrix is eight of k by eight rows of A (columns of B), 16
    /// bytes each (`wgmma.mma_async` with both transpositions). Without swizzle alone: in the descriptor the leading bytes lead to the next
    /// eight of k, the stride bytes to the next eight rows.
    /// </summary>
    /// <param name="d">The first of 16 floats.</param>
    /// <param name="a">Descriptor of A, 16 of k by 64 rows.</param>
    /// <param name="b">Descriptor of B, 16 of k by 32 columns.</param>
    /// <param name="accumulate">Whether D is added; the same in all threads.</param>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 1, 1;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 16)]
    public static void WgmmaTurned64x32x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();

    /// <summary><see cref="WgmmaTurned64x32x16"/> with 64 columns: 32 floats a thread.</summary>
    [IntrinsicImplementation, Ptx("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {$d}, $1, $2, $p3, 1, 1, 1, 1;",
        Effect = PtxEffect.Writes, MinSm = 90,
        ArchitectureSpecific = true, MinPtx = 80, Accumulators = 32)]
    public static void WgmmaTurned64x64x16(ref float d, ulong a, ulong b, bool accumulate) => throw DeviceOnly.Error();
}
