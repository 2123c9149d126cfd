using Lia.Network;

namespace Lia.Studio.Faces;

/// <summary>A source as the network sees it. What the encoder says of it is the network thread's, which keeps it while it is
/// used.</summary>
/// <param name="square">[S, S, 3], not changed any more.</param>
internal sealed class Face(byte[] square)
{
    /// <summary>[S, S, 3].</summary>
    public byte[] Square => square;

    /// <summary>What the encoder says; null where it is to be asked again. The network thread's.</summary>
    internal EncodedSource? Encoded { get; set; }

    /// <summary>Where it stands among those that are kept. The network thread's.</summary>
    internal LinkedListNode<Face>? Place { get; set; }

    /// <summary>Nobody will ask for it any more.</summary>
    internal volatile bool IsGone;
}
