namespace Lia;

/// <summary>A step along one of the model's motion directions: it adds <c>Delta</c> to coordinate <c>Direction</c> of the motion code
/// alpha.</summary>
/// <param name="Direction">Which direction, from 0 to <c>Animator.Directions</c> - 1.</param>
/// <param name="Delta">How far; the directions have length 1. Any finite number: the official program looks at -3 to 3.</param>
public readonly record struct MotionEdit(int Direction, float Delta)
{
    /// <summary>Where the official program's sweeps begin.</summary>
    public const float SweepFrom = -3;

    /// <summary>Where the official program's sweeps end: <c>-3 + 0.375 k</c> for k = 0 to 15.</summary>
    public const float SweepTo = 2.625f;

    /// <summary>The number of pictures in the official program's sweeps.</summary>
    public const int SweepSteps = 16;

    /// <summary>A sweep along a direction: single edits with deltas evenly spread. The defaults are those of the official
    /// program.</summary>
    /// <param name="direction">Which direction, from 0.</param>
    /// <param name="from">The first delta.</param>
    /// <param name="to">The last delta.</param>
    /// <param name="steps">The number of edits, at least 2.</param>
    /// <returns>An edit for each picture, for <c>Animator.ManipulateFrames</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than two steps.</exception>
    public static IReadOnlyList<MotionEdit[]> Sweep(int direction, float from = SweepFrom, float to = SweepTo, int steps = SweepSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        double step = ((double)to - from) / (steps - 1);
        return [.. Enumerable.Range(0, steps).Select(k => (MotionEdit[])[new(direction, (float)(from + k * step))])];
    }
}
