namespace Lia.Gpu.Runtime;

/// <summary>Name and limits of an accelerator.</summary>
public sealed record AcceleratorProperties
{
    /// <summary>The device's name.</summary>
    public required string Name { get; init; }

    /// <summary>Compute capability times ten: 75 is 7.5, 90 is 9.0.</summary>
    public required int Sm { get; init; }

    /// <summary>Multiprocessors.</summary>
    public required int Multiprocessors { get; init; }

    /// <summary>Threads a group may have, on any kernel.</summary>
    public required int MaxThreadsPerGroup { get; init; }

    /// <summary>
    /// Bytes of shared memory a group may have, static and dynamic together, counting what the driver grants on request (227 KiB on an
    /// H100).
    /// </summary>
    public required int MaxSharedBytesPerGroup { get; init; }

    /// <summary>Bytes of device memory.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Bytes of the level 2 cache.</summary>
    public required int L2Bytes { get; init; }
}
