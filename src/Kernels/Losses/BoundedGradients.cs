using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What is added to a gradient at a bounded length.</summary>
internal struct BoundedGradientsArguments
{
    /// <summary>g, which receives the sum.</summary>
    public ArrayView<float> Gradient;

    /// <summary>What is added, as long as g; empty for nothing.</summary>
    public ArrayView<float> First, Second;

    /// <summary>How long they are made, in lengths of g.</summary>
    public float FirstShare, SecondShare;

    /// <summary>A factor of both shares [1], in device memory, so that a captured graph is replayed with another.</summary>
    public ArrayView<float> Rise;

    /// <summary>Room for sums of squares, <see cref="BoundedGradients.PartialsLength"/>.</summary>
    public ArrayView<double> Partials;
}

/// <summary>
/// Gradients of losses whose size nobody knows beforehand, added to one that leads: with |x| the root of the sum of squares of all of x,
/// <code>
///     g += Rise (FirstShare |g| / |a| a + SecondShare |g| / |b| b)
///
///     Measure: a block's squares of g, a and b --> Partials [3, block]           Add: every block adds the partials in the same order
/// </code>
/// Bound by bytes: 28 an element.
/// </summary>
internal static class BoundedGradients
{
    private const int Warps = 8, MostBlocks = 256;

    // Keeps a gradient of nothing from being divided by its length.
    private const float Least = 1e-12f;

    /// <summary>Doubles of room.</summary>
    public static int PartialsLength(long length) => 3 * Blocks(length);

    /// <summary>The launches, in their order.</summary>
    /// <exception cref="ArgumentException">The gradients are of different lengths.</exception>
    public static KernelLaunch[] Prepare(KernelLoader loader, BoundedGradientsArguments arguments)
    {
        long length = arguments.Gradient.Length;
        foreach (long other in (ReadOnlySpan<long>)[arguments.First.Length, arguments.Second.Length])
            if (other != 0 && other != length) throw new ArgumentException($"Gradients of {length} and {other} values are added.");
        arguments.Partials = arguments.Partials.SubView(0, PartialsLength(length));
        KernelConfig config = new(new Index1D(Blocks(length)), new Index1D(32 * Warps));
        double views = 1 + (arguments.First.Length != 0 ? 1 : 0) + (arguments.Second.Length != 0 ? 1 : 0);
        return
        [
            KernelLaunch.Create(loader, Measure, config, arguments, bytes: views * sizeof(float) * length),
            KernelLaunch.Create(loader, Add, config, arguments, bytes: (views + 1) * sizeof(float) * length),
        ];
    }

    private static int Blocks(long length) => (int)Math.Min(MostBlocks, (length + 32 * Warps - 1) / (32 * Warps));

    public static void Measure(BoundedGradientsArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        double leading = 0.0, first = 0.0, second = 0.0;
        for (int i = Grid.IdxX * (32 * Warps) + Group.IdxX; i < a.Gradient.IntLength; i += Grid.DimX * (32 * Warps))
        {
            double g = a.Gradient[i];
            leading += g * g;
            if (a.First.Length != 0)
            {
                double x = a.First[i];
                first += x * x;
            }
            if (a.Second.Length != 0)
            {
                double x = a.Second[i];
                second += x * x;
            }
        }
        leading = BlockSum.Of(leading, shared, Warps);
        Group.Barrier();
        first = BlockSum.Of(first, shared, Warps);
        Group.Barrier();
        second = BlockSum.Of(second, shared, Warps);
        if (Group.IdxX == 0)
        {
            a.Partials[Grid.IdxX] = leading;
            a.Partials[Grid.DimX + Grid.IdxX] = first;
            a.Partials[2 * Grid.DimX + Grid.IdxX] = second;
        }
    }

    public static void Add(BoundedGradientsArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        // As many blocks as threads at most: each takes one.
        double leading = 0.0, first = 0.0, second = 0.0;
        if (Group.IdxX < Grid.DimX)
        {
            leading = a.Partials[Group.IdxX];
            first = a.Partials[Grid.DimX + Group.IdxX];
            second = a.Partials[2 * Grid.DimX + Group.IdxX];
        }
        leading = BlockSum.Of(leading, shared, Warps);
        Group.Barrier();
        first = BlockSum.Of(first, shared, Warps);
        Group.Barrier();
        second = BlockSum.Of(second, shared, Warps);
        float length = a.Rise[0] * XMath.Sqrt((float)leading);
        float firstFactor = a.FirstShare * length / (XMath.Sqrt((float)first) + Least);
        float secondFactor = a.SecondShare * length / (XMath.Sqrt((float)second) + Least);
        for (int i = Grid.IdxX * (32 * Warps) + Group.IdxX; i < a.Gradient.IntLength; i += Grid.DimX * (32 * Warps))
        {
            float g = a.Gradient[i];
            if (a.First.Length != 0) g = Intrinsics.Fma(firstFactor, a.First[i], g);
            if (a.Second.Length != 0) g = Intrinsics.Fma(secondFactor, a.Second[i], g);
            a.Gradient[i] = g;
        }
    }
}
