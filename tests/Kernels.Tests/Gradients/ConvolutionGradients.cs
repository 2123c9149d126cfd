namespace Lia.Kernels.Tests.Gradients;

/// <summary>
/// The gradients of a convolution straight from its definition, in float64. Everything is a sum over the same triples: tap (i, j) of
/// output pixel (y, x) meets input pixel (y stride - padding + i, ...); of a transposed one, input pixel (y, x) meets output pixel
/// (2 y + i, ...).
/// </summary>
internal static class ConvolutionGradients
{
    /// <summary>Gradient of the input [n, c, height, width] of EqualConv2d with <paramref name="weight"/> [o, c, k, k].</summary>
    public static Tensor OfInput(
        Tensor gradient, Tensor weight, int height, int width, int stride = 1, int padding = 0, bool transposed = false)
    {
        int k = weight.Width;
        double scale = 1 / Math.Sqrt(weight.Channels * k * k);
        return Tensor.Create(gradient.Batch, weight.Channels, height, width, (n, c, y, x) =>
        {
            double sum = 0;
            for (int i = 0; i < k; i++)
            {
                for (int j = 0; j < k; j++)
                {
                    int top = transposed ? 2 * y + i : y + padding - i, left = transposed ? 2 * x + j : x + padding - j;
                    if (!transposed && (top < 0 || left < 0 || top % stride != 0 || left % stride != 0)) continue;
                    int row = transposed ? top : top / stride, column = transposed ? left : left / stride;
                    for (int o = 0; o < weight.Batch; o++) sum += (double)gradient.At(n, o, row, column) * weight[o, c, i, j];
                }
            }
            return sum * scale;
        });
    }

    /// <summary>Gradient of the weights [o, c, k, k] of a convolution that multiplies them by <paramref name="scale"/>.</summary>
    public static Tensor OfWeight(
        Tensor x, Tensor gradient, int kernel, double scale, int stride = 1, int padding = 0, bool transposed = false) =>
        Tensor.Create(gradient.Channels, x.Channels, kernel, kernel, (o, c, i, j) =>
        {
            Tensor over = transposed ? x : gradient;
            double sum = 0;
            for (int n = 0; n < x.Batch; n++)
            {
                for (int row = 0; row < over.Height; row++)
                {
                    for (int column = 0; column < over.Width; column++)
                    {
                        sum += transposed
                            ? (double)x[n, c, row, column] * gradient[n, o, 2 * row + i, 2 * column + j]
                            : (double)x.At(n, c, row * stride - padding + i, column * stride - padding + j) * gradient[n, o, row, column];
                    }
                }
            }
            return sum * scale;
        });

    /// <summary>What 1 / sqrt(c k k) is for weights [o, c, k, k].</summary>
    public static float Scale(Tensor weight) => (float)(1 / Math.Sqrt(weight.Channels * weight.Height * weight.Width));

    /// <summary>The gradient before sqrt(2) * leaky_relu(., 0.2), whose result is <paramref name="output"/>.</summary>
    public static Tensor BeforeActivation(Tensor output, Tensor gradient) => Tensor.Create(
        output.Batch, output.Channels, output.Height, output.Width,
        (n, c, y, x) => gradient[n, c, y, x] * Math.Sqrt(2) * (output[n, c, y, x] < 0 ? 0.2 : 1));
}
