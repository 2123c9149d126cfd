using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Linear;
using Lia.Kernels.MotionBasis;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>The motion basis as it is learned: factorization, displacement, and back to the direction matrix.</summary>
public class QrGradientTests
{
    private sealed record Trained(float[] Displacement, float[] CodeGradient, float[] MatrixGradient);

    /// <summary>Q of the matrix, Q alpha, and the gradients of alpha and the matrix from that of the displacement.</summary>
    private static Trained Train(
        KernelLoader loader, float[] matrix, int rows, int columns, float[] codes, float[] gradient, float offset, float[]? before = null)
    {
        using DeviceScope scope = new(loader);
        int frames = codes.Length / columns, size = rows * columns;
        ArrayView<double> workspace = scope.Allocate<double>(HouseholderQr.WorkspaceLength(rows, columns));
        HouseholderQrArguments basis = new()
        {
            Input = scope.Upload(matrix),
            Reflectors = workspace.SubView(0, size),
            Basis = workspace.SubView(size, size),
            Factors = workspace.SubView(2 * size, columns),
            Output = scope.Allocate<float>(size),
            Rows = rows,
            Columns = columns,
            Offset = offset,
        };
        ScaledLinearArguments displacement = new()
        {
            Layer = new()
            {
                Input = scope.Upload(codes),
                Weights = basis.Output,
                Output = scope.Allocate<float>(frames * rows),
                Frames = frames,
                Inputs = columns,
                Outputs = rows,
                InputStride = columns,
            },
            Scale = 1,
        };
        LinearGradientArguments product = new()
        {
            Input = displacement.Layer.Input,
            OutputGradient = scope.Upload(gradient),
            Weights = basis.Output,
            InputGradient = scope.Allocate<float>(codes.Length),
            WeightGradient = scope.Allocate<float>(size),
            Workspace = scope.Allocate<float>(Math.Max(1, LinearGradient.WorkspaceLength(frames, columns, rows))),
            Frames = frames,
            Inputs = columns,
            Outputs = rows,
            InputStride = columns,
            OutputGradientStride = rows,
            InputGradientStride = columns,
            Scale = 1,
        };
        QrGradientArguments back = new()
        {
            Input = basis.Input,
            Basis = basis.Basis,
            BasisGradient = product.WeightGradient,
            Workspace = scope.Allocate<double>(QrGradient.WorkspaceLength(rows, columns)),
            Gradient = before == null ? scope.Allocate<float>(size) : scope.Upload(before),
            Rows = rows,
            Columns = columns,
            Offset = offset,
            Accumulates = before == null ? 0 : 1,
        };
        scope.Run(HouseholderQr.Prepare(loader, basis), LinearKernel.PrepareScaled(loader, displacement));
        scope.Run(LinearGradient.Prepare(loader, product));
        scope.Run(QrGradient.Prepare(loader, back));
        return new(scope.Download(displacement.Layer.Output), scope.Download(product.InputGradient), scope.Download(back.Gradient));
    }

    // The factorization takes a minute on ILGPU's processor accelerator (LinearTests); the small one below runs there.
    [Theory, EveryEngine(OnProcessor = false)]
    public void The_motion_basis_is_learned_as_the_official_one(string device)
    {
        Tensor codes = TrainOps.Read("direction.in0");
        Trained actual = Run(device, a => Train(
            a, TrainOps.Read("direction.w.weight").Values, 512, 20, codes.Values, TrainOps.Read("direction.ct0").Values, 1e-8f));
        Near.Equal(TrainOps.Read("direction.out0").Values, actual.Displacement);
        Near.Equal(TrainOps.Read("direction.grad.in0").Values, actual.CodeGradient);
        Near.Equal(TrainOps.Read("direction.grad.w.weight").Values, actual.MatrixGradient);
    }

    [Theory, EveryEngine]
    public void Its_gradient_is_the_limit_of_differences(string device)
    {
        const int Rows = 5, Columns = 3, Frames = 2;
        const float Offset = 0.125f;
        float[] matrix = RandomFloats(Rows * Columns, 1), codes = RandomFloats(Frames * Columns, 2),
            gradient = RandomFloats(Frames * Rows, 3), before = RandomFloats(Rows * Columns, 4);
        float[] expected = new float[matrix.Length];
        const double Step = 1e-5;
        for (int i = 0; i < matrix.Length; i++) expected[i] = (float)(before[i] + (Told(i, Step) - Told(i, -Step)) / (2 * Step));
        Trained actual = Run(device, a => Train(a, matrix, Rows, Columns, codes, gradient, Offset, before));
        Near.Equal(expected, actual.MatrixGradient, 1e-6);

        // <Q alpha, gradient> of a matrix with one element moved.
        double Told(int moved, double by)
        {
            double[,] q = Basis(i => matrix[i] + Offset + (i == moved ? by : 0));
            double sum = 0;
            for (int f = 0; f < Frames; f++)
                for (int row = 0; row < Rows; row++)
                    for (int k = 0; k < Columns; k++) sum += (double)gradient[f * Rows + row] * q[row, k] * codes[f * Columns + k];
            return sum;
        }

        // Gram-Schmidt in double; LAPACK's sign of a column is minus that of the diagonal's rest, which a small step does not change.
        static double[,] Basis(Func<int, double> matrix)
        {
            double[,] q = new double[Rows, Columns], rest = new double[Rows, Columns];
            for (int row = 0; row < Rows; row++)
                for (int k = 0; k < Columns; k++) rest[row, k] = matrix(row * Columns + k);
            for (int k = 0; k < Columns; k++)
            {
                double[] v = [.. Enumerable.Range(0, Rows).Select(row => row < k ? 0 : rest[row, k])];
                double norm = Math.Sqrt(v.Sum(x => x * x));
                v[k] += v[k] < 0 ? -norm : norm;
                double factor = 2 / v.Sum(x => x * x);
                for (int column = k; column < Columns; column++)
                {
                    double dot = factor * Enumerable.Range(0, Rows).Sum(row => v[row] * rest[row, column]);
                    for (int row = 0; row < Rows; row++) rest[row, column] -= dot * v[row];
                }
            }
            // rest is R: Q = A R^-1.
            for (int row = 0; row < Rows; row++)
                for (int k = 0; k < Columns; k++)
                {
                    double x = matrix(row * Columns + k);
                    for (int j = 0; j < k; j++) x -= q[row, j] * rest[j, k];
                    q[row, k] = x / rest[k, k];
                }
            return q;
        }
    }
}
