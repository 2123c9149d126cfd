using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>What is filled.</summary>
internal struct FillArguments
{
    /// <summary>Receives <see cref="Value"/> everywhere.</summary>
    public ArrayView<float> Output;

    public float Value;
}

/// <summary>y[i] = value. A thread takes a float; bound by 4 bytes each.</summary>
internal static class Fill
{
    public static KernelLaunch Prepare(KernelLoader loader, ArrayView<float> output, float value = 0) =>
        KernelLaunch.Create(loader, Run, KernelLaunch.Linear(output.Length), new FillArguments { Output = output, Value = value },
            bytes: sizeof(float) * (double)output.Length);

    public static void Run(FillArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        if (index < a.Output.Length) a.Output[index] = a.Value;
    }
}
