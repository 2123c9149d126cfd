namespace Lia.Tests.Evaluation;

/// <summary>LPIPS on AlexNet in float64, one sum at a time.</summary>
internal static class PlainLpips
{
    public static double Distance(IReadOnlyDictionary<string, (int[] Shape, float[] Values)> weights, RgbImage a, RgbImage b)
    {
        double[,,] x = Input(a), y = Input(b);
        double distance = 0;
        (string Layer, int Stride, int Padding, bool IsPooled)[] layers = [("0", 4, 2, false), ("3", 1, 2, true), ("6", 1, 1, true),
            ("8", 1, 1, false), ("10", 1, 1, false)];
        for (int i = 0; i < layers.Length; i++)
        {
            (string layer, int stride, int padding, bool isPooled) = layers[i];
            if (isPooled) (x, y) = (Pool(x), Pool(y));
            (int[] shape, float[] filters) = weights[$"features.{layer}.weight"];
            float[] bias = weights[$"features.{layer}.bias"].Values, linear = weights[$"lin{i}.model.1.weight"].Values;
            (x, y) = (Convolve(x, filters, shape, bias, stride, padding), Convolve(y, filters, shape, bias, stride, padding));
            double sum = 0;
            for (int r = 0; r < x.GetLength(1); r++)
            {
                for (int s = 0; s < x.GetLength(2); s++)
                {
                    double lengthX = Length(x, r, s), lengthY = Length(y, r, s);
                    for (int c = 0; c < x.GetLength(0); c++)
                        sum += linear[c] * Math.Pow(x[c, r, s] / (lengthX + 1e-10) - y[c, r, s] / (lengthY + 1e-10), 2);
                }
            }
            distance += sum / (x.GetLength(1) * x.GetLength(2));
        }
        return distance;
    }

    private static double Length(double[,,] x, int r, int s) =>
        Math.Sqrt(Enumerable.Range(0, x.GetLength(0)).Sum(c => x[c, r, s] * x[c, r, s]));

    private static double[,,] Input(RgbImage image)
    {
        // Rounded to float32, as in tools/lpips-golden/make.py.
        float[] shift = [-0.030f, -0.088f, -0.188f], scale = [0.458f, 0.448f, 0.450f];
        return Make(3, image.Height, image.Width, (c, y, x) =>
            (image.Pixels[3 * (y * image.Width + x) + c] / 255.0 * 2 - 1 - shift[c]) / scale[c]);
    }

    private static double[,,] Convolve(double[,,] input, float[] filters, int[] shape, float[] bias, int stride, int padding)
    {
        int kernel = shape[2];
        return Make(shape[0], (input.GetLength(1) + 2 * padding - kernel) / stride + 1,
            (input.GetLength(2) + 2 * padding - kernel) / stride + 1, (o, y, x) =>
        {
            double sum = bias[o];
            for (int c = 0; c < shape[1]; c++)
            {
                for (int i = 0; i < kernel; i++)
                {
                    for (int j = 0; j < kernel; j++)
                    {
                        int row = y * stride - padding + i, column = x * stride - padding + j;
                        if (row >= 0 && row < input.GetLength(1) && column >= 0 && column < input.GetLength(2))
                            sum += filters[((o * shape[1] + c) * kernel + i) * kernel + j] * input[c, row, column];
                    }
                }
            }
            return Math.Max(0, sum);
        });
    }

    private static double[,,] Pool(double[,,] input) =>
        Make(input.GetLength(0), (input.GetLength(1) - 3) / 2 + 1, (input.GetLength(2) - 3) / 2 + 1, (c, y, x) =>
            Enumerable.Range(0, 9).Max(i => input[c, 2 * y + i / 3, 2 * x + i % 3]));

    private static double[,,] Make(int channels, int height, int width, Func<int, int, int, double> value)
    {
        double[,,] made = new double[channels, height, width];
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    made[c, y, x] = value(c, y, x);
        return made;
    }
}
