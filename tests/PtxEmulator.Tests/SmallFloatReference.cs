namespace Lia.PtxEmulator.Tests;

/// <summary>
/// Rounding to a 16-bit format by its definition: among all numbers of the format, kept as a sorted list, the neighbours of a value are
/// looked up and the mode chooses.
/// </summary>
internal sealed class SmallFloatReference
{
    public static readonly SmallFloatReference Half = new(bits => (double)BitConverter.UInt16BitsToHalf(bits), 0x7C00);
    public static readonly SmallFloatReference BFloat = new(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16), 0x7F80);

    private readonly double[] _positive;   // index = bits, the last one being infinity

    private SmallFloatReference(Func<ushort, double> value, int infinity)
    {
        _positive = [.. Enumerable.Range(0, infinity + 1).Select(b => value((ushort)b))];
        // For rounding to nearest, "infinity" stands where the next number would be.
        double last = _positive[^2], step = last - _positive[^3];
        Beyond = last + step;
    }

    private double Beyond { get; }

    /// <param name="value">Any number.</param>
    /// <param name="mode">rn, rz, rm or rp.</param>
    public ushort Round(double value, string mode)
    {
        if (double.IsNaN(value)) return 0x7FFF;
        bool negative = double.IsNegative(value);
        double magnitude = Math.Abs(value);
        int sign = negative ? 0x8000 : 0;
        if (double.IsInfinity(magnitude)) return (ushort)(sign | (_positive.Length - 1));
        int index = Array.BinarySearch(_positive, magnitude);
        if (index >= 0) return (ushort)(sign | index);
        int above = ~index, below = above - 1;
        double upper = above == _positive.Length - 1 ? Beyond : _positive[above];
        bool up = mode switch
        {
            "rz" => false,
            "rm" => negative,
            "rp" => !negative,
            _ => magnitude - _positive[below] > upper - magnitude
                || (magnitude - _positive[below] == upper - magnitude && (below & 1) == 1),
        };
        return (ushort)(sign | (up ? above : below));
    }

    /// <summary>The value of bits.</summary>
    public double Value(ushort bits)
    {
        int magnitude = bits & 0x7FFF;
        double value = magnitude < _positive.Length ? _positive[magnitude] : double.NaN;
        return (bits & 0x8000) != 0 ? -value : value;
    }
}
