using Lia.Gpu.Runtime;

namespace Lia.Kernels.Optimizers;

/// <summary>What the search is passed.</summary>
internal struct FiniteSearchArguments
{
    /// <summary>A flat buffer that starts at a multiple of 16 bytes.</summary>
    public ArrayView<float> Values;

    /// <summary>
    /// Receives the smallest index of a value that is infinite or no number [1]; <see cref="FiniteSearch.None"/> where all are finite.
    /// </summary>
    public ArrayView<int> Index;
}

/// <summary>
/// Finds the first value of a buffer that is not finite, so that it can be said of which tensor it is. Threads look at four neighbors, a
/// grid apart; the smallest index does not depend on who finds his first. Bound by 4 bytes a value.
/// </summary>
internal static class FiniteSearch
{
    /// <summary>The index where there is no such value.</summary>
    public const int None = int.MaxValue;

    private const int Threads = 256;
    private const int MostBlocks = 2048;
    private const uint Exponent = 0x7f800000; // all ones: an infinity or no number

    /// <summary>The launches, in their order.</summary>
    public static KernelLaunch[] Prepare(KernelLoader loader, FiniteSearchArguments arguments)
    {
        long quads = (arguments.Values.Length + 3) / 4, blocks = Math.Clamp((quads + Threads - 1) / Threads, 1, MostBlocks);
        return
        [
            PrepareReset(loader, arguments),
            KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D((int)blocks), new Index1D(Threads)), arguments,
                bytes: arguments.Values.LengthInBytes),
        ];
    }

    /// <summary>The first of them alone, which forgets what was found.</summary>
    public static KernelLaunch PrepareReset(KernelLoader loader, FiniteSearchArguments arguments) =>
        KernelLaunch.Create(loader, Reset, new KernelConfig(new Index1D(1), new Index1D(32)), arguments);

    public static void Reset(FiniteSearchArguments a)
    {
        if (Group.IdxX == 0) a.Index[0] = None;
    }

    public static void Run(FiniteSearchArguments a)
    {
        int length = a.Values.IntLength, quads = length >> 2, first = Grid.IdxX * Threads + Group.IdxX, found = None;
        for (int i = first; i < quads; i += Grid.DimX * Threads)
        {
            Float4 value = a.Values.Cast<Float4>()[i];
            int at = !IsFinite(value.X) ? 0 : !IsFinite(value.Y) ? 1 : !IsFinite(value.Z) ? 2 : !IsFinite(value.W) ? 3 : None;
            if (at != None) found = IntrinsicMath.Min(found, 4 * i + at);
        }
        if (first < (length & 3) && !IsFinite(a.Values[4 * quads + first])) found = IntrinsicMath.Min(found, 4 * quads + first);
        if (found != None) Atomic.Min(ref a.Index[0], found);
    }

    private static bool IsFinite(float value) => (Interop.FloatAsInt(value) & Exponent) != Exponent;
}
