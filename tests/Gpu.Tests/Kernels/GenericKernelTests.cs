using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>Kernels over struct type parameters, whose members are compile-time constants and inlined functions.</summary>
public class GenericKernelTests
{
    internal interface IShape
    {
        int Taps { get; }

        float Weight(int tap);
    }

    internal readonly struct Binomial3 : IShape
    {
        public int Taps => 3;

        public float Weight(int tap) => tap == 1 ? 0.5f : 0.25f;
    }

    internal readonly struct Ramp5 : IShape
    {
        public int Taps => 5;

        public float Weight(int tap) => tap * 0.125f;
    }

    [TestKernel(75, typeof(Binomial3))]
    [TestKernel(75, typeof(Ramp5))]
    internal static void Filter<TShape>(Index1D index, ArrayView<float> source, ArrayView<float> target) where TShape : struct, IShape
    {
        TShape shape = default;
        ArrayView<float> window = LocalMemory.Allocate<float>(default(TShape).Taps);
        for (int tap = 0; tap < shape.Taps; tap++)
            window[tap] = source[index + tap];
        float sum = 0f;
        for (int tap = 0; tap < shape.Taps; tap++)
            sum += window[tap] * shape.Weight(tap);
        target[index] = sum;
    }

    [Theory, EveryAccelerator]
    public void A_struct_parameter_sets_the_number_and_weights_of_a_filters_taps(string device)
    {
        FilterIs<Binomial3>(device);
        FilterIs<Ramp5>(device);
    }

    private static void FilterIs<TShape>(string device) where TShape : struct, IShape
    {
        TShape shape = default;
        float[] source = RandomIntegers(200, 50);
        int n = 200 - shape.Taps + 1;
        float[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(source);
            using var output = loader.Allocate1D<float>(n);
            loader.Load<Action<Index1D, ArrayView<float>, ArrayView<float>>>(Filter<TShape>)(n, input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(Enumerable.Range(0, n)
            .Select(i => Enumerable.Range(0, shape.Taps).Sum(tap => source[i + tap] * shape.Weight(tap))), result);
    }

    internal interface IOperator
    {
        float Apply(float a, float b);
    }

    internal readonly struct Adder : IOperator
    {
        public float Apply(float a, float b) => a + b;
    }

    internal readonly struct Largest : IOperator
    {
        public float Apply(float a, float b) => XMath.Max(a, b);
    }

    internal struct Pair<T> where T : unmanaged
    {
        public ArrayView<T> First;
        public ArrayView<T> Second;
        public int Count;
    }

    [TestKernel(75, typeof(Adder))]
    [TestKernel(75, typeof(Largest))]
    internal static void Combine<TOperator>(Pair<float> pair, ArrayView<float> result) where TOperator : struct, IOperator
    {
        int i = Grid.GlobalIndex.X;
        if (i < pair.Count)
            result[i] = default(TOperator).Apply(pair.First[i], pair.Second[i]);
    }

    [Theory, EveryAccelerator]
    public void A_struct_of_views_is_one_argument(string device)
    {
        float[] a = RandomFloats(100), b = RandomFloats(100, 2);
        float[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(a);
            using var bb = loader.Allocate1D(b);
            using var sums = loader.Allocate1D<float>(100);
            using var maxima = loader.Allocate1D<float>(100);
            var pair = new Pair<float> { First = ba.View, Second = bb.View, Count = 100 };
            loader.Load<Action<KernelConfig, Pair<float>, ArrayView<float>>>(Combine<Adder>)((4, 32), pair, sums.View);
            loader.Load<Action<KernelConfig, Pair<float>, ArrayView<float>>>(Combine<Largest>)((4, 32), pair, maxima.View);
            return (float[])[.. sums.GetAsArray1D(), .. maxima.GetAsArray1D()];
        });
        Assert.Equal([.. a.Zip(b, (x, y) => x + y), .. a.Zip(b, MathF.Max)], result);
    }
}
