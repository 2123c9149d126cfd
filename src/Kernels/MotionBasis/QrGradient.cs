using Lia.Gpu.Runtime;

namespace Lia.Kernels.MotionBasis;

/// <summary>What the gradient of the factorization is passed.</summary>
internal struct QrGradientArguments
{
    /// <summary>The direction matrix [row, column], as <see cref="HouseholderQr"/> was given it.</summary>
    public ArrayView<float> Input;

    /// <summary>Q [column, row]: <see cref="HouseholderQrArguments.Basis"/> as the factorization left it.</summary>
    public ArrayView<double> Basis;

    /// <summary>dQ [row, column].</summary>
    public ArrayView<float> BasisGradient;

    /// <summary>Room: <see cref="QrGradient.WorkspaceLength"/>.</summary>
    public ArrayView<double> Workspace;

    /// <summary>Receives the gradient of the direction matrix [row, column].</summary>
    public ArrayView<float> Gradient;

    public int Rows, Columns;

    /// <summary>What the factorization added to every element.</summary>
    public float Offset;

    /// <summary>1: added to what is there.</summary>
    public int Accumulates;
}

/// <summary>
/// Gradient of the motion basis, A = Q R reduced, with respect to A when R goes nowhere; in double, as the factorization:
/// <code>
///     R  = Q' A                         upper triangular, n x n
///     N  = copyltu(-dQ' Q)              the lower triangle, diagonal included, mirrored to the upper
///     dA = (dQ + Q N) R^-T              row by row: x R' = b, from the last column back
///
///     launch 1: a thread an element of R and N, n^2 sums over the rows        launch 2: a thread a row of dA
/// </code>
/// A basis of dependent columns (R_kk = 0) has no gradient and gives no numbers. Runs once a step; bound by latency, some tens of
/// microseconds for 512 x 20.
/// </summary>
internal static class QrGradient
{
    private const int Threads = 32;

    /// <summary>Doubles of workspace.</summary>
    public static long WorkspaceLength(int rows, int columns) => 2L * columns * columns + (long)rows * columns;

    /// <summary>The launches, in their order.</summary>
    public static KernelLaunch[] Prepare(KernelLoader loader, QrGradientArguments arguments) =>
    [
        PrepareProducts(loader, arguments),
        KernelLaunch.Create(loader, RunRows, KernelLaunch.Linear(arguments.Rows, Threads), arguments),
    ];

    /// <summary>The first of them alone.</summary>
    public static KernelLaunch PrepareProducts(KernelLoader loader, QrGradientArguments arguments) =>
        KernelLaunch.Create(loader, RunProducts, KernelLaunch.Linear(arguments.Columns * arguments.Columns, Threads), arguments);

    public static void RunProducts(QrGradientArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX, squared = a.Columns * a.Columns;
        if (index < squared)
        {
            int i = index / a.Columns;
            int j = index - i * a.Columns, lower = IntrinsicMath.Max(i, j), upper = IntrinsicMath.Min(i, j);
            double product = 0.0, gradient = 0.0;
            for (int row = 0; row < a.Rows; row++)
            {
                product = Intrinsics.Fma(a.Basis[i * a.Rows + row], a.Input[row * a.Columns + j] + a.Offset, product);
                gradient = Intrinsics.Fma(a.BasisGradient[row * a.Columns + lower], a.Basis[upper * a.Rows + row], gradient);
            }
            a.Workspace[index] = product;
            a.Workspace[squared + index] = -gradient;
        }
    }

    public static void RunRows(QrGradientArguments a)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX, squared = a.Columns * a.Columns;
        if (row < a.Rows)
        {
            // x, the row of dA in double, column by column from the last; a thread meets only its own.
            ArrayView<double> solved = a.Workspace.SubView(2 * squared);
            for (int j = a.Columns - 1; j >= 0; j--)
            {
                double x = a.BasisGradient[row * a.Columns + j];
                for (int k = 0; k < a.Columns; k++)
                    x = Intrinsics.Fma(a.Basis[k * a.Rows + row], a.Workspace[squared + k * a.Columns + j], x);
                for (int k = j + 1; k < a.Columns; k++)
                    x = Intrinsics.Fma(-solved[k * a.Rows + row], a.Workspace[j * a.Columns + k], x);
                x /= a.Workspace[j * a.Columns + j];
                solved[j * a.Rows + row] = x;
                int at = row * a.Columns + j;
                a.Gradient[at] = a.Accumulates != 0 ? a.Gradient[at] + (float)x : (float)x;
            }
        }
    }
}
