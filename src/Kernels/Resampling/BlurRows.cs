using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>Output rows that a thread of a blur makes, at compile time.</summary>
internal interface IBlurRows
{
    int Rows { get; }
}

/// <summary>Many pictures: each row is read 1.4 times.</summary>
internal readonly struct EightRows : IBlurRows
{
    public const int Count = 8;

    public int Rows => Count;
}

/// <summary>Few pictures: each row is read 2.5 times, from the cache, and a thread's chain of loads is less than half as long.</summary>
internal readonly struct TwoRows : IBlurRows
{
    public const int Count = 2;

    public int Rows => Count;
}

/// <summary>How many rows suit a launch.</summary>
internal static class BlurRows
{
    /// <summary>
    /// Two where all threads are on the device at once even so, give or take a quarter: what a launch takes is then as long as a thread
    /// takes. Eight where they would come in turns: then what is read twice counts.
    /// </summary>
    /// <param name="loader">The device.</param>
    /// <param name="parts">Halves of a value.</param>
    /// <param name="groups">Groups of the launch with so many rows a thread.</param>
    public static int Choose(KernelLoader loader, int parts, Func<int, int> groups) =>
        4 * groups(TwoRows.Count) <= 5 * Places(loader, parts) ? TwoRows.Count : EightRows.Count;

    /// <summary>Groups of a blur that the device holds at once.</summary>
    public static int Places(KernelLoader loader, int parts) =>
        loader.Properties.Multiprocessors * (parts == 1 ? HalfBlur.GroupsOfHalves : HalfBlur.GroupsOfPairs);
}
