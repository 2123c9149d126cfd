using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Gpu.Tests;
using Lia.Kernels.Linear;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>Weights divided by their largest singular value.</summary>
public class SpectralNormTests
{
    private const int Gap = 3; // between two weights, where biases lie

    /// <summary>Against the definition in double, of several weights at once, there and back: by differences, u and v fixed.</summary>
    [Theory, EveryEngine]
    public void Weights_and_gradients_are_those_of_the_definition(string device)
    {
        (int Outputs, int Inputs)[] shapes = [(5, 12), (40, 600), (1, 7)];
        int length = shapes.Sum(shape => shape.Outputs * shape.Inputs + Gap);
        float[] values = RandomFloats(length, 1), gradients = RandomFloats(length, 2), lefts = RandomFloats(46, 3);
        List<SpectralRow> rows = [];
        (int at, int left, int right) = (0, 0, 0);
        foreach ((int outputs, int inputs) in shapes)
        {
            rows.Add(new() { Weight = at, Outputs = outputs, Inputs = inputs, Left = left, Right = right });
            (at, left, right) = (at + outputs * inputs + Gap, left + outputs, right + inputs);
        }
        (float[] normalized, float[] back, float[] next, float[] norms) = Run(device, a =>
        {
            using DeviceScope scope = new(a);
            SpectralNormArguments arguments = new()
            {
                Values = scope.Upload(values),
                Normalized = scope.Upload([.. Enumerable.Repeat(9f, length)]),
                Gradients = scope.Upload(gradients),
                Lefts = scope.Upload(lefts),
                Rights = scope.Allocate<float>(right),
                Norms = scope.Allocate<float>(shapes.Length),
                Rows = scope.Upload(rows.ToArray()),
            };
            scope.Run(SpectralNorm.Prepare(a, arguments), SpectralNorm.PrepareGradient(a, arguments));
            return (scope.Download(arguments.Normalized), scope.Download(arguments.Gradients), scope.Download(arguments.Lefts),
                scope.Download(arguments.Norms));
        });
        for (int index = 0; index < rows.Count; index++)
        {
            SpectralRow row = rows[index];
            int count = row.Outputs * row.Inputs;
            double[] w = [.. values.Skip(row.Weight).Take(count).Select(value => (double)value)];
            double[] v = Unit([.. Enumerable.Range(0, row.Inputs).Select(i =>
                Enumerable.Range(0, row.Outputs).Sum(o => w[o * row.Inputs + i] * lefts[row.Left + o]))]);
            double[] u = Unit([.. Enumerable.Range(0, row.Outputs).Select(o => Dot(o, w))]);
            double sigma = Sigma(w);
            Near.Equal([(float)sigma], [norms[index]], 1e-6);
            Near.Equal([.. u.Select(value => (float)value)], next.AsSpan(row.Left, row.Outputs), 2e-6);
            Near.Equal([.. Divided(w).Select(value => (float)value)], normalized.AsSpan(row.Weight, count), 1e-6);
            // In random directions: <dWn, change of Wn> is <dW, change of W>.
            for (int seed = 0; seed < 4; seed++)
            {
                const double Step = 1e-5;
                float[] direction = RandomFloats(count, 10 + seed);
                double[] up = Divided([.. w.Select((value, i) => value + Step * direction[i])]);
                double[] down = Divided([.. w.Select((value, i) => value - Step * direction[i])]);
                double expected = Enumerable.Range(0, count).Sum(i => gradients[row.Weight + i] * (up[i] - down[i])) / (2 * Step);
                double actual = Enumerable.Range(0, count).Sum(i => (double)back[row.Weight + i] * direction[i]);
                double scale = Math.Sqrt(Enumerable.Range(0, count).Sum(i => (double)back[row.Weight + i] * back[row.Weight + i]));
                Assert.Equal(expected, actual, 1e-5 * scale);
            }
            // What lies behind it is not its own.
            Assert.Equal([9f, 9f, 9f], normalized.AsSpan(row.Weight + count, Gap));
            Assert.Equal(gradients.AsSpan(row.Weight + count, Gap), back.AsSpan(row.Weight + count, Gap));

            double Dot(int output, double[] weight) =>
                Enumerable.Range(0, row.Inputs).Sum(i => weight[output * row.Inputs + i] * v[i]);

            double Sigma(double[] weight) => Enumerable.Range(0, row.Outputs).Sum(o => u[o] * Dot(o, weight));

            double[] Divided(double[] weight)
            {
                double norm = Sigma(weight);
                return [.. weight.Select(value => value * Math.Sqrt(row.Inputs) / norm)];
            }
        }
    }

    private static double[] Unit(double[] vector)
    {
        double length = Math.Sqrt(vector.Sum(value => value * value));
        return [.. vector.Select(value => value / length)];
    }
}
