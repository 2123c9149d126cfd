using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>
/// A group's shared memory: the two rings of stages between the warp that copies (the producer) and the warpgroups that multiply (the
/// consumers), input tiles and steps of weights. Every stage has a barrier that says full (one arrival, and the bytes of the copy) and one
/// that says empty (an arrival of each warp that read it).
/// <para>
/// Whoever waits on a barrier waits for each of its phases, or knows from elsewhere that the one before has ended: all that a wait can ask
/// is whether the current phase has another parity. Two phases on it does not see that one has been left out, and passes at once where that
/// has not even ended; and copies end in any order.
/// </para>
/// </summary>
internal struct CopyRing
{
    /// <summary>Warps that multiply.</summary>
    public const int ConsumerWarps = 8;

    /// <summary>
    /// Threads of a group that has a multiprocessor to itself: the warp that copies is one of a warpgroup, whose registers go to those that
    /// multiply. Of 65536 registers each of three warpgroups gets 168 a thread, of two warpgroups and a warp no more.
    /// </summary>
    public const int ThreadsAlone = 384;

    // 40 + 2 x 232 = 3 x 168.
    private const int CopyRegisters = 40, MultiplyRegisters = 232;

    /// <summary>The stages; from one to the next see the kernel.</summary>
    public ArrayView<Half> Inputs, Weights;

    public ArrayView<ulong> InputFull, InputEmpty, WeightFull, WeightEmpty;

    /// <summary>Lays out the rings and initializes their barriers; all threads of the group call it, and meet here.</summary>
    /// <param name="inputStages">Input tiles; a constant.</param>
    /// <param name="weightStages">Steps of weights; a constant.</param>
    /// <param name="weightStage">Halves of a step of weights.</param>
    /// <param name="inputReaders">Warps that read an input tile.</param>
    /// <param name="weightReaders">Warps that read a step of weights.</param>
    public static CopyRing Open(
        int inputStages, int weightStages, int weightStage, int inputReaders = ConsumerWarps, int weightReaders = ConsumerWarps)
    {
        ArrayView<ulong> barriers = SharedMemory.Allocate<ulong>(2 * (inputStages + weightStages));
        CopyRing ring = default;
        ring.InputFull = barriers;
        ring.InputEmpty = barriers.SubView(inputStages);
        ring.WeightFull = barriers.SubView(2 * inputStages);
        ring.WeightEmpty = barriers.SubView(2 * inputStages + weightStages);
        ring.Weights = SwizzledSharedMemory.GetDynamic<Half>(); // The copy engine writes to multiples of 128 bytes.
        ring.Inputs = ring.Weights.SubView(weightStages * weightStage);
        int thread = Group.IdxX;
        Overlap.Allow();
        if (thread == 0)
        {
            Initialize(ring.InputFull, ring.InputEmpty, inputStages, inputReaders);
            Initialize(ring.WeightFull, ring.WeightEmpty, weightStages, weightReaders);
            Intrinsics.MBarrierInitFence();
        }
        Group.Barrier();
        return ring;
    }

    /// <summary>
    /// Lets the copy engine see tensor maps that the host wrote: the lane that copies calls it before the first copy of each. Drivers
    /// before CUDA 12.3 have nothing for it; there it must do that a <see cref="TensorMapTable"/> writes over a map late.
    /// </summary>
    public static void Acquire(ArrayView<TensorMap> maps)
    {
        if (Intrinsics.TargetPtx >= 83)
        {
            for (int i = 0; i < maps.IntLength; i++) Intrinsics.TensorMapAcquire(ref maps[i]);
        }
    }

    /// <summary>What the lane that copies does first in a convolution, before the launch ahead has ended.</summary>
    public static void Prepare(ArrayView<TensorMap> inputs, ArrayView<TensorMap> weights, ArrayView<float> bias)
    {
        Acquire(weights);
        Acquire(inputs);
        Ahead.Fetch(inputs, weights, bias);
    }

    /// <summary>What the warpgroup that copies does first, where there are <see cref="ThreadsAlone"/>.</summary>
    public static void GiveRegisters() => Intrinsics.LowerRegisters(CopyRegisters);

    /// <summary>What those that multiply do first.</summary>
    public static void TakeRegisters() => Intrinsics.RaiseRegisters(MultiplyRegisters);

    private static void Initialize(ArrayView<ulong> full, ArrayView<ulong> empty, int stages, int readers)
    {
        for (int i = 0; i < stages; i++)
        {
            Intrinsics.MBarrierInit(ref full[i], 1);
            Intrinsics.MBarrierInit(ref empty[i], readers);
        }
    }
}

/// <summary>A place in a ring of stages, and the parity that its barrier has in this round (CUTLASS calls it PipelineState).</summary>
internal struct RingPosition
{
    public int Stage, Parity;

    /// <summary>Where a producer starts: all stages are empty without anyone having said so.</summary>
    public static RingPosition Producer => new() { Parity = 1 };

    /// <summary>Where a consumer starts that <see cref="Enter"/>s each stage before it reads it.</summary>
    public static RingPosition BeforeFirst => new() { Stage = -1, Parity = 1 };

    /// <summary>The next stage of a ring of so many, once this one is done with.</summary>
    public void Advance(int stages)
    {
        Stage++;
        if (Stage == stages)
        {
            Stage = 0;
            Parity ^= 1;
        }
    }

    /// <summary>The next stage, from <see cref="BeforeFirst"/> on.</summary>
    public void Enter(int stages)
    {
        Stage++;
        if (Stage == stages) Stage = 0;
        if (Stage == 0) Parity ^= 1;
    }
}
