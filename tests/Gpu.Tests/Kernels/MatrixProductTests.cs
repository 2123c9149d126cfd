using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>
/// The kernels the benchmark times, at the smallest sizes that exercise their pipelines. Small integers make every sum exact.
/// </summary>
public class MatrixProductTests
{
    [Theory, EveryAccelerator]
    public void The_vector_copy_copies_every_element_up_to_the_last(string device)
    {
        Float4[] source = [.. RandomFloats(2500).Select((x, i) => new Float4(x, i, -x, 2 * i))];
        Float4[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(source);
            using var output = loader.Allocate1D<Float4>(source.Length);
            VectorCopy.Load(loader)(loader.Accelerator.DefaultStream, input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(source, result);
    }

    [Theory, EveryAccelerator]
    public void The_single_precision_product_is_exact_on_integers(string device) =>
        ProductIs(device, 256, 128, 48, x => x, SingleProduct.Load);

    [Theory, EveryAccelerator]
    public void The_half_precision_product_by_four_warps_is_exact_on_integers(string device) =>
        ProductIs(device, 128, 256, 320, x => (Half)x, HalfProduct.Load<SquareTile>);

    [Theory, EveryAccelerator]
    public void The_half_precision_product_by_eight_warps_is_exact_on_integers(string device) =>
        ProductIs(device, 128, 256, 128, x => (Half)x, HalfProduct.Load<WideTile>);

    private static void ProductIs<T>(
        string device, int m, int n, int k, Func<float, T> convert,
        Func<KernelLoader, Action<AcceleratorStream, ArrayView<T>, ArrayView<T>, ArrayView<T>, int, int, int>> load)
        where T : unmanaged
    {
        // Products below 9 and at most 320 of them: a sum below 2048 in magnitude is exact in half precision too.
        float[] a = RandomIntegers(m * k, 2), b = RandomIntegers(k * n, 3, seed: 2);
        T[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(Array.ConvertAll(a, x => convert(x)));
            using var bb = loader.Allocate1D(Array.ConvertAll(b, x => convert(x)));
            using var bc = loader.Allocate1D<T>(m * n);
            load(loader)(loader.Accelerator.DefaultStream, ba.View, bb.View, bc.View, m, n, k);
            return bc.GetAsArray1D();
        });
        Assert.Equal(Array.ConvertAll(TensorCoreTests.Product(a, b, m, n, k), x => convert(x)), result);
    }
}
