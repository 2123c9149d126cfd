using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>What both blurs of a residual block are passed.</summary>
internal struct HalfBlurPairArguments
{
    /// <summary>Of the block's input, before the 1x1 skip.</summary>
    public HalfBlurArguments Skip;

    /// <summary>Of the first convolution's result, before the strided one.</summary>
    public HalfBlurArguments Down;

    /// <summary>Groups of the first.</summary>
    internal int SkipGroups;
}

/// <summary>
/// Both blurs of a residual block in one launch, for few pictures: <see cref="SkipBlur"/> and <see cref="DownBlur"/> as
/// <see cref="HalfBlur"/> has them, bit for bit. Neither reads what the other writes, and the block's second convolution alone reads both.
/// <code>
///     x ----------------------------------+--> skip blur ----+        group 0 .. SkipGroups - 1: skip blur (longer chains: first)
///     x --> conv1 --> bias, activation ---+--> down blur ----+--> conv2        the rest: down blur
///                                         |
///                                     one launch
/// </code>
/// A launch that does not fill the device takes as long as its start, one thread and its end, whatever it computes: two take that twice.
/// </summary>
internal static class HalfBlurPair
{
    /// <summary>
    /// Whether one launch is better than two: where both together are on the device within two turns. With more, a launch's start weighs
    /// little, and a skip blur of its own right behind the block's input finds it in the cache.
    /// </summary>
    /// <param name="loader">The device.</param>
    /// <param name="skip">The skip blur's operands; the other blur's groups follow from them.</param>
    /// <param name="parts">Halves of a value.</param>
    public static bool Pays(KernelLoader loader, HalfBlurArguments skip, int parts) =>
        Groups(HalfBlur.Complete<SkipBlur>(skip, parts).Arguments, HalfBlur.Complete<DownBlur>(skip, parts).Arguments, EightRows.Count)
            <= 2 * BlurRows.Places(loader, parts);

    /// <summary>The launch.</summary>
    /// <param name="loader">Where it runs.</param>
    /// <param name="skip">Operands of <see cref="HalfBlur.PrepareSkip"/>.</param>
    /// <param name="down">Operands of <see cref="HalfBlur.PrepareDown"/>.</param>
    /// <param name="parts">Halves of a value, of all maps.</param>
    /// <param name="rows">Output rows of a thread; 0 for what suits the device.</param>
    public static KernelLaunch Prepare(KernelLoader loader, HalfBlurArguments skip, HalfBlurArguments down, int parts = 1, int rows = 0)
    {
        (skip, double skipOutputs, double skipBytes) = HalfBlur.Complete<SkipBlur>(skip, parts);
        (down, double downOutputs, double downBytes) = HalfBlur.Complete<DownBlur>(down, parts);
        if (rows == 0) rows = BlurRows.Choose(loader, parts, count => Groups(skip, down, count));
        HalfBlurPairArguments arguments = new() { Skip = skip, Down = down, SkipGroups = HalfBlur.Groups(skip, rows) };
        Action<HalfBlurPairArguments> kernel = (parts, rows) switch
        {
            (1, EightRows.Count) => Run<EightRows>,
            (1, _) => Run<TwoRows>,
            (_, EightRows.Count) => RunPairs<EightRows>,
            _ => RunPairs<TwoRows>,
        };
        KernelConfig config = new(new Index1D(Groups(skip, down, rows)), new Index1D(HalfBlur.Threads));
        return KernelLaunch.CreateOverlapping(loader, kernel, config, arguments, 16 * (skipOutputs + downOutputs), skipBytes + downBytes);
    }

    /// <summary>One half a value.</summary>
    [LaunchBounds(HalfBlur.Threads, HalfBlur.GroupsOfHalves)]
    public static void Run<TRows>(HalfBlurPairArguments a) where TRows : struct, IBlurRows => Filter<OneHalf, TRows>(a);

    /// <summary>Two halves a value.</summary>
    [LaunchBounds(HalfBlur.Threads, HalfBlur.GroupsOfPairs)]
    public static void RunPairs<TRows>(HalfBlurPairArguments a) where TRows : struct, IBlurRows => Filter<TwoHalves, TRows>(a);

    private static void Filter<TFormat, TRows>(HalfBlurPairArguments a)
        where TFormat : struct, IMapFormat
        where TRows : struct, IBlurRows
    {
        Ahead.Fetch(a.Down.NextWeights, a.Down.LaterWeights);
        if (Grid.IdxX < a.SkipGroups) HalfBlur.Filter<SkipBlur, TFormat, TRows>(a.Skip, Grid.IdxX);
        else HalfBlur.Filter<DownBlur, TFormat, TRows>(a.Down, Grid.IdxX - a.SkipGroups);
    }

    private static int Groups(HalfBlurArguments skip, HalfBlurArguments down, int rows) =>
        HalfBlur.Groups(skip, rows) + HalfBlur.Groups(down, rows);
}
