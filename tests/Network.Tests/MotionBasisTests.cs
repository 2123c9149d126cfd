namespace Lia.Network.Tests;

/// <summary>The QR factorisation of the motion directions.</summary>
public class MotionBasisTests
{
    private const int Rows = 40, Columns = 12;

    [Fact]
    public void Columns_are_orthonormal_and_span_the_input_with_LAPACKs_signs()
    {
        double[] a = Matrix(1);
        double[] q = MotionBasis.HouseholderQ([.. a], Rows, Columns);
        for (int i = 0; i < Columns; i++)
        {
            for (int j = 0; j < Columns; j++) Assert.Equal(i == j ? 1 : 0, Product(q, i, q, j), 1e-14);
        }
        // R = Qᵀ A is upper triangular and Q R = A.
        for (int k = 0; k < Columns; k++)
        {
            for (int j = 0; j < k; j++) Assert.Equal(0, Product(q, k, a, j), 1e-13);
            for (int row = 0; row < Rows; row++)
                Assert.Equal(a[row * Columns + k], Enumerable.Range(0, k + 1).Sum(i => q[row * Columns + i] * Product(q, i, a, k)), 1e-13);
        }
        // The first reflection maps column 0 onto -sign(a00) ‖a0‖.
        Assert.Equal(-Math.Sign(a[0]), Math.Sign(Product(q, 0, a, 0)));
    }

    [Theory]
    [InlineData(2.0, -1)]
    [InlineData(-2.0, 1)]
    [InlineData(0.0, -1)] // sign(0) = +.
    public void The_diagonal_has_the_sign_opposite_to_the_first_element(double first, int sign)
    {
        double[] a = Matrix(2);
        a[0] = first;
        double[] q = MotionBasis.HouseholderQ([.. a], Rows, Columns);
        Assert.Equal(sign, Math.Sign(Product(q, 0, a, 0)));
    }

    [Fact]
    public void A_column_that_is_clear_already_is_left_alone()
    {
        // LAPACK's dlarfg takes H = I when nothing is to be cleared, so the sign stays.
        double[] q = MotionBasis.HouseholderQ([3, 1, 0, 2, 0, 2], 3, 2);
        Assert.Equal(1, q[0]);
        Assert.Equal(0, q[2]);
        Assert.Equal(0, q[4]);
        Assert.Equal(-Math.Sqrt(0.5), q[3], 1e-15);
    }

    [Fact]
    public void Dependent_columns_still_give_an_orthonormal_basis()
    {
        double[] a = Matrix(3);
        for (int row = 0; row < Rows; row++) a[row * Columns + 1] = a[row * Columns];
        double[] q = MotionBasis.HouseholderQ(a, Rows, Columns);
        Assert.Equal(1, Product(q, 1, q, 1), 1e-14);
        Assert.Equal(0, Product(q, 0, q, 1), 1e-14);
    }

    private static double[] Matrix(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, Rows * Columns).Select(_ => random.NextDouble() - 0.5)];
    }

    private static double Product(double[] a, int i, double[] b, int j) =>
        Enumerable.Range(0, Rows).Sum(row => a[row * Columns + i] * b[row * Columns + j]);
}
