using Lia.Gpu.Runtime;
using Lia.Gpu.Tests.Kernels;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Runtime;

/// <summary>
/// Arguments arrive as they were passed, whatever their number, size and alignment, and impossible launches are refused in words.
/// </summary>
public class LauncherTests
{
    internal struct Mixed
    {
        public byte Small;
        public double Wide;
        public Half Narrow;
        public int Whole;
    }

    [TestKernel]
    internal static void Twelve(
        ArrayView<double> result, byte a, double b, sbyte c, long d, short e, float f, Half g, Mixed h, ushort i, uint j, ulong k)
    {
        result[0] = a;
        result[1] = b;
        result[2] = c;
        result[3] = d;
        result[4] = e;
        result[5] = f;
        result[6] = (float)g;
        result[7] = h.Small;
        result[8] = h.Wide;
        result[9] = (float)h.Narrow;
        result[10] = h.Whole;
        result[11] = i;
        result[12] = j;
        result[13] = k;
    }

    [Theory, EveryAccelerator]
    public void Twelve_arguments_of_every_size_keep_their_values(string device)
    {
        double[] result = RunExact(device, loader =>
        {
            using var output = loader.Allocate1D<double>(14);
            var launch =
                loader.Load<Action<
                    KernelConfig, ArrayView<double>, byte, double, sbyte, long, short, float, Half, Mixed, ushort, uint, ulong>>(Twelve);
            var mixed = new Mixed { Small = 200, Wide = -1.5, Narrow = (Half)0.5f, Whole = -7 };
            launch((1, 1), output.View, 250, Math.PI, -3, long.MinValue + 1024, -30000, 1.25f, (Half)3f, mixed, 65000, 4000000000,
                1UL << 60);
            return output.GetAsArray1D();
        });
        Assert.Equal([250, Math.PI, -3, long.MinValue + 1024, -30000, 1.25, 3, 200, -1.5, 0.5, -7, 65000, 4000000000, 1UL << 60], result);
    }

    [TestKernel]
    internal static void Shape(ArrayView<int> result)
    {
        if (Grid.IdxX == Grid.DimX - 1 && Grid.IdxY == Grid.DimY - 1 && Grid.IdxZ == Grid.DimZ - 1
            && Group.LinearIndex == Group.DimX * Group.DimY * Group.DimZ - 1)
        {
            result[0] = Grid.DimX;
            result[1] = Grid.DimY;
            result[2] = Grid.DimZ;
            result[3] = Group.DimX;
            result[4] = Group.DimY;
            result[5] = Group.DimZ;
            result[6] = Grid.GlobalIndex.Y;
        }
    }

    [Theory, EveryAccelerator]
    public void Grids_and_groups_have_three_dimensions(string device)
    {
        int[] result = RunExact(device, loader =>
        {
            using var output = loader.Allocate1D<int>(7);
            loader.Load<Action<KernelConfig, ArrayView<int>>>(Shape)((new Index3D(2, 3, 4), new Index3D(5, 6, 7)), output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal([2, 3, 4, 5, 6, 7, 17], result);
    }

    [TestKernel]
    internal static void Mark(Index1D index, ArrayView<int> target, int value) => target[index] = value;

    [Theory, EveryAccelerator]
    public void An_empty_extent_launches_nothing_and_a_negative_one_is_refused(string device)
    {
        int[] result = Run(device, loader =>
        {
            using var buffer = loader.Allocate1D([5]);
            var mark = loader.Load<Action<Index1D, ArrayView<int>, int>>(Mark);
            mark(0, buffer.View, 9);
            Assert.Throws<ArgumentOutOfRangeException>(() => mark(-1, buffer.View, 9));
            return buffer.GetAsArray1D();
        });
        Assert.Equal([5], result);
    }

    [Theory]
    [EveryAccelerator]
    public void An_empty_grid_or_too_large_a_group_is_refused_with_the_limits(string device)
    {
        Run(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(7);
            var shape = loader.Load<Action<KernelConfig, ArrayView<int>>>(Shape);
            Assert.Contains("grid (0, 1, 1)", Assert.Throws<ArgumentException>(() => shape((0, 32), buffer.View)).Message);
            Assert.Contains("a group has 1 to 1024 threads", Assert.Throws<ArgumentException>(() => shape((1, 1025), buffer.View)).Message);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_kernel_loaded_the_wrong_way_says_the_right_one(string device)
    {
        Run(device, loader =>
        {
            Assert.Contains("its launcher takes an Index1D",
                Assert.Throws<ArgumentException>(() => loader.Load<Action<KernelConfig, Index1D, ArrayView<int>, int>>(Mark)).Message);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_stream_of_another_accelerator_is_refused(string device)
    {
        using var other = PtxEmulator.EmulatorAccelerator.CreateLoader();
        Run(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(1);
            var mark = loader.Load<Action<AcceleratorStream, Index1D, ArrayView<int>, int>>(Mark);
            Assert.Contains("the stream is of",
                Assert.Throws<ArgumentException>(() => mark(other.Accelerator.DefaultStream, 1, buffer.View, 1)).Message);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_kernel_is_loaded_once(string device)
    {
        Run(device, loader =>
        {
            Action<Index1D, ArrayView<int>, int> kernel = Mark;
            Assert.Same(loader.Load(kernel.Method), loader.Load(kernel.Method));
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_launch_allocates_nothing_on_the_host(string device)
    {
        long allocated = Run(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(1);
            var mark = loader.Load<Action<AcceleratorStream, Index1D, ArrayView<int>, int>>(Mark);
            ArrayView<int> view = buffer.View;
            int threads = device == CudaName ? 1 : 0; // an extent of none runs the launcher without the emulator, which allocates
            AcceleratorStream stream = loader.Accelerator.DefaultStream;
            for (int i = 0; i < 100; i++)
                mark(stream, threads, view, i);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
                mark(stream, threads, view, i);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        });
        Assert.Equal(0, allocated);
    }
}
