using ILGPU.IR.Intrinsics;

namespace Lia.Gpu;

/// <content>Votes of a warp; every lane must take part. Device only.</content>
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

    /// <summary>One bit per lane that executes this (`activemask`).</summary>
    public static uint ActiveMask
        { [IntrinsicImplementation, Ptx("activemask.b32 $d;", Effect = PtxEffect.Writes)] get => throw DeviceOnly.Error(); }
}
