using System.Text.Json;
using Lia.Gpu;
using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Runtime;

namespace Lia.Bench;

/// <summary>What a device reaches: the ceilings that kernels are compared with.</summary>
/// <param name="Tensor">TFLOP/s of fp16 products with float32 sums.</param>
/// <param name="Single">TFLOP/s of float32 products.</param>
/// <param name="Memory">GB/s read and written by a copy.</param>
/// <param name="Origin">Where the figures come from.</param>
internal sealed record Peaks(double Tensor, double Single, double Memory, string Origin)
{
    /// <summary>
    /// Those of a file that <c>pytorch-cuda.py</c> wrote, or measured with our own products (<c>bench/Lia.Gpu.Bench</c>), which are below
    /// cuBLAS's.
    /// </summary>
    public static Peaks Of(KernelLoader loader, string? pytorch)
    {
        if (pytorch is not null)
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(pytorch));
            JsonElement peaks = document.RootElement.GetProperty("peaks");
            return new(peaks.GetProperty("fp16").GetDouble(), peaks.GetProperty("fp32").GetDouble(), peaks.GetProperty("copy")
                .GetDouble(), $"{Path.GetFileName(pytorch)} (cuBLAS)");
        }
        Half[] halves = new Half[ProductSize * ProductSize];
        float[] singles = new float[halves.Length];
        Random random = new(1);
        for (int i = 0; i < halves.Length; i++) halves[i] = Intrinsics.ToHalf(singles[i] = random.NextSingle() - 0.5f);
        return new(
            Math.Max(Product(loader, halves, HalfProduct.Load<WideTile>(loader)),
                Product(loader, halves, HalfProduct.Load<SquareTile>(loader))),
            Product(loader, singles, SingleProduct.Load(loader)), Copy(loader), "our own products and copy");
    }

    private const int ProductSize = 4096, Repetitions = 20;

    private static double Product<T>(
        KernelLoader loader, T[] numbers, Action<AcceleratorStream, ArrayView<T>, ArrayView<T>, ArrayView<T>, int, int, int> multiply)
            where T : unmanaged
    {
        using MemoryBuffer1D<T, Stride1D.Dense> a =
            loader.Allocate1D(numbers), b = loader.Allocate1D(numbers), c = loader.Allocate1D<T>(numbers.Length);
        AcceleratorStream stream = loader.Accelerator.DefaultStream;
        double milliseconds = DeviceTiming.Runs(loader, stream,
            () => multiply(stream, a.View, b.View, c.View, ProductSize, ProductSize, ProductSize), Repetitions).Median();
        return 2.0 * ProductSize * ProductSize * ProductSize / milliseconds / 1e9;
    }

    private static double Copy(KernelLoader loader)
    {
        long bytes = 20L * loader.Properties.L2Bytes / 16 * 16;
        using MemoryBuffer1D<Float4, Stride1D.Dense> source =
            loader.Allocate1D<Float4>(bytes / 16), target = loader.Allocate1D<Float4>(bytes / 16);
        AcceleratorStream stream = loader.Accelerator.DefaultStream;
        Action<AcceleratorStream, ArrayView<Float4>, ArrayView<Float4>> copy = VectorCopy.Load(loader);
        return 2 * bytes / DeviceTiming.Runs(loader, stream, () => copy(stream, source.View, target.View), Repetitions).Median() / 1e6;
    }
}
