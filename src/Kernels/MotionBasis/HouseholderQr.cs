using Lia.Gpu.Runtime;

namespace Lia.Kernels.MotionBasis;

/// <summary>What the factorization is passed.</summary>
internal struct HouseholderQrArguments
{
    /// <summary>The direction matrix [row, column].</summary>
    public ArrayView<float> Input;

    /// <summary>Workspace [column, row]: becomes the reflectors v_k.</summary>
    public ArrayView<double> Reflectors;

    /// <summary>Workspace [column]: becomes 2 / v'v.</summary>
    public ArrayView<double> Factors;

    /// <summary>Workspace [column, row].</summary>
    public ArrayView<double> Basis;

    /// <summary>Receives Q [row, column].</summary>
    public ArrayView<float> Output;

    public int Rows, Columns;

    /// <summary>Added to every element first, in float32 as the official program does.</summary>
    public float Offset;
}

/// <summary>
/// The motion basis: Q of the reduced QR factorization of (direction + 1e-8), with LAPACK's signs, in double. One block:
/// <code>
///     for k = 0, 1 ...:  x = rest of column k,  R_kk = -sign(x0) |x|,  v_k = x - R_kk e_0,  H_k = I - 2 v v' / v'v
///
///         columns:  0  1 ..  k | k+1 .. n-1
///                   reflectors |  one warp a column: column -= 2 v (v . column) / v'v        then a barrier
///
///     Q's columns e_j: one warp a column applies H_(n-1) ... H_0, no barrier needed
/// </code>
/// A column that is already zero below the diagonal is left alone (H = I), as dlarfg does. Runs once per model; bound by latency (about n
/// barriers).
/// </summary>
internal static class HouseholderQr
{
    private const int Warps = 16;

    /// <summary>Elements of double workspace: <see cref="HouseholderQrArguments.Reflectors"/>, Basis and Factors.</summary>
    public static long WorkspaceLength(int rows, int columns) => 2L * rows * columns + columns;

    public static KernelLaunch Prepare(KernelLoader loader, HouseholderQrArguments arguments) =>
        KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(1), new Index1D(32 * Warps)), arguments);

    public static void Run(HouseholderQrArguments a)
    {
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        for (int i = Group.IdxX; i < a.Rows * a.Columns; i += 32 * Warps)
        {
            int row = i / a.Columns, column = i - row * a.Columns;
            a.Reflectors[column * a.Rows + row] = a.Input[i] + a.Offset;
        }
        Group.Barrier();
        for (int k = 0; k < a.Columns; k++)
        {
            int start = k * a.Rows;
            if (warp == 0) MakeReflector(a, k, start, lane);
            Group.Barrier();
            for (int column = k + 1 + warp; column < a.Columns; column += Warps)
                Reflect(a.Reflectors, start, a.Factors[k], a.Reflectors, column * a.Rows, k, a.Rows, lane);
            Group.Barrier();
        }
        for (int column = warp; column < a.Columns; column += Warps)
        {
            int start = column * a.Rows;
            for (int row = lane; row < a.Rows; row += 32) a.Basis[start + row] = row == column ? 1.0 : 0.0;
            // A lane meets only the rows it wrote itself.
            for (int k = a.Columns - 1; k >= 0; k--)
                Reflect(a.Reflectors, k * a.Rows, a.Factors[k], a.Basis, start, 0, a.Rows, lane);
            for (int row = lane; row < a.Rows; row += 32) a.Output[row * a.Columns + column] = (float)a.Basis[start + row];
        }
    }

    // v_k from column k in place, zeros above it, and 2 / v'v. Lane l owns the rows l, l + 32 ... throughout.
    private static void MakeReflector(HouseholderQrArguments a, int k, int start, int lane)
    {
        double below = 0.0, diagonal = 0.0;
        for (int row = lane; row < a.Rows; row += 32)
        {
            double x = a.Reflectors[start + row];
            if (row > k) below += x * x;
            if (row == k) diagonal = x;
            if (row < k) a.Reflectors[start + row] = 0.0;
        }
        below = WarpSum.Of(below);
        diagonal = WarpSum.Of(diagonal);
        double norm = Sqrt(below + diagonal * diagonal);
        double head = diagonal < 0.0 ? diagonal - norm : diagonal + norm;
        if (lane == (k & 31)) a.Reflectors[start + k] = head;
        if (lane == 0) a.Factors[k] = below == 0.0 ? 0.0 : 2.0 / (below + head * head);
    }

    // column -= 2 v (v . column) / v'v. Rows before `first` are zeros of v: those in its block of 32 change nothing, and a check would keep
    // the loads of a lane apart.
    private static void Reflect(
        ArrayView<double> reflectors, int reflector, double factor, ArrayView<double> matrix, int column, int first, int rows, int lane)
    {
        double product = 0.0;
        int start = (first & ~31) + lane;
        for (int row = start; row < rows; row += 32)
            product = Intrinsics.Fma(reflectors[reflector + row], matrix[column + row], product);
        double scale = -factor * WarpSum.Of(product);
        for (int row = start; row < rows; row += 32)
            matrix[column + row] = Intrinsics.Fma(scale, reflectors[reflector + row], matrix[column + row]);
    }

    // No double square root is correctly rounded everywhere: Newton's iteration from the float one, three corrections, is correct to the
    // last bit or two.
    private static double Sqrt(double value)
    {
        if (value == 0.0) return 0.0;
        double root = XMath.Sqrt((float)value);
        root = 0.5 * (root + value / root);
        root = 0.5 * (root + value / root);
        return 0.5 * (root + value / root);
    }
}
