using Lia.Animation.Flow;
using Lia.Network;

namespace Lia.Animation.Motion;

/// <summary>What it takes to get from a driving file to motion codes.</summary>
internal sealed class MotionMeters
{
    /// <summary>The reading thread reads a frame.</summary>
    public Meter Decode { get; } = new();

    /// <summary>The reading thread makes it S x S.</summary>
    public Meter Resize { get; } = new();

    /// <summary>The reading thread waits until frames are taken.</summary>
    public Meter WaitedForRoom { get; } = new();

    /// <summary>The network's thread waits for frames.</summary>
    public Meter WaitedForFrames { get; } = new();

    /// <summary>The network's thread has them encoded.</summary>
    public Meter Encode { get; } = new();

    /// <summary>The device's part of it, where it tells.</summary>
    public PixelPipeTimes Device { get; set; }
}
