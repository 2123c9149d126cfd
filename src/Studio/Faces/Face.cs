namespace Lia.Studio.Faces;

/// <summary>A source as the network sees it. What the encoder says of it is the network thread's, which keeps it while it is
/// used.</summary>
/// <param name="square">[S, S, 3], not changed any more.</param>
/// <param name="before">What was looked at of the same picture before; null where it is a new one.</param>
internal sealed class Face(byte[] square, Face? before = null)
{
    /// <summary>[S, S, 3].</summary>
    public byte[] Square => square;

    /// <summary>Where the picture's features are.</summary>
    internal Networks.Seat Seat { get; } = before?.Seat ?? new();

    /// <summary>Nobody will ask for it any more.</summary>
    internal volatile bool IsGone;
}
