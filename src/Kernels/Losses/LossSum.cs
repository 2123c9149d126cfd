using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What the sum of a loss is passed.</summary>
internal struct LossSumArguments
{
    /// <summary>Shares of the loss, all of the view.</summary>
    public ArrayView<double> Partials;

    /// <summary>Receives their sum [1].</summary>
    public ArrayView<float> Value;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// The second stage of a loss: value (+)= the sum of what the blocks of the first left, of one loss or of several whose shares lie side by
/// side. One block, doubles, always the same order. Nothing bounds it but the launch.
/// </summary>
internal static class LossSum
{
    private const int Warps = 8;

    public static KernelLaunch Prepare(KernelLoader loader, LossSumArguments arguments) =>
        KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(1), new Index1D(32 * Warps)), arguments,
            bytes: arguments.Partials.LengthInBytes);

    public static void Run(LossSumArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        double sum = 0.0;
        for (int i = Group.IdxX; i < a.Partials.IntLength; i += 32 * Warps) sum += a.Partials[i];
        sum = BlockSum.Of(sum, shared, Warps);
        if (Group.IdxX == 0) a.Value[0] = a.Accumulates != 0 ? a.Value[0] + (float)sum : (float)sum;
    }
}
