using System.Collections.Immutable;
using Lia.Weights;

namespace Lia.Network.Graph;

/// <summary>The motion head <c>fc</c>: linear layers without activations between them, appearance code to motion code.</summary>
/// <param name="Name">The motion code in taps.</param>
/// <param name="Layers">Applied in order.</param>
internal sealed record MotionHead(string Name, ImmutableArray<LinearLayer> Layers)
{
    public static MotionHead Create(ModelArchitecture architecture)
    {
        const string Name = "enc.fc";
        const int Depth = 5;
        return new(Name, [.. Enumerable.Range(0, Depth).Select(i => new LinearLayer(
            $"{Name}.{i}", $"{Name}.{i}.weight", $"{Name}.{i}.bias", architecture.Style, i < Depth - 1 ? architecture.Style
                : architecture.Motion))]);
    }

    /// <summary>
    /// The layers as one affine map <c>alpha = A wa + b</c>, multiplied out in double. They have no activation between
    /// them, so this is the same function.
    /// </summary>
    /// <param name="weights">The checkpoint.</param>
    /// <returns>A [motion, style], row-major, and b [motion].</returns>
    public (double[] Matrix, double[] Offset) Fold(ITensorSource weights)
    {
        // From the last layer backwards: A stays [motion x .], so a fold costs motion * style² and not style³.
        LinearLayer last = Layers[^1];
        int rows = last.Outputs, columns = rows;
        double[] matrix = new double[rows * rows], offset = new double[rows];
        for (int i = 0; i < rows; i++) matrix[i * rows + i] = 1;
        foreach (LinearLayer layer in Layers.Reverse())
        {
            float[] weight = weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs);
            float[] bias = weights.ReadParameter(layer.Bias, layer.Outputs);
            double scale = layer.LrMul / Math.Sqrt(layer.Inputs);
            double[] product = new double[rows * layer.Inputs];
            (double[] factors, int inner) = (matrix, columns);
            Parallel.For(0, rows, row =>
            {
                Span<double> target = product.AsSpan(row * layer.Inputs, layer.Inputs);
                for (int k = 0; k < inner; k++)
                {
                    double factor = factors[row * inner + k];
                    offset[row] += factor * bias[k] * layer.LrMul;
                    for (int column = 0; column < target.Length; column++)
                        target[column] += factor * scale * weight[k * layer.Inputs + column];
                }
            });
            (matrix, columns) = (product, layer.Inputs);
        }
        return (matrix, offset);
    }
}
