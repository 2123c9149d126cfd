namespace Lia;

/// <summary>How the frames of many live sessions share one device (<see cref="Animator.LiveGroup"/>).</summary>
public sealed record LiveGroupOptions
{
    /// <summary>The most frames that can go through the network in one pass.</summary>
    public const int LargestPass = 32;

    /// <summary>
    /// How long frames gather beside a busy device before they are put in line behind what it works on; 2 ms. An idle device starts at
    /// once, whatever this is: a lone session waits for nobody. Longer makes passes larger where the device is all but full, shorter
    /// leaves it less time between passes.
    /// </summary>
    public TimeSpan GatherTime { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// The most frames of a pass, 1 to <see cref="LargestPass"/>; 0 is the device's choice: 32 on a GPU, 1 on the processor, where frames
    /// together take as long as one after another. A GPU has plans for 1, 2, 3, 4, 6, 8, 12, 16, 24 and 32 frames and runs the next larger
    /// one.
    /// </summary>
    public int MostFrames { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    internal void Validate()
    {
        if (GatherTime < TimeSpan.Zero || GatherTime > TimeSpan.FromSeconds(1))
            throw new ArgumentException($"The gather time is {GatherTime.TotalMilliseconds} ms; it must be from 0 to 1000.");
        if (MostFrames is < 0 or > LargestPass)
            throw new ArgumentException($"The most frames of a pass are {MostFrames}; they must be from 0 to {LargestPass}.");
    }
}
