namespace Lia.PtxEmulator;

/// <summary>PTX text that is malformed or uses what the emulator does not know; names the line.</summary>
public sealed class PtxSyntaxException : Exception
{
    /// <summary>An error at a line (1-based) of the PTX text.</summary>
    public PtxSyntaxException(int line, string message) : base($"PTX line {line}: {message}") => Line = line;

    /// <summary>The 1-based line of the PTX text.</summary>
    public int Line { get; }
}
