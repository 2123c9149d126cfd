using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench;

/// <summary>
/// Products of two 4096 x 4096 matrices of random numbers, rotated through three sets of operands. Every product is spot-checked against
/// float64 sums before it is timed.
/// </summary>
internal static class MatrixProducts
{
    private const int Size = 4096;
    private const int Sets = 3;
    private const double Operations = 2.0 * Size * Size * Size;

    public static void Run(KernelLoader loader)
    {
        float[] numbers = new float[Size * Size];
        var random = new Random(1);
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = (float)Intrinsics.ToHalf((float)(2 * random.NextDouble() - 1));

        Time(loader, "fp32", numbers, SingleProduct.Load(loader), x => x, 20);
        Half[] halves = Array.ConvertAll(numbers, x => (Half)x);
        Time(loader, "fp16_wide", halves, HalfProduct.Load<WideTile>(loader), x => x, 60);
        Time(loader, "fp16_square", halves, HalfProduct.Load<SquareTile>(loader), x => x, 60);
    }

    private static void Time<T>(
        KernelLoader loader, string name, T[] numbers,
        Action<AcceleratorStream, ArrayView<T>, ArrayView<T>, ArrayView<T>, int, int, int> multiply, Func<T, float> value, int repetitions)
        where T : unmanaged
    {
        MemoryBuffer1D<T, Stride1D.Dense>[] a = Rotations(0), b = Rotations(1), c = Rotations(2);
        try
        {
            multiply(loader.Accelerator.DefaultStream, a[0].View, b[0].View, c[0].View, Size, Size, Size);
            T[] product = c[0].GetAsArray1D(), left = a[0].GetAsArray1D(), right = b[0].GetAsArray1D();
            Check(name, left, right, product, value);
            double milliseconds = Timing.Median(loader, repetitions,
                (stream, i) => multiply(stream, a[i % Sets].View, b[i % Sets].View, c[i % Sets].View, Size, Size, Size));
            Timing.Print(name, Operations / milliseconds / 1e9, "TFLOP/s");
        }
        finally
        {
            foreach (MemoryBuffer1D<T, Stride1D.Dense> buffer in a.Concat(b).Concat(c))
                buffer.Dispose();
        }

        MemoryBuffer1D<T, Stride1D.Dense>[] Rotations(int which) =>
            [.. Enumerable.Range(0, Sets)
                .Select(set => loader.Allocate1D([.. numbers[(set * 31 + which * 7)..], .. numbers[..(set * 31 + which * 7)]]))];
    }

    // Relative to the size of the sum's terms: float32 sums of 4096 products err by a few 1e-6 of it, a result rounded to half by 5e-4 of
    // itself.
    private static void Check<T>(string name, T[] a, T[] b, T[] c, Func<T, float> value)
    {
        for (int at = 0; at < 500; at++)
        {
            int i = at * 2654435 % Size, j = at * 40503 % Size;
            double sum = 0, magnitude = 0;
            for (int k = 0; k < Size; k++)
            {
                double term = (double)value(a[i * Size + k]) * value(b[k * Size + j]);
                sum += term;
                magnitude += Math.Abs(term);
            }
            double result = value(c[i * Size + j]);
            if (!(Math.Abs(result - sum) <= 1e-5 * magnitude + 5e-4 * Math.Abs(sum)))
                throw new InvalidOperationException($"{name}: C[{i},{j}] is {result}, not {sum}");
        }
    }
}
