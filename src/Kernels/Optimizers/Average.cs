using Lia.Gpu.Runtime;

namespace Lia.Kernels.Optimizers;

/// <summary>What the moving average is passed: flat buffers of equal length that start at multiples of 16 bytes.</summary>
internal struct AverageArguments
{
    /// <summary>a.</summary>
    public ArrayView<float> Averages;

    /// <summary>w.</summary>
    public ArrayView<float> Parameters;

    /// <summary>1 - decay [1], in device memory, so that a captured graph is replayed with another.</summary>
    public ArrayView<float> Share;
}

/// <summary>
/// The moving average of parameters: a += (1 - decay) (w - a). A share of 1 copies to the bit. A thread takes four neighbors. Bound by 12
/// bytes a parameter.
/// </summary>
internal static class Average
{
    /// <exception cref="ArgumentException">The buffers are of different lengths.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, AverageArguments arguments)
    {
        long length = arguments.Averages.Length;
        if (arguments.Parameters.Length != length)
            throw new ArgumentException($"Averages ({length}) and parameters ({arguments.Parameters.Length}) are of different lengths.");
        return KernelLaunch.Create(loader, Run, KernelLaunch.Linear((length + 3) / 4), arguments, bytes: 3.0 * sizeof(float) * length);
    }

    public static void Run(AverageArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX, length = a.Averages.IntLength;
        float share = a.Share[0];
        if (4 * index + 3 < length)
        {
            Float4 average = a.Averages.Cast<Float4>()[index], w = a.Parameters.Cast<Float4>()[index];
            a.Averages.Cast<Float4>()[index] = new(
                Mixed(average.X, w.X, share), Mixed(average.Y, w.Y, share), Mixed(average.Z, w.Z, share), Mixed(average.W, w.W, share));
        }
        else
        {
            for (int i = 4 * index; i < length; i++) a.Averages[i] = Mixed(a.Averages[i], a.Parameters[i], share);
        }
    }

    // From the nearer end, as torch.lerp: exact at both.
    private static float Mixed(float average, float w, float share) => share < 0.5f
        ? Intrinsics.Fma(share, w - average, average) : Intrinsics.Fma(share - 1f, w - average, w);
}
