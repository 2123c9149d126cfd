using Lia.Animation.Framing;
using Lia.Animation.Motion;

namespace Lia.Animation.Pipeline;

/// <summary>What is chosen about one clip; each room looks at its own part.</summary>
/// <param name="Motion">Which driving frames, and how they move the picture.</param>
/// <param name="Framing">Which part of the pictures.</param>
/// <param name="Composition">What the output shows.</param>
/// <param name="Batch">Frames that go through the network together; 0 for the device's choice.</param>
/// <param name="Rate">Overrides the rate of the motion, and leaves the sound out; null keeps both.</param>
internal sealed record ClipSettings(
    MotionSettings Motion, FramingSettings Framing, CompositionSettings Composition, int Batch = 0, FrameRate? Rate = null);
