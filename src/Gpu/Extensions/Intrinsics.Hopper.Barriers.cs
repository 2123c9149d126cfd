using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>
/// Barriers in shared memory (`mbarrier`, sm_90 and up). A barrier is a ulong; each of its phases ends when the arrivals it was initialized
/// with have come and as many bytes have been copied as were expected. Arrivals release what the thread did before, a passed wait acquires
/// it.
/// </content>
public static partial class Intrinsics
{
    /// <summary>
    /// Initializes a barrier for <paramref name="arrivals"/> arrivals a phase (`mbarrier.init`). One thread does this, then
    /// <see cref="MBarrierInitFence"/>, then the group meets at a barrier, before any use.
    /// </summary>
    [IntrinsicImplementation, Ptx("mbarrier.init.shared::cta.b64 [$shared0], $1;", Effect = PtxEffect.Writes, MinSm = 90)]
    public static void MBarrierInit(ref ulong barrier, int arrivals) => throw DeviceOnly.Error();

    /// <summary>Makes this thread's barrier initializations visible to the copy engine (`fence.mbarrier_init.release.cluster`).</summary>
    [IntrinsicImplementation, Ptx("fence.mbarrier_init.release.cluster;", Effect = PtxEffect.Writes, MinSm = 90, MinPtx = 80)]
    public static void MBarrierInitFence() => throw DeviceOnly.Error();

    /// <summary>Arrives once (`mbarrier.arrive`).</summary>
    [IntrinsicImplementation, Ptx("mbarrier.arrive.shared::cta.b64 _, [$shared0];", Effect = PtxEffect.Writes, MinSm = 90)]
    public static void MBarrierArrive(ref ulong barrier) => throw DeviceOnly.Error();

    /// <summary>
    /// Lets the current phase expect <paramref name="bytes"/> more copied bytes, then arrives once (`mbarrier.arrive.expect_tx`).
    /// </summary>
    [IntrinsicImplementation, Ptx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$shared0], $1;", Effect = PtxEffect.Writes, MinSm = 90,
        MinPtx = 80)]
    public static void MBarrierArriveExpectTx(ref ulong barrier, int bytes) => throw DeviceOnly.Error();

    /// <summary>
    /// Whether the phase of that parity (0 for the first phase, 1 for the second, 0 for the third ...) has ended; waits for it a while
    /// (`mbarrier.try_wait.parity`). A new barrier counts as having ended a phase of parity 1.
    /// </summary>
    [IntrinsicImplementation, Ptx("mbarrier.try_wait.parity.shared::cta.b64 $d, [$shared0], $1;", Effect = PtxEffect.Writes, MinSm = 90)]
    public static bool MBarrierTryWait(ref ulong barrier, int parity) => throw DeviceOnly.Error();

    /// <summary>Waits until the phase of that parity has ended: <see cref="MBarrierTryWait"/> until it is true.</summary>
    public static void MBarrierWait(ref ulong barrier, int parity)
    {
        while (!MBarrierTryWait(ref barrier, parity))
        {
        }
    }
}
