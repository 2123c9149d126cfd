namespace Lia.Network.Cpu;

/// <summary>How the CPU executor runs.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads, the caller's included; null is one for every core the process may use (affinity is honored).</summary>
    public int? Threads { get; init; }

    /// <summary>Vector width. A width the processor lacks works and is very slow.</summary>
    public SimdLevel Simd { get; init; }
}
