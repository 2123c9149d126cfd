using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>One thread, one element: the function a kernel applies is the same C# method the expected values come from.</summary>
public class ElementWiseTests
{
    [TestKernel]
    internal static void Axpy(Index1D index, float factor, ArrayView<float> x, ArrayView<float> y) =>
        y[index] = factor * x[index] + y[index];

    [TestKernel]
    internal static void AxpyInSteps(float factor, ArrayView<float> x, ArrayView<float> y)
    {
        for (int i = Grid.GlobalIndex.X; i < x.IntLength; i += Grid.DimX * Group.DimX)
            y[i] = factor * x[i] + y[i];
    }

    [Theory, EveryAccelerator]
    public void An_implicitly_grouped_kernel_covers_its_extent_and_nothing_else(string device)
    {
        float[] x = RandomFloats(1000), y = RandomFloats(1000, seed: 2);
        float[] result = RunExact(device, loader =>
        {
            using var bx = loader.Allocate1D(x);
            using var by = loader.Allocate1D(y);
            loader.Load<Action<Index1D, float, ArrayView<float>, ArrayView<float>>>(Axpy)(777, 3f, bx.View, by.View);
            return by.GetAsArray1D();
        });
        for (int i = 0; i < 1000; i++)
            Assert.Equal(i < 777 ? 3f * x[i] + y[i] : y[i], result[i]);
    }

    [Theory, EveryAccelerator]
    public void A_grid_stride_loop_covers_more_elements_than_there_are_threads(string device)
    {
        float[] x = RandomFloats(1000), y = RandomFloats(1000, seed: 2);
        float[] result = RunExact(device, loader =>
        {
            using var bx = loader.Allocate1D(x);
            using var by = loader.Allocate1D(y);
            loader.Load<Action<KernelConfig, float, ArrayView<float>, ArrayView<float>>>(AxpyInSteps)((3, 64), 3f, bx.View, by.View);
            return by.GetAsArray1D();
        });
        Assert.Equal(x.Zip(y, (a, b) => 3f * a + b), result);
    }

    internal static int CollatzSteps(int number)
    {
        int steps = 0;
        while (number != 1)
        {
            number = (number & 1) == 0 ? number >> 1 : 3 * number + 1;
            steps++;
        }
        return steps;
    }

    [TestKernel]
    internal static void Collatz(Index1D index, ArrayView<int> steps) => steps[index] = CollatzSteps(index.X + 1);

    [Theory, EveryAccelerator]
    public void Lanes_that_leave_a_loop_early_wait_for_the_others(string device)
    {
        int[] result = RunExact(device, loader =>
        {
            using var steps = loader.Allocate1D<int>(300);
            loader.Load<Action<Index1D, ArrayView<int>>>(Collatz)(300, steps.View);
            return steps.GetAsArray1D();
        });
        Assert.Equal(Enumerable.Range(1, 300).Select(CollatzSteps), result);
    }

    internal static long Integers(int a, int b)
    {
        long mixed = (long)a * b + (a / b) - (a % b) + ((uint)a >> 3) - (a >> 2) + (a << 5);
        mixed ^= (uint)a / (uint)(b & 0xff | 1);
        return a > b ? mixed : -mixed + (short)a + (byte)b + (sbyte)(a ^ b) + (ushort)(a & b | ~a);
    }

    [TestKernel]
    internal static void IntegerMix(Index1D index, ArrayView<int> a, ArrayView<int> b, ArrayView<long> result) =>
        result[index] = Integers(a[index], b[index]);

    [Theory, EveryAccelerator]
    public void Integer_arithmetic_is_that_of_the_host(string device)
    {
        var random = new Random(5);
        int[] a = [.. Enumerable.Range(0, 512).Select(_ => random.Next(int.MinValue, int.MaxValue))];
        int[] b = [.. Enumerable.Range(0, 512).Select(i => i % 2 == 0 ? random.Next(1, 1000) : random.Next(int.MinValue, -1))];
        long[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(a);
            using var bb = loader.Allocate1D(b);
            using var br = loader.Allocate1D<long>(512);
            loader.Load<Action<Index1D, ArrayView<int>, ArrayView<int>, ArrayView<long>>>(IntegerMix)(512, ba.View, bb.View, br.View);
            return br.GetAsArray1D();
        });
        Assert.Equal(a.Zip(b, Integers), result);
    }

    internal static double Doubles(double a, double b) => (a * b + a) / (b * b + 1.5) - Math.Abs(a - b);

    [TestKernel]
    internal static void DoubleMix(Index1D index, ArrayView<double> a, ArrayView<double> b, ArrayView<double> result) =>
        result[index] = Doubles(a[index], b[index]);

    [Theory, EveryAccelerator]
    public void Double_arithmetic_is_that_of_the_host(string device)
    {
        double[] a = [.. RandomFloats(200).Select(x => x * 1.1)], b = [.. RandomFloats(200, 2).Select(x => x / 3.0)];
        double[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(a);
            using var bb = loader.Allocate1D(b);
            using var br = loader.Allocate1D<double>(200);
            loader.Load<Action<Index1D, ArrayView<double>, ArrayView<double>, ArrayView<double>>>(DoubleMix)(200, ba.View, bb.View,
                br.View);
            return br.GetAsArray1D();
        });
        Assert.Equal(a.Zip(b, Doubles), result);
    }

    internal static float Floats(float a, float b)
    {
        float quotient = a / (b + 2f);
        float root = XMath.Sqrt(XMath.Abs(a));
        float rounded = XMath.Floor(a * 10f) + XMath.Ceiling(b * 10f) + XMath.Round(a * 7f) + XMath.Truncate(b * 9f);
        int cut = (int)(a * 100f);
        return XMath.Max(quotient, root) + XMath.Min(rounded, cut) + Intrinsics.CopySign(XMath.Rcp(b + 3f), a)
            + Intrinsics.Fma(a, b, quotient);
    }

    [TestKernel]
    internal static void FloatMix(Index1D index, ArrayView<float> a, ArrayView<float> b, ArrayView<float> result) =>
        result[index] = Floats(a[index], b[index]);

    [Theory, EveryAccelerator]
    public void Correctly_rounded_float_functions_are_those_of_the_host(string device)
    {
        float[] a = RandomFloats(500), b = RandomFloats(500, 2);
        float[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(a);
            using var bb = loader.Allocate1D(b);
            using var br = loader.Allocate1D<float>(500);
            loader.Load<Action<Index1D, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(FloatMix)(500, ba.View, bb.View, br.View);
            return br.GetAsArray1D();
        });
        Assert.Equal(a.Zip(b, Floats), result);
    }
}
