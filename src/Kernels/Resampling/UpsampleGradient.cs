using Lia.Gpu.Runtime;

namespace Lia.Kernels.Resampling;

/// <summary>What the adjoint of the skip images' upsampling is passed.</summary>
internal struct UpsampleGradientArguments
{
    /// <summary>dy: planes of 2 <see cref="Height"/> x 2 <see cref="Width"/>.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Receives dx: planes of <see cref="Height"/> x <see cref="Width"/>.</summary>
    public ArrayView<float> InputGradient;

    /// <summary>Three times the frames.</summary>
    public int Planes;

    /// <summary>Extents before the upsampling.</summary>
    public int Height, Width;

    /// <summary>1: dx is added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// The adjoint of <see cref="Upsample"/>: sample i lies in the outputs 2i - 1, 2i, 2i + 1 and 2i + 2 with weights 1, 3, 3 and 1, along both
/// axes over 4. A thread takes a sample and reads 4 rows of it out of the cache. Bound by bytes: dy once, dx once, little beside the maps.
/// </summary>
internal static class UpsampleGradient
{
    public static KernelLaunch Prepare(KernelLoader loader, UpsampleGradientArguments arguments)
    {
        double samples = (double)arguments.Planes * arguments.Height * arguments.Width;
        return KernelLaunch.Create(loader, Run, KernelLaunch.Linear((long)samples), arguments, 21 * samples,
            sizeof(float) * samples * (5 + arguments.Accumulates));
    }

    public static void Run(UpsampleGradientArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX, size = a.Height * a.Width;
        int plane = index / size;
        if (plane < a.Planes)
        {
            int pixel = index - plane * size;
            int row = pixel / a.Width;
            int column = pixel - row * a.Width;
            float outer = Across(a, plane, 2 * row - 1, column) + Across(a, plane, 2 * row + 2, column);
            float inner = Across(a, plane, 2 * row, column) + Across(a, plane, 2 * row + 1, column);
            float sum = Intrinsics.Fma(inner, 3f, outer) * 0.0625f;
            a.InputGradient[index] = a.Accumulates != 0 ? a.InputGradient[index] + sum : sum;
        }
    }

    private static float Across(UpsampleGradientArguments a, int plane, int row, int column)
    {
        if (row < 0 || row >= 2 * a.Height) return 0f;
        int line = (plane * 2 * a.Height + row) * 2 * a.Width + 2 * column;
        float outer = 0f;
        if (column > 0) outer = a.OutputGradient[line - 1];
        if (column < a.Width - 1) outer += a.OutputGradient[line + 2];
        return Intrinsics.Fma(a.OutputGradient[line] + a.OutputGradient[line + 1], 3f, outer);
    }
}
