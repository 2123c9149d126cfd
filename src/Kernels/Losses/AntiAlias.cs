using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What a level of the pyramid is passed.</summary>
internal struct AntiAliasArguments
{
    /// <summary>Forward: x, planar [image, row, column]; colors of a picture are images of their own.</summary>
    public ArrayView<float> Input;

    /// <summary>Forward: receives y [image, ceil(row / factor), ceil(column / factor)].</summary>
    public ArrayView<float> Output;

    /// <summary>Backward: the gradient of y.</summary>
    public ArrayView<float> OutputGradient;

    /// <summary>Backward: receives the gradient of x.</summary>
    public ArrayView<float> Gradient;

    /// <summary>The Gaussian along one axis: <see cref="AntiAlias.Taps"/>.</summary>
    public ArrayView<float> Taps;

    /// <summary>Images: 3 a picture. Rows and columns of x.</summary>
    public int Images, Height, Width;

    /// <summary>2, 4 or 8: the scale is 1 / factor.</summary>
    public int Factor;

    /// <summary>Backward, 1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// A level of the anti-aliased pyramid and its adjoint: y[Y, X] = sum over i, j of g[i] g[j] x[F Y + i - r, F X + j - r], zero outside,
/// with g a Gaussian of deviation (F - 1) / 2 over 2 r + 1 taps (5, 13 and 29 of F = 2, 4 and 8), of sum 1.
/// <code>
///     a block: 256 / F outputs of a row        down:   a thread a column of x, 2 r + 1 rows, neighbors side by side
///                                              across: from shared memory, a thread an output
///
///     adjoint, a thread a pixel of x:          dx[y, x] (+)= sum over the 16 outputs at most whose window it lies in
/// </code>
/// Bound by bytes: x is read (2 r + 1) / F times, some four, mostly out of the cache (13 MB for 16 pictures at 256).
/// </summary>
internal static class AntiAlias
{
    private const int Threads = 256;
    private const int LargestFactor = 8;
    private const int LargestRadius = 14;

    /// <summary>Extent of a level of a picture of that extent.</summary>
    public static int LevelSize(int size, int factor) => (size + factor - 1) / factor;

    /// <summary>The Gaussian of a factor, normalized, rounded from double.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The factor is none of 2, 4 and 8.</exception>
    public static float[] Taps(int factor)
    {
        if (factor is not (2 or 4 or LargestFactor))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, "The pyramid's factors are 2, 4 and 8.");
        double deviation = (factor - 1) / 2.0;
        int radius = Radius(factor);
        double[] taps = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(i => Math.Exp(-i * i / (2 * deviation * deviation)))];
        double sum = taps.Sum();
        return [.. taps.Select(tap => (float)(tap / sum))];
    }

    /// <summary>x to y.</summary>
    public static KernelLaunch Prepare(KernelLoader loader, AntiAliasArguments arguments)
    {
        (int height, int width) = Check(arguments);
        int outputs = Threads / arguments.Factor;
        Index3D grid = new((width + outputs - 1) / outputs, height, arguments.Images);
        double pixels = (double)arguments.Images * arguments.Height * arguments.Width;
        return KernelLaunch.Create(loader, Run, new KernelConfig(grid, new Index3D(Threads, 1, 1)), arguments,
            2 * pixels * arguments.Taps.Length / arguments.Factor,
            sizeof(float) * (pixels + (double)arguments.Images * height * width));
    }

    /// <summary>The gradient of y to that of x.</summary>
    public static KernelLaunch PrepareGradient(KernelLoader loader, AntiAliasArguments arguments)
    {
        (int height, int width) = Check(arguments);
        double pixels = (double)arguments.Images * arguments.Height * arguments.Width;
        return KernelLaunch.Create(loader, RunGradient, KernelLaunch.Linear((long)pixels), arguments,
            bytes: sizeof(float) * ((1 + arguments.Accumulates) * pixels + (double)arguments.Images * height * width));
    }

    public static void Run(AntiAliasArguments a)
    {
        ArrayView<float> columns = SharedMemory.Allocate<float>(Threads + 2 * LargestRadius);
        int radius = a.Taps.IntLength >> 1, outputs = Threads / a.Factor, width = (a.Width + a.Factor - 1) / a.Factor;
        int firstRow = Grid.IdxY * a.Factor - radius, firstColumn = Grid.IdxX * Threads - radius, plane = Grid.IdxZ * a.Height * a.Width;
        int from = IntrinsicMath.Max(0, -firstRow), to = IntrinsicMath.Min(2 * radius + 1, a.Height - firstRow);
        for (int i = Group.IdxX; i < Threads + 2 * radius; i += Threads)
        {
            int column = firstColumn + i;
            float sum = 0f;
            if (column >= 0 && column < a.Width)
            {
                for (int tap = from; tap < to; tap++)
                    sum = Intrinsics.Fma(a.Taps[tap], a.Input[plane + (firstRow + tap) * a.Width + column], sum);
            }
            columns[i] = sum;
        }
        Group.Barrier();
        int output = Grid.IdxX * outputs + Group.IdxX;
        if (Group.IdxX < outputs && output < width)
        {
            float sum = 0f;
            for (int tap = 0; tap <= 2 * radius; tap++)
                sum = Intrinsics.Fma(a.Taps[tap], columns[Group.IdxX * a.Factor + tap], sum);
            a.Output[(Grid.IdxZ * Grid.DimY + Grid.IdxY) * width + output] = sum;
        }
    }

    public static void RunGradient(AntiAliasArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX;
        int line = index / a.Width;
        int image = line / a.Height;
        if (image < a.Images)
        {
            int column = index - line * a.Width, row = line - image * a.Height, radius = a.Taps.IntLength >> 1;
            int height = (a.Height + a.Factor - 1) / a.Factor, width = (a.Width + a.Factor - 1) / a.Factor;
            int firstX = IntrinsicMath.Max(0, column - radius + a.Factor - 1) / a.Factor;
            int lastX = IntrinsicMath.Min(width - 1, (column + radius) / a.Factor);
            int firstY = IntrinsicMath.Max(0, row - radius + a.Factor - 1) / a.Factor;
            int lastY = IntrinsicMath.Min(height - 1, (row + radius) / a.Factor);
            float sum = 0f;
            for (int y = firstY; y <= lastY; y++)
            {
                float across = 0f;
                for (int x = firstX; x <= lastX; x++)
                {
                    across = Intrinsics.Fma(
                        a.Taps[column - x * a.Factor + radius], a.OutputGradient[(image * height + y) * width + x], across);
                }
                sum = Intrinsics.Fma(a.Taps[row - y * a.Factor + radius], across, sum);
            }
            a.Gradient[index] = a.Accumulates != 0 ? a.Gradient[index] + sum : sum;
        }
    }

    // 2 round(4 deviation) + 1 taps: four deviations on each side.
    private static int Radius(int factor) => 2 * (factor - 1);

    private static (int Height, int Width) Check(AntiAliasArguments a)
    {
        if (a.Taps.Length != 2 * Radius(a.Factor) + 1)
        {
            throw new ArgumentException(
                $"The Gaussian of factor {a.Factor} has {2 * Radius(a.Factor) + 1} taps, not {a.Taps.Length}.");
        }
        return (LevelSize(a.Height, a.Factor), LevelSize(a.Width, a.Factor));
    }
}
