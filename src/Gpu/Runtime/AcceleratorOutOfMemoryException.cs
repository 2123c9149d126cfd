namespace Lia.Gpu.Runtime;

/// <summary>A device or the host has less memory left than was asked for.</summary>
public sealed class AcceleratorOutOfMemoryException : Exception
{
    /// <summary>Asked for <paramref name="asked"/> bytes of a kind of memory when <paramref name="free"/> of <paramref name="total"/> were free.</summary>
    public AcceleratorOutOfMemoryException(string device, string kind, long asked, long free, long total)
        : base($"{device}: {Mib(asked)} of {kind} memory were asked for, {Mib(free)} of {Mib(total)} are free")
    {
        Asked = asked;
        Free = free;
    }

    /// <summary>Bytes asked for.</summary>
    public long Asked { get; }

    /// <summary>Bytes free.</summary>
    public long Free { get; }

    private static string Mib(long bytes) => $"{bytes} bytes ({bytes / 1048576.0:0.#} MiB)";
}
