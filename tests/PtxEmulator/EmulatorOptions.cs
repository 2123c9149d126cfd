namespace Lia.PtxEmulator;

/// <summary>How strictly and in what order kernels are run. The defaults detect everything that a correct kernel never does.</summary>
public sealed record EmulatorOptions
{
    /// <summary>Blocks run at the same time on up to this many threads; 1 gives a fixed order of blocks. Default: all cores.</summary>
    public int Parallelism { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// When set, the warps of a block take turns in an order and of lengths drawn from this seed, to bring out races, and copies of tiles
    /// arrive in an order drawn from it: one is held back until no other is under way, then the next. Else warps take turns in the order
    /// of their numbers, and the latest copy arrives first.
    /// </summary>
    public int? ScheduleSeed { get; init; }

    /// <summary>Find races in shared memory between the threads of a block.</summary>
    public bool DetectSharedRaces { get; init; } = true;

    /// <summary>
    /// Find bytes of global memory that two blocks of a launch use without atomics, at least one writing. Costs memory and time.
    /// </summary>
    public bool DetectGlobalRaces { get; init; }

    /// <summary>A warp that executes more instructions than this is taken to loop for ever.</summary>
    public long WarpInstructionBudget { get; init; } = 50_000_000;

    /// <summary>The most shared memory a block may have, static and dynamic together; by default that of sm_90.</summary>
    public int SharedMemoryLimit { get; init; } = 227 * 1024;
}
