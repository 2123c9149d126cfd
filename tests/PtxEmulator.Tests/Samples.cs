namespace Lia.PtxEmulator.Tests;

/// <summary>Operands that reach every corner: all pairs or triples of special values, and random ones.</summary>
internal static class Samples
{
    public static readonly ulong[] Integers64 =
    [
        0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        0x1_0000_0000,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE, 0x0123_4567_89AB_CDEF,
        0xDEAD_BEEF_CAFE_F00D,
    ];

    public static readonly float[] Floats =
    [
        0f, -0f, 1f, -1f, 0.5f, 1.5f, 2.5f, -2.5f, 3f, 1e-3f, 16777215f, 16777216f, 0.1f, -0.3f, 1e10f, -1e20f, float.MaxValue,
        float.MinValue, float.Epsilon, -float.Epsilon, 1.1754944e-38f, 1e-40f,
        float.PositiveInfinity, float.NegativeInfinity, float.NaN, BitConverter.UInt32BitsToSingle(0xFFC0_1234), 65504f, 65519.9f, 65520f,
        6e-8f, 2.9e-8f, 255.5f, 2147483648f, 4294967296f, -2147483648f,
    ];

    /// <summary>All pairs of the special values.</summary>
    public static (T[] A, T[] B) Pairs<T>(T[] values) =>
        ([.. values.SelectMany(x => values.Select(_ => x))], [.. values.SelectMany(_ => values)]);

    public static T[] Cast<T>(ulong[] values)
        where T : System.Numerics.INumberBase<T> => [.. values.Select(v => T.CreateTruncating(v)).Distinct()];

    public static float[] RandomFloats(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => BitConverter.UInt32BitsToSingle((uint)random.NextInt64(1L << 32)))];
    }

    public static uint[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToUInt32Bits)];
}
