using System.Reflection;
using ILGPU.Algorithms.ScanReduceOperations;
using ILGPU.AtomicOperations;
using ILGPU.Runtime.Cuda;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>
/// What the kernels of ILGPU's samples use, a kernel a feature: the table of docs/ilgpu.md. What has a meaning computes the right thing,
/// the rest is refused with what to write instead.
/// </summary>
public class IlgpuFeatureTests
{
    private const int Threads = 64;

    public static TheoryData<string, string> Refused => new()
    {
        { nameof(PlaneIndex), "Index2D: take an Index1D" },
        { nameof(SpaceIndex), "Index3D: take an Index1D" },
        { nameof(LongIndex), "LongIndex1D: take an Index1D" },
        { nameof(PlaneView), "pass BaseView and the stride" },
        { nameof(StridedView), "pass BaseView and the stride" },
        { nameof(VariableViews), "index the view" },
        { nameof(Printed), "write a status to a buffer" },
        { nameof(Assembly), "strings" },
        { nameof(Library), "call XMath" },
        { nameof(HyperbolicSine), "XMath members that take and give float" },
        { nameof(Power), "XMath.Exp2" },
        { nameof(NetSine), "XMath.Sin" },
        { nameof(Subwarps), "over the whole warp" },
        { nameof(ReadOnlyStatic), "make it a const" },
        { nameof(LocalArray), "LocalMemory.Allocate" },
        { nameof(ScanWithBoundaries), "AllReduce, InclusiveScan and ExclusiveScan" },
        { nameof(OffsetOf), "strings" },
    };

    [Theory, MemberData(nameof(Refused))]
    public void It_is_refused_with_what_to_write_instead(string kernel, string expected)
    {
        MethodInfo method = typeof(IlgpuFeatureTests).GetMethod(kernel, BindingFlags.NonPublic | BindingFlags.Static)!;
        Assert.Contains(expected,
            Assert.Throws<KernelCompilationException>(() => KernelCompiler.Compile(method, new CompileTarget(80))).Message);
    }

    private static void PlaneIndex(Index2D index, ArrayView<int> a) => a[index.X] = index.Y;

    private static void SpaceIndex(Index3D index, ArrayView<int> a) => a[index.X] = index.Z;

    private static void LongIndex(LongIndex1D index, ArrayView<int> a) => a[index] = 1;

    private static void PlaneView(Index1D i, ArrayView2D<int, Stride2D.DenseX> a) => a[i.X, 0] = 1;

    private static void StridedView(Index1D i, ArrayView1D<int, Stride1D.General> a) => a[i] = 1;

    private static void VariableViews(Index1D i, ArrayView<int> a) => a.VariableView(i).Value = 1;

    private static void Printed(Index1D i, ArrayView<int> a) => Interop.WriteLine("{0} {1}", i.X, a[i]);

    private static void Assembly(Index1D i, ArrayView<int> a)
    {
        CudaAsm.Emit("add.s32 %0, %1, %2;", out int sum, a[i], 1);
        a[i] = sum;
    }

    private static void Library(Index1D i, ArrayView<float> a) => a[i] = LibDevice.Cos(a[i]);

    private static void HyperbolicSine(Index1D i, ArrayView<float> a) => a[i] = XMath.Sinh(a[i]);

    private static void Power(Index1D i, ArrayView<float> a) => a[i] = XMath.Pow(a[i], 3f);

    private static void NetSine(Index1D i, ArrayView<double> a) => a[i] = Math.Sin(a[i]);

    private static void Subwarps(ArrayView<int> a) => a[Group.IdxX] = Warp.ShuffleDown(a[Group.IdxX], 1, 8);

    private static readonly int s_readOnly = Environment.ProcessId;

    private static void ReadOnlyStatic(Index1D i, ArrayView<int> a) => a[i] = s_readOnly;

    private static void LocalArray(Index1D i, ArrayView<int> a)
    {
        int[] local = new int[2];
        local[i.X & 1] = 1;
        a[i] = local[0];
    }

    private static void ScanWithBoundaries(ArrayView<int> a) =>
        a[0] = GroupExtensions.ExclusiveScanWithBoundaries<int, AddInt32>(a[0], out _);

    private static void OffsetOf(Index1D i, ArrayView<int> a) => a[i] = Interop.OffsetOf<Buffered>(nameof(Buffered.After));

