using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

public static partial class Intrinsics
{
    /// <summary>
    /// Loads from global memory that no thread writes while the kernel runs, through the read-only path (`ld.global.nc`; one `.v4`/`.v2`
    /// for vector-aligned structs).
    /// </summary>
    [Builtin(Builtin.LoadNonCoherent)]
    public static T LoadNonCoherent<T>(ref T source) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>Four 8x8 matrices: rows from lanes 0-7, 8-15, 16-23 and 24-31 (`ldmatrix ... x4`).</summary>
    [IntrinsicImplementation, Ptx("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$d0, $d1, $d2, $d3}, [$shared0];", Effect = PtxEffect.Writes)]
    public static void LdMatrixX4<T>(ref T row, out uint r0, out uint r1, out uint r2, out uint r3)
        where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>Two 8x8 matrices, transposed (`ldmatrix ... x2.trans`).</summary>
    [IntrinsicImplementation, Ptx("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {$d0, $d1}, [$shared0];", Effect = PtxEffect.Writes)]
    public static void LdMatrixX2Trans<T>(ref T row, out uint r0, out uint r1) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>Four 8x8 matrices, transposed (`ldmatrix ... x4.trans`).</summary>
    [IntrinsicImplementation, Ptx("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {$d0, $d1, $d2, $d3}, [$shared0];",
        Effect = PtxEffect.Writes)]
    public static void LdMatrixX4Trans<T>(ref T row, out uint r0, out uint r1, out uint r2, out uint r3)
        where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Transposes an 8x8 matrix of 16-bit elements that the warp's registers hold: lane l gives elements 2(l%4) and 2(l%4)+1 of row l/4,
    /// and receives the same of the transposed matrix (`movmatrix.sync.aligned.m8n8.trans.b16`).
    /// </summary>
    [IntrinsicImplementation, Ptx("movmatrix.sync.aligned.m8n8.trans.b16 $d, $0;", Effect = PtxEffect.Writes, MinPtx = 78)]
    public static uint TransposeMatrix(uint row) => throw DeviceOnly.Error();

    /// <summary>Starts copying 4 bytes from global to shared memory (`cp.async.ca.shared.global`, sm_80 and up).</summary>
    [IntrinsicImplementation, Ptx("cp.async.ca.shared.global [$shared0], [$global1], 4;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync4<T>(ref T shared, ref T global) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// <see cref="CpAsync4{T}(ref T, ref T)"/> of the first <paramref name="sourceBytes"/> (0-4) bytes; the rest becomes zero. With 0
    /// nothing is read.
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.ca.shared.global [$shared0], [$global1], 4, $2;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync4<T>(ref T shared, ref T global, int sourceBytes) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>Starts copying 8 bytes from global to shared memory (`cp.async.ca.shared.global`, sm_80 and up).</summary>
    [IntrinsicImplementation, Ptx("cp.async.ca.shared.global [$shared0], [$global1], 8;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync8<T>(ref T shared, ref T global) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// <see cref="CpAsync8{T}(ref T, ref T)"/> of the first <paramref name="sourceBytes"/> (0-8) bytes; the rest becomes zero. With 0
    /// nothing is read.
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.ca.shared.global [$shared0], [$global1], 8, $2;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync8<T>(ref T shared, ref T global, int sourceBytes) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// Starts copying 16 bytes from global to shared memory, past the L1 cache (`cp.async.cg.shared.global`, sm_80 and up).
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.cg.shared.global [$shared0], [$global1], 16;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync16<T>(ref T shared, ref T global) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// <see cref="CpAsync16{T}(ref T, ref T)"/> of the first <paramref name="sourceBytes"/> (0-16) bytes; the rest becomes zero. With 0
    /// nothing is read.
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.cg.shared.global [$shared0], [$global1], 16, $2;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync16<T>(ref T shared, ref T global, int sourceBytes) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>
    /// <see cref="CpAsync16{T}(ref T, ref T, int)"/> through the L1 cache, for what other copies of the multiprocessor read again
    /// (`cp.async.ca.shared.global`).
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.ca.shared.global [$shared0], [$global1], 16, $2;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsync16Cached<T>(ref T shared, ref T global, int sourceBytes) where T : unmanaged => throw DeviceOnly.Error();

    /// <summary>Closes the group of this thread's copies since the last one (`cp.async.commit_group`, sm_80 and up).</summary>
    [IntrinsicImplementation, Ptx("cp.async.commit_group;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsyncCommitGroup() => throw DeviceOnly.Error();

    /// <summary>
    /// Waits until at most <paramref name="pending"/> (a constant) of this thread's groups are unfinished (`cp.async.wait_group`, sm_80 and
    /// up). Other threads see the data after a barrier.
    /// </summary>
    [IntrinsicImplementation, Ptx("cp.async.wait_group $i0;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsyncWaitGroup(int pending) => throw DeviceOnly.Error();

    /// <summary>Waits for all of this thread's copies (`cp.async.wait_all`, sm_80 and up).</summary>
    [IntrinsicImplementation, Ptx("cp.async.wait_all;", Effect = PtxEffect.Writes, MinSm = 80)]
    public static void CpAsyncWaitAll() => throw DeviceOnly.Error();
}
