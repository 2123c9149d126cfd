using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>What the search for the largest magnitude is passed.</summary>
internal struct LargestMagnitudeArguments
{
    public ArrayView<float> Map;

    /// <summary>Bits of the largest magnitude that each block found.</summary>
    public ArrayView<int> Partials;

    public int Length;
}

/// <summary>What the choice of a scale is passed.</summary>
internal struct OperandScaleArguments
{
    public ArrayView<int> Partials;

    /// <summary>The power of two, and 1 over it.</summary>
    public ArrayView<float> Scale;
}

/// <summary>
/// The power of two that brings a map's largest magnitude into [2^13, 2^14), far from both ends of the halves: they keep all their bits
/// down to 2^-27 of the largest then, and some down to 2^-37. Two launches: blocks find the largest of their quads, one block the largest
/// of all; magnitudes are compared as whole numbers, so their order does not matter. A map with infinities or NaN is left as it is: the
/// scale is 1. Bound by bytes: the map read once.
/// </summary>
internal static class OperandScale
{
    /// <summary>Elements of the partial results at most.</summary>
    public const int PartialsLength = 1024;

    private const int Threads = 256, Warps = Threads / 32;
    private const int Infinity = 0x7f800000;

    /// <param name="loader">Where it runs.</param>
    /// <param name="map">Any number of elements.</param>
    /// <param name="partials"><see cref="PartialsLength"/> elements.</param>
    /// <param name="scale">Two elements: the power of two, and 1 over it.</param>
    public static KernelLaunch[] Prepare(KernelLoader loader, ArrayView<float> map, ArrayView<int> partials, ArrayView<float> scale)
    {
        // A small map has no work for all of them.
        int blocks = (int)Math.Clamp((map.Length / 4 + Threads - 1) / Threads, 1, PartialsLength);
        partials = partials.SubView(0, blocks);
        return
        [
            KernelLaunch.Create(loader, RunMagnitude, new KernelConfig(new Index1D(blocks), new Index1D(Threads)),
                new LargestMagnitudeArguments { Map = map, Partials = partials, Length = checked((int)map.Length) },
                bytes: sizeof(float) * (double)map.Length),
            Prepare(loader, partials, scale),
        ];
    }

    /// <summary>The second launch alone.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="largest">Bits of the largest magnitudes of parts of the map.</param>
    /// <param name="scale">Two elements: the power of two, and 1 over it.</param>
    public static KernelLaunch Prepare(KernelLoader loader, ArrayView<int> largest, ArrayView<float> scale) =>
        KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(1), new Index1D(Threads)),
            new OperandScaleArguments { Partials = largest, Scale = scale });

    [LaunchBounds(Threads)]
    public static void RunMagnitude(LargestMagnitudeArguments a)
    {
        int largest = 0, quads = a.Length >> 2, step = Grid.DimX * Threads;
        for (int quad = Grid.IdxX * Threads + Group.IdxX; quad < quads; quad += step)
        {
            Float4 value = a.Map.Cast<Float4>()[quad];
            largest = IntrinsicMath.Max(largest, Magnitude(value));
        }
        int rest = 4 * quads + Group.IdxX;
        if (Grid.IdxX == 0 && rest < a.Length) largest = IntrinsicMath.Max(largest, Magnitude(a.Map[rest]));
        largest = OfBlock(largest);
        if (Group.IdxX == 0) a.Partials[Grid.IdxX] = largest;
    }

    [LaunchBounds(Threads)]
    public static void Run(OperandScaleArguments a)
    {
        int largest = 0;
        for (int i = Group.IdxX; i < a.Partials.IntLength; i += Threads) largest = IntrinsicMath.Max(largest, a.Partials[i]);
        largest = OfBlock(largest);
        if (Group.IdxX == 0)
        {
            // The exponent is in bits 23 to 30, 127 for 1: 13 - (e - 127) is wanted, at most 100.
            int exponent = largest >= Infinity ? 0 : IntrinsicMath.Min(13 + 127 - (largest >> 23), 100);
            a.Scale[0] = Interop.IntAsFloat((uint)((127 + exponent) << 23));
            a.Scale[1] = Interop.IntAsFloat((uint)((127 - exponent) << 23));
        }
    }

    /// <summary>Bits of the largest magnitude of four.</summary>
    public static int Magnitude(Float4 value) => IntrinsicMath.Max(
        IntrinsicMath.Max(Magnitude(value.X), Magnitude(value.Y)), IntrinsicMath.Max(Magnitude(value.Z), Magnitude(value.W)));

    private static int Magnitude(float value) => (int)(Interop.FloatAsInt(value) & 0x7fffffffu);

    /// <summary>The largest of the values of a block of 256 threads, in the first of them; all call it.</summary>
    public static int OfBlock(int value)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(Warps);
        for (int mask = 16; mask > 0; mask >>= 1) value = IntrinsicMath.Max(value, Warp.ShuffleXor(value, mask));
        if ((Group.IdxX & 31) == 0) shared[Group.IdxX / 32] = value;
        Group.Barrier();
        int largest = value;
        for (int i = 0; i < Warps; i++) largest = IntrinsicMath.Max(largest, shared[i]);
        return largest;
    }
}
