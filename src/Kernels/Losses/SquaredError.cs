using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What the squared error is passed.</summary>
internal struct SquaredErrorArguments
{
    /// <summary>a.</summary>
    public ArrayView<float> Values;

    /// <summary>b, as many; those that are no numbers count nowhere.</summary>
    public ArrayView<float> Targets;

    /// <summary>Receives the gradient of a, zero where b is no number; may be <see cref="Values"/>' own view.</summary>
    public ArrayView<float> Gradient;

    /// <summary>A factor of the gradient [1], in device memory, so that a captured graph is replayed with another.</summary>
    public ArrayView<float> Guide;

    /// <summary>Receives the mean [1], without factors; zero where nothing counts.</summary>
    public ArrayView<float> Value;

    /// <summary>Another factor of the gradient.</summary>
    public float Scale;
}

/// <summary>
/// mean((a - b)^2) over the n of b that are numbers, and its gradient 2 / n Scale Guide (a - b). Values are numbers told of pictures, some
/// thousand: one block, squares summed in double in a fixed order. Bound by the launch.
/// </summary>
internal static class SquaredError
{
    private const int Warps = 8;

    public static KernelLaunch Prepare(KernelLoader loader, SquaredErrorArguments arguments) =>
        KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(1), new Index1D(32 * Warps)), arguments,
            bytes: 5.0 * arguments.Values.LengthInBytes);

    public static void Run(SquaredErrorArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        double sum = 0.0, count = 0.0;
        for (int i = Group.IdxX; i < a.Values.IntLength; i += 32 * Warps)
        {
            float target = a.Targets[i];
            if (!float.IsNaN(target))
            {
                double error = a.Values[i] - target;
                sum += error * error;
                count += 1.0;
            }
        }
        sum = BlockSum.Of(sum, shared, Warps);
        Group.Barrier();
        count = BlockSum.Of(count, shared, Warps);
        double share = count > 0.0 ? 1.0 / count : 0.0;
        float factor = (float)(2.0 * a.Scale * share) * a.Guide[0];
        for (int i = Group.IdxX; i < a.Values.IntLength; i += 32 * Warps)
        {
            float target = a.Targets[i], gradient = 0f;
            if (!float.IsNaN(target)) gradient = factor * (a.Values[i] - target);
            a.Gradient[i] = gradient;
        }
        if (Group.IdxX == 0) a.Value[0] = (float)(sum * share);
    }
}
