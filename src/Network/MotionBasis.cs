using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network;

/// <summary>The orthonormal basis Q [style, motion] of the linear motion decomposition.</summary>
/// <remarks>
/// Q is the reduced QR factor of <c>dec.direction.weight + 1e-8</c>. A QR factorization is unique only up to the signs of Q's columns; the
/// network was trained with LAPACK's, so these are reproduced: step k takes x, the rest of column k, and reflects it onto
/// <c>R_kk = -sign(x[0]) ‖x‖</c> with <c>sign(0) = +</c> (Golub and Van Loan, Matrix Computations, 5.2; LAPACK dgeqrf and dorgqr).
/// </remarks>
public sealed class MotionBasis
{
    private readonly float[] _q;

    internal MotionBasis(float[] q, int style, int motion) => (_q, Style, Motion) = (q, style, motion);

    /// <summary>Number of rows.</summary>
    public int Style { get; }

    /// <summary>Number of columns: the motion directions.</summary>
    public int Motion { get; }

    /// <summary>Q, row-major [style, motion].</summary>
    public ReadOnlySpan<float> Q => _q;

    /// <summary>Factors a direction matrix.</summary>
    /// <param name="direction">[style, motion], row-major, at least as many rows as columns.</param>
    /// <param name="style">Rows.</param>
    /// <param name="motion">Columns.</param>
    internal static MotionBasis Factor(ReadOnlySpan<float> direction, int style, int motion)
    {
        // The official program adds 1e-8 in float32.
        double[] a = new double[style * motion];
        for (int i = 0; i < a.Length; i++) a[i] = direction[i] + 1e-8f;
        double[] q = HouseholderQ(a, style, motion);
        return new([.. q.Select(value => (float)value)], style, motion);
    }

    /// <summary>The basis of a checkpoint.</summary>
    internal static MotionBasis Load(LiaGraph graph, ITensorSource weights)
    {
        int style = graph.Architecture.Style, motion = graph.Architecture.Motion;
        return Factor(weights.ReadParameter(graph.Direction, style, motion), style, motion);
    }

    /// <summary>Adds Q times a motion code to a vector.</summary>
    /// <param name="alpha">[motion].</param>
    /// <param name="target">[style], added to.</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void AddTo(ReadOnlySpan<float> alpha, Span<float> target)
    {
        if (alpha.Length != Motion) throw new ArgumentException($"A motion code has {Motion} values, not {alpha.Length}.", nameof(alpha));
        if (target.Length != Style) throw new ArgumentException($"A latent has {Style} values, not {target.Length}.", nameof(target));
        for (int row = 0; row < Style; row++)
        {
            double sum = 0;
            for (int column = 0; column < Motion; column++) sum += (double)_q[row * Motion + column] * alpha[column];
            target[row] = (float)(target[row] + sum);
        }
    }

    /// <summary>
    /// The first <paramref name="columns"/> columns of H_0 H_1 ..., with H_k the reflection that clears column k of <paramref name="a"/>.
    /// </summary>
    /// <param name="a">[rows, columns], row-major; destroyed.</param>
    /// <param name="rows">Rows, at least as many as columns.</param>
    /// <param name="columns">Columns.</param>
    internal static double[] HouseholderQ(double[] a, int rows, int columns)
    {
        double[][] reflectors = new double[columns][];
        for (int k = 0; k < columns; k++)
        {
            double[] v = new double[rows]; // Zero above row k.
            double square = 0;
            for (int i = k; i < rows; i++)
            {
                v[i] = a[i * columns + k];
                square += v[i] * v[i];
            }
            double norm = Math.Sqrt(square);
            // dlarfg leaves a column alone whose rest is already zero below the diagonal: H = I, R_kk = x[0].
            bool isClear = square - v[k] * v[k] == 0 && !v.AsSpan(k + 1).ContainsAnyExcept(0.0);
            if (isClear) Array.Clear(v);
            else v[k] += v[k] < 0 ? -norm : norm;
            reflectors[k] = v;
            for (int column = k; column < columns; column++) Reflect(v, a, rows, columns, column, k);
        }
        double[] q = new double[rows * columns];
        for (int k = 0; k < columns; k++) q[k * columns + k] = 1;
        for (int k = columns - 1; k >= 0; k--)
        {
            for (int column = k; column < columns; column++) Reflect(reflectors[k], q, rows, columns, column, k);
        }
        return q;
    }

    /// <summary>column -= 2 v (v·column) / (v·v).</summary>
    private static void Reflect(double[] v, double[] matrix, int rows, int columns, int column, int first)
    {
        double product = 0, square = 0;
        for (int i = first; i < rows; i++)
        {
            product += v[i] * matrix[i * columns + column];
            square += v[i] * v[i];
        }
        if (square == 0) return;
        double factor = 2 * product / square;
        for (int i = first; i < rows; i++) matrix[i * columns + column] -= factor * v[i];
    }
}
