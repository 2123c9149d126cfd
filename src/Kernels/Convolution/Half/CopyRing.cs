namespace Lia.Kernels.Convolution;

/// <summary>
/// The two rings between the warp that copies and the warpgroups that multiply, input tiles and steps of weights: for every stage a barrier that says full (one arrival,
/// and the bytes of the copy) and one that says empty (an arrival of each warp that read it).
/// </summary>
internal static class CopyRing
{
    /// <summary>Warps that multiply.</summary>
    public const int ConsumerWarps = 8;

    /// <summary>One thread initialises all barriers; the group then meets at a barrier.</summary>
    public static void Initialise(
        ArrayView<ulong> inputFull, ArrayView<ulong> inputEmpty, int inputStages, ArrayView<ulong> weightFull, ArrayView<ulong> weightEmpty, int weightStages)
    {
        for (int i = 0; i < inputStages; i++)
        {
            Intrinsics.MBarrierInit(ref inputFull[i], 1);
            Intrinsics.MBarrierInit(ref inputEmpty[i], ConsumerWarps);
        }
        for (int i = 0; i < weightStages; i++)
        {
            Intrinsics.MBarrierInit(ref weightFull[i], 1);
            Intrinsics.MBarrierInit(ref weightEmpty[i], ConsumerWarps);
        }
        Intrinsics.MBarrierInitFence();
    }
}
