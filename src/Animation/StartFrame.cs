namespace Lia;

/// <summary>Where relative motion starts: the driving frame whose pose counts as the source's own. All frames are animated, those before it
/// too.</summary>
/// <remarks>Results are best when that pose is like the source's. The first frame often is not; <see cref="Best"/> looks for the one that
/// is.</remarks>
public readonly record struct StartFrame
{
    private StartFrame(int number, bool isBest) => (Number, IsBest) = (number, isBest);

    /// <summary>The driving frame whose motion code is nearest to the source's (by Euclidean distance; the first of equals). All driving
    /// frames go through the
    /// encoder before the first is animated.</summary>
    public static StartFrame Best { get; } = new(-1, true);

    /// <summary>A driving frame by its number.</summary>
    /// <param name="number">Counted from 0 in the whole clip, also where only a range of it is used; it must be in that range.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static StartFrame At(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        return new(number, false);
    }

    /// <summary>Whether the frame is still to be looked for.</summary>
    public bool IsBest { get; }

    /// <summary>The frame's number; -1 for <see cref="Best"/>.</summary>
    public int Number { get; }

    /// <summary><c>best</c>, or the number.</summary>
    public override string ToString() => IsBest ? "best" : $"{Number}";
}
