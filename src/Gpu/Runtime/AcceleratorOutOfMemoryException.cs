namespace Lia.Gpu.Runtime;

/// <summary>A device or the host has less memory left than was asked for.</summary>
public sealed class AcceleratorOutOfMemoryException : Exception
{
    /// <summary>
    /// Asked for <paramref name="asked"/> bytes of a kind of memory when <paramref name="free"/> of <paramref name="total"/> were free.
    /// </summary>
    public AcceleratorOutOfMemoryException(string device, string kind, long asked, long free, long total)
        : base($"{device}: {Mib(asked)} of {kind} memory were asked for, {Mib(free)} of {Mib(total)} are free")
    {
        Asked = asked;
        Free = free;
    }

    internal AcceleratorOutOfMemoryException(string message, Exception cause) : base(message, cause)
    {
    }

    /// <summary>Bytes asked for; 0 where it is not known.</summary>
    public long Asked { get; }

    /// <summary>Bytes free; 0 where it is not known.</summary>
    public long Free { get; }

    private static string Mib(long bytes) => $"{bytes} bytes ({bytes / 1048576.0:0.#} MiB)";
}
