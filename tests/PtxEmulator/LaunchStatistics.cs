namespace Lia.PtxEmulator;

/// <summary>Accesses of one kind to shared memory.</summary>
/// <param name="Requests">Warp instructions.</param>
/// <param name="Bytes">Bytes moved, summed over lanes.</param>
/// <param name="Wavefronts">Passes over the 32 banks that the requests need.</param>
/// <param name="ExtraWavefronts">Passes beyond the least possible for the access size: the bank conflicts. 0 means conflict-free.</param>
public readonly record struct SharedTraffic(long Requests, long Bytes, long Wavefronts, long ExtraWavefronts);

/// <summary>Accesses of one kind to global memory.</summary>
/// <param name="Requests">Warp instructions.</param>
/// <param name="Bytes">Bytes moved, summed over lanes.</param>
/// <param name="Sectors">Distinct 32-byte sectors per request, summed: what the memory system moves. Bytes / (32 Sectors) is the efficiency
/// of coalescing.</param>
public readonly record struct GlobalTraffic(long Requests, long Bytes, long Sectors);

/// <summary>What a launch executed, summed over its blocks.</summary>
public sealed class LaunchStatistics
{
    /// <summary>Warp instructions executed (an instruction whose guard is false in all lanes counts too).</summary>
    public long WarpInstructions { get; internal init; }

    /// <summary>Warp instructions by full name, such as <c>fma.rn.f32</c>.</summary>
    public required IReadOnlyDictionary<string, long> ByInstruction { get; init; }

    /// <summary>
    /// Shared-memory traffic by kind: <c>ld.32</c>, <c>st.128</c> (bits per lane), <c>ldmatrix</c>, <c>cp.async</c>, <c>atom</c>.
    /// </summary>
    public required IReadOnlyDictionary<string, SharedTraffic> Shared { get; init; }

    /// <summary>Global-memory traffic by kind: <c>ld</c>, <c>st</c>, <c>cp.async</c>, <c>atom</c>.</summary>
    public required IReadOnlyDictionary<string, GlobalTraffic> Global { get; init; }

    /// <summary>Bank conflicts of all kinds: wavefronts beyond the least possible.</summary>
    public long ExtraSharedWavefronts => Shared.Values.Sum(t => t.ExtraWavefronts);
}
