using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>Votes of a warp, in which every lane must take part, and barriers of a part of a group. Device only.</content>
public static partial class Intrinsics
{
    /// <summary>Whether the predicate holds in all lanes (`vote.sync.all`).</summary>
    [IntrinsicImplementation, Ptx("vote.sync.all.pred $d, $0, 0xffffffff;", Effect = PtxEffect.Writes)]
    public static bool VoteAll(bool predicate) => throw DeviceOnly.Error();

    /// <summary>Whether the predicate holds in any lane (`vote.sync.any`).</summary>
    [IntrinsicImplementation, Ptx("vote.sync.any.pred $d, $0, 0xffffffff;", Effect = PtxEffect.Writes)]
    public static bool VoteAny(bool predicate) => throw DeviceOnly.Error();

    /// <summary>One bit per lane whose predicate holds (`vote.sync.ballot`).</summary>
    [IntrinsicImplementation, Ptx("vote.sync.ballot.b32 $d, $0, 0xffffffff;", Effect = PtxEffect.Writes)]
    public static uint Ballot(bool predicate) => throw DeviceOnly.Error();

    /// <summary>
    /// Waits for as many threads of the group, whole warps of which every lane calls this, and orders their memory accesses
    /// (`bar.sync a, b`).
    /// </summary>
    /// <param name="barrier">Which of the group's barriers, 1 to 15; 0 is <see cref="ILGPU.Group.Barrier"/>'s.</param>
    /// <param name="threads">A multiple of 32.</param>
    [IntrinsicImplementation, Ptx("bar.sync $0, $1;", Effect = PtxEffect.Writes)]
    public static void NamedBarrier(int barrier, int threads) => throw DeviceOnly.Error();

    /// <summary>One bit per lane that executes this (`activemask`).</summary>
    public static uint ActiveMask
        { [IntrinsicImplementation, Ptx("activemask.b32 $d;", Effect = PtxEffect.Writes)] get => throw DeviceOnly.Error(); }
}
