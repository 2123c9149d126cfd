using System.Numerics;
using System.Runtime.InteropServices;

namespace Lia.Media.Measures;

/// <summary>SSIM and MS-SSIM of pictures of one size (<see cref="Lia.Evaluation.ImageMetrics"/> says what they are). Keeps its buffers;
/// used by one thread at a time.</summary>
internal sealed class StructuralSimilarity
{
    /// <summary>Side of the Gaussian window.</summary>
    public const int Window = 11;

    private const double Sigma = 1.5, Range = 255, C1 = 0.01 * Range * (0.01 * Range), C2 = 0.03 * Range * (0.03 * Range);
    private const int Moments = 4; // local means of a, b, a² + b² and a b

    private static readonly double[] Taps = Gaussian();
    private static readonly double[] ScaleWeights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

    private readonly int _width, _height, _scales;
    private readonly double[] _a, _b, _filtered, _line;

    public StructuralSimilarity(int width, int height)
    {
        (_width, _height, _scales) = (width, height, Scales(width, height));
        (_a, _b) = (new double[width * height], new double[width * height]);
        _filtered = new double[Moments * width * height];
        _line = new double[Moments * width];
    }

    /// <summary>How often the window still fits after halving.</summary>
    public static int Scales(int width, int height)
    {
        int scales = 0;
        for (int side = Math.Min(width, height); side >= Window && scales < ScaleWeights.Length; side /= 2) scales++;
        return scales;
    }

    public (double Ssim, double MsSsim) Compare(RgbImage a, RgbImage b)
    {
        double ssim = 0, multi = 0, weights = ScaleWeights[.._scales].Sum();
        for (int color = 0; color < 3; color++)
        {
            for (int i = 0; i < _a.Length; i++) (_a[i], _b[i]) = (a.Pixels[3 * i + color], b.Pixels[3 * i + color]);
            double product = 1;
            int width = _width, height = _height;
            for (int scale = 0; scale < _scales; scale++)
            {
                if (scale > 0)
                {
                    Halve(_a, width, height);
                    Halve(_b, width, height);
                    (width, height) = (width / 2, height / 2);
                }
                (double similarity, double structure) = Means(width, height);
                if (scale == 0) ssim += similarity;
                product *= Math.Pow(Math.Max(0, scale == _scales - 1 ? similarity : structure), ScaleWeights[scale] / weights);
            }
            multi += product;
        }
        return (ssim / 3, multi / 3);
    }

    /// <summary>Means over all windows of the similarity, and of its contrast and structure term alone.</summary>
    private (double Similarity, double Structure) Means(int width, int height)
    {
        int columns = width - Window + 1, rows = height - Window + 1;
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<double> a = _a.AsSpan(y * width, width), b = _b.AsSpan(y * width, width);
            Span<double> squares = _line.AsSpan(0, width), products = _line.AsSpan(width, width);
            for (int x = 0; x < width; x++) (squares[x], products[x]) = (a[x] * a[x] + b[x] * b[x], a[x] * b[x]);
            Blur(a, 1, Filtered(0, y));
            Blur(b, 1, Filtered(1, y));
            Blur(squares, 1, Filtered(2, y));
            Blur(products, 1, Filtered(3, y));
        }
        double similarity = 0, structure = 0;
        for (int y = 0; y < rows; y++)
        {
            for (int moment = 0; moment < Moments; moment++)
                Blur(_filtered.AsSpan((moment * height + y) * columns, Window * columns), columns, _line.AsSpan(moment * columns, columns));
            for (int x = 0; x < columns; x++)
            {
                double meanA = _line[x], meanB = _line[columns + x], squared = meanA * meanA + meanB * meanB, product = meanA * meanB;
                double term = (2 * (_line[3 * columns + x] - product) + C2) / (_line[2 * columns + x] - squared + C2);
                structure += term;
                similarity += (2 * product + C1) / (squared + C1) * term;
            }
        }
        double count = (double)rows * columns;
        return (similarity / count, structure / count);

        Span<double> Filtered(int moment, int y) => _filtered.AsSpan((moment * height + y) * columns, columns);
    }

    /// <summary><c>to[x] = sum over k of Taps[k] from[x + k step]</c>.</summary>
    private static void Blur(ReadOnlySpan<double> from, int step, Span<double> to)
    {
        to.Clear();
        for (int k = 0; k < Window; k++)
        {
            double tap = Taps[k];
            ReadOnlySpan<double> shifted = from.Slice(k * step, to.Length);
            Span<Vector<double>> sums = MemoryMarshal.Cast<double, Vector<double>>(to);
            ReadOnlySpan<Vector<double>> values = MemoryMarshal.Cast<double, Vector<double>>(shifted);
            for (int i = 0; i < sums.Length; i++) sums[i] += tap * values[i];
            for (int x = sums.Length * Vector<double>.Count; x < to.Length; x++) to[x] += tap * shifted[x];
        }
    }

    /// <summary>Averages pixels 2x2, in place.</summary>
    private static void Halve(double[] plane, int width, int height)
    {
        int columns = width / 2, rows = height / 2;
        for (int y = 0; y < rows; y++)
        {
            int above = 2 * y * width, below = above + width;
            for (int x = 0; x < columns; x++)
                plane[y * columns + x] = (plane[above + 2 * x] + plane[above + 2 * x + 1] + plane[below + 2 * x]
                    + plane[below + 2 * x + 1]) / 4;
        }
    }

    private static double[] Gaussian()
    {
        double[] taps = [.. Enumerable.Range(0, Window).Select(k => Math.Exp(-(k - Window / 2) * (k - Window / 2) / (2 * Sigma * Sigma)))];
        double sum = taps.Sum();
        return [.. taps.Select(tap => tap / sum)];
    }
}
