namespace Lia.Fuzz;

/// <summary>A reader of untrusted bytes, and what it promises.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Share">Its part of the inputs of a run over all targets; they sum to 200.</param>
/// <param name="Make">Makes an input.</param>
/// <param name="Read">Reads an input, and whatever is offered after that. Throws what the reader throws.</param>
/// <param name="IsDocumented">Whether an exception is one that the reader documents for bad bytes.</param>
internal sealed record FuzzTarget(
    string Name, int Share, Func<Mutator, byte[]> Make, Action<byte[]> Read, Func<Exception, bool> IsDocumented)
{
    /// <summary>Bytes of memory that reading may take whatever the input.</summary>
    public long FreeBytes { get; init; } = 256 << 10;

    /// <summary>Bytes of memory that each byte of the input adds.</summary>
    public long BytesPerByte { get; init; } = 200;

    /// <summary>Seconds that reading may take whatever the input: the least that a busy machine's scheduler leaves room for.</summary>
    public double FreeSeconds { get; init; } = 1;

    /// <summary>Seconds that each byte of the input adds.</summary>
    public double SecondsPerByte { get; init; } = 5e-6;
}
