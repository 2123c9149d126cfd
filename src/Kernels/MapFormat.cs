namespace Lia.Kernels;

/// <summary>
/// How the values of a half map (<see cref="HalfMap"/>) are stored, at compile time. Kernels that are made for one half a value are the
/// same code, instruction for instruction, as if there were no other format.
/// </summary>
internal interface IMapFormat
{
    /// <summary>Halves whose sum is a value: the map has so many parts, each a map of halves.</summary>
    int Parts { get; }
}

/// <summary>A half a value, 11 bits; what is beyond +-65504 saturates.</summary>
internal readonly struct OneHalf : IMapFormat
{
    public int Parts => 1;
}

/// <summary>
/// Two halves a value, x = high + low with high = half(x) and low = half(x - high): 22 bits and a sign between them, an error of at most
/// max(2^-23 |x|, 2^-25). What is beyond 65504 is no number, and everything that follows from it: a frame that leaves the range is told,
/// never wrong.
/// </summary>
internal readonly struct TwoHalves : IMapFormat
{
    public int Parts => 2;
}
