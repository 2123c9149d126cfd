using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>What the second stage of a sum is passed.</summary>
internal struct OrderedSumArguments
{
    /// <summary>Partial sums [row, part, column]; those of <see cref="Second"/> behind those of <see cref="Output"/>.</summary>
    public ArrayView<float> Partials;

    /// <summary>Receives the sums [row, column], rows <see cref="OutputStride"/> apart.</summary>
    public ArrayView<float> Output;

    /// <summary>Receives as many again, laid out the same; empty for none.</summary>
    public ArrayView<float> Second;

    public int Rows, Parts, Columns, OutputStride;

    /// <summary>Factor of a sum.</summary>
    public float Factor;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// y[r, c] (+)= factor * sum over parts of x[r, part, c], always in the same order: eight slices of a block take every eighth part, then
/// their sums are added up one after the other. A thread takes a column, so that a warp reads 128 bytes side by side. Bound by latency, and
/// by the bytes of the partial sums.
/// </summary>
internal static class OrderedSum
{
    private const int Columns = 32;
    private const int Slices = 8;

    public static KernelLaunch Prepare(KernelLoader loader, OrderedSumArguments arguments)
    {
        int rows = arguments.Rows * (arguments.Second.Length != 0 ? 2 : 1);
        Index3D grid = new((arguments.Columns + Columns - 1) / Columns, rows, 1);
        double partials = (double)rows * arguments.Parts * arguments.Columns;
        return KernelLaunch.Create(loader, Run, new KernelConfig(grid, new Index3D(Columns * Slices, 1, 1)), arguments,
            partials, sizeof(float) * partials);
    }

    public static void Run(OrderedSumArguments a)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Columns * Slices);
        int lane = Group.IdxX & (Columns - 1), slice = Group.IdxX / Columns;
        int column = Grid.IdxX * Columns + lane, row = Grid.IdxY;
        float sum = 0f;
        if (column < a.Columns)
            for (int part = slice; part < a.Parts; part += Slices) sum += a.Partials[(row * a.Parts + part) * a.Columns + column];
        shared[Group.IdxX] = sum;
        Group.Barrier();
        if (slice == 0 && column < a.Columns)
        {
            for (int other = 1; other < Slices; other++) sum += shared[other * Columns + lane];
            sum *= a.Factor;
            if (row < a.Rows)
            {
                int at = row * a.OutputStride + column;
                a.Output[at] = a.Accumulates != 0 ? a.Output[at] + sum : sum;
            }
            else
            {
                int at = (row - a.Rows) * a.OutputStride + column;
                a.Second[at] = a.Accumulates != 0 ? a.Second[at] + sum : sum;
            }
        }
    }
}
