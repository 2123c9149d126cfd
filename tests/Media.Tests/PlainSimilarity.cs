namespace Lia.Tests.Evaluation;

/// <summary>SSIM and MS-SSIM as the papers define them, window by window with its own means, variances and covariance.</summary>
internal static class PlainSimilarity
{
    private static readonly double[] Weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

    public static double Ssim(RgbImage a, RgbImage b) =>
        Enumerable.Range(0, 3).Average(color => Means(Plane(a, color), Plane(b, color)).Ssim);

    public static double MsSsim(RgbImage a, RgbImage b) =>
        Enumerable.Range(0, 3).Average(color => MsSsim(Plane(a, color), Plane(b, color)));

    private static double MsSsim(double[,] a, double[,] b)
    {
        List<(double Ssim, double Structure)> scales = [];
        for (; Math.Min(a.GetLength(0), a.GetLength(1)) >= 11 && scales.Count < 5; (a, b) = (Half(a), Half(b))) scales.Add(Means(a, b));
        double sum = Weights.Take(scales.Count).Sum(), product = 1;
        for (int i = 0; i < scales.Count; i++)
            product *= Math.Pow(Math.Max(0, i == scales.Count - 1 ? scales[i].Ssim : scales[i].Structure), Weights[i] / sum);
        return product;
    }

    private static (double Ssim, double Structure) Means(double[,] a, double[,] b)
    {
        double[,] window = new double[11, 11];
        double total = 0, similarity = 0, structure = 0;
        for (int i = 0; i < 11; i++)
            for (int j = 0; j < 11; j++)
                total += window[i, j] = Math.Exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
        int rows = a.GetLength(0) - 10, columns = a.GetLength(1) - 10;
        for (int y = 0; y < rows; y++)
        {
            for (int x = 0; x < columns; x++)
            {
                double meanA = 0, meanB = 0, varianceA = 0, varianceB = 0, covariance = 0;
                for (int i = 0; i < 11; i++)
                    for (int j = 0; j < 11; j++)
                        (meanA, meanB) = (meanA + window[i, j] / total * a[y + i, x + j], meanB + window[i, j] / total * b[y + i, x + j]);
                for (int i = 0; i < 11; i++)
                {
                    for (int j = 0; j < 11; j++)
                    {
                        double weight = window[i, j] / total, offA = a[y + i, x + j] - meanA, offB = b[y + i, x + j] - meanB;
                        (varianceA, varianceB, covariance) = (varianceA + weight * offA * offA, varianceB + weight * offB * offB,
                            covariance + weight * offA * offB);
                    }
                }
                double c1 = Math.Pow(0.01 * 255, 2), c2 = Math.Pow(0.03 * 255, 2);
                double term = (2 * covariance + c2) / (varianceA + varianceB + c2);
                structure += term;
                similarity += term * (2 * meanA * meanB + c1) / (meanA * meanA + meanB * meanB + c1);
            }
        }
        return (similarity / (rows * columns), structure / (rows * columns));
    }

    private static double[,] Half(double[,] plane)
    {
        double[,] half = new double[plane.GetLength(0) / 2, plane.GetLength(1) / 2];
        for (int y = 0; y < half.GetLength(0); y++)
            for (int x = 0; x < half.GetLength(1); x++)
                half[y, x] = (plane[2 * y, 2 * x] + plane[2 * y, 2 * x + 1] + plane[2 * y + 1, 2 * x] + plane[2 * y + 1, 2 * x + 1]) / 4;
        return half;
    }

    private static double[,] Plane(RgbImage image, int color)
    {
        double[,] plane = new double[image.Height, image.Width];
        for (int y = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++)
                plane[y, x] = image.Pixels[3 * (y * image.Width + x) + color];
        return plane;
    }
}