    [TestKernel]
    internal static void Cooperation(ArrayView<int> result, SpecializedValue<int> scale)
    {
        int i = Group.IdxX, value = (i + 1) * scale;
        ref int largest = ref SharedMemory.Allocate<int>();
        if (Group.IsFirstThread) largest = 0;
        Group.Barrier();
        Atomic.Max(ref largest, value);
        Group.Barrier();
        result[i] = largest;
        result[Threads + i] = Group.Broadcast(value, 37);
        result[2 * Threads + i] = GroupExtensions.AllReduce<int, AddInt32>(value);
        result[3 * Threads + i] = GroupExtensions.InclusiveScan<int, AddInt32>(value);
        result[4 * Threads + i] = GroupExtensions.ExclusiveScan<int, AddInt32>(value);
        result[5 * Threads + i] = GroupExtensions.AllReduce<int, MinInt32>(value);
        result[6 * Threads + i] = WarpExtensions.AllReduce<int, MaxInt32>(value);
        result[7 * Threads + i] = WarpExtensions.ExclusiveScan<int, AddInt32>(value);
        result[8 * Threads + i] = WarpExtensions.InclusiveScan<int, AddInt32>(value);
        result[9 * Threads + i] = Grid.GlobalLinearIndex + (int)Grid.LongGlobalIndex.X + (Warp.IsLastLane ? 1000 : 0)
            + (Group.IsLastThread ? 10000 : 0);
    }

    [Theory, EveryAccelerator]
    public void Groups_broadcast_reduce_and_scan(string device)
    {
        const int Scale = 3;
        int[] result = RunExact(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(10 * Threads);
            loader.Load<Action<KernelConfig, ArrayView<int>, SpecializedValue<int>>>(Cooperation)((1, Threads), buffer.View,
                SpecializedValue.New(Scale));
            return buffer.GetAsArray1D();
        });
        int[] values = [.. Enumerable.Range(1, Threads).Select(static i => i * Scale)];
        Each(0, _ => values.Max());
        Each(1, _ => values[37]);
        Each(2, _ => values.Sum());
        Each(3, i => values[..(i + 1)].Sum());
        Each(4, i => values[..i].Sum());
        Each(5, _ => values.Min());
        Each(6, i => values[i / 32 * 32 + 31]);
        Each(7, i => values[(i / 32 * 32)..i].Sum());
        Each(8, i => values[(i / 32 * 32)..(i + 1)].Sum());
        Each(9, i => 2 * i + (i % 32 == 31 ? 1000 : 0) + (i == Threads - 1 ? 10000 : 0));

        void Each(int row, Func<int, int> expected) =>
            Assert.Equal(Enumerable.Range(0, Threads).Select(expected), result[(row * Threads)..((row + 1) * Threads)]);
    }

    private readonly struct Product : IAtomicOperation<double>
    {
        public double Operation(double current, double value) => current * value;
    }

    [TestKernel]
    internal static void Atomics(Index1D index, ArrayView<double> numbers, ArrayView<float> single)
    {
        Atomic.MakeAtomic(ref numbers[0], 2.0, new Product(), new CompareExchangeDouble());
        if (index == 0)
        {
            Atomic.Exchange(ref numbers[1], 7.0);
            Atomic.CompareExchange(ref single[0], 1f, 5f);
            Atomic.CompareExchange(ref single[1], 1f, 5f);
        }
        if (index == 1) numbers[2] = IntrinsicMath.Clamp(numbers[2], 0.0, 12.0);
    }

    [Theory, EveryAccelerator]
    public void Any_operation_can_be_atomic(string device)
    {
        double[] result = RunExact(device, loader =>
        {
            using var numbers = loader.Allocate1D(new[] { 1.0, 2.0, 13.5 });
            using var single = loader.Allocate1D(new[] { 1f, 2f });
            loader.Load<Action<Index1D, ArrayView<double>, ArrayView<float>>>(Atomics)(40, numbers.View, single.View);
            return (double[])[.. numbers.GetAsArray1D(), .. single.GetAsArray1D()];
        });
        Assert.Equal([Math.Pow(2, 40), 7, 12, 5, 2], result);
    }

    internal unsafe struct Buffered
    {
        public fixed int Values[4];
        public int After;
    }

    [TestKernel]
    internal static unsafe void FixedBuffers(Index1D index, ArrayView1D<Buffered, Stride1D.Dense> views)
    {
        Buffered copy = views[index];
        for (int i = 0; i < 4; i++) copy.Values[i] += 10 * i;
        copy.After++;
        views[index] = copy;
    }

    [Theory, EveryAccelerator]
    public unsafe void Structs_with_fixed_buffers_are_copied_whole(string device)
    {
        Buffered[] result = RunExact(device, loader =>
        {
            Buffered start = new() { After = 5 };
            for (int i = 0; i < 4; i++) start.Values[i] = i + 1;
            using var buffer = loader.Allocate1D(new[] { start, start });
            loader.Load<Action<Index1D, ArrayView1D<Buffered, Stride1D.Dense>>>(FixedBuffers)(2, buffer.View);
            return buffer.GetAsArray1D();
        });
        Buffered second = result[1];
        Assert.Equal([1, 12, 23, 34, 6], [second.Values[0], second.Values[1], second.Values[2], second.Values[3], second.After]);
    }
}
