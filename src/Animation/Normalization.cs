namespace Lia;

/// <summary>How network values, nominally in [-1, 1], become colors.</summary>
public enum Normalization
{
    /// <summary><c>(x + 1) / 2 * 255</c>, rounded and clamped: a color does not depend on the rest of the clip.</summary>
    Fixed,
    /// <summary>Clamped to [-1, 1], then the whole clip's minimum and maximum stretched to 0 and 255, as the official demonstration does.
    /// The frames wait in a temporary file until the last is known.</summary>
    MinMax,
}
