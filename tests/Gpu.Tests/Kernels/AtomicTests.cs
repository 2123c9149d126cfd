using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>Atomics on shared and global memory, with their results unused and used.</summary>
public class AtomicTests
{
    private const int Bins = 64;

    [TestKernel]
    internal static void Histogram(ArrayView<int> values, ArrayView<int> bins)
    {
        ArrayView<int> mine = SharedMemory.Allocate<int>(Bins);
        if (Group.IdxX < Bins)
            mine[Group.IdxX] = 0;
        Group.Barrier();
        for (int i = Grid.GlobalIndex.X; i < values.IntLength; i += Grid.DimX * Group.DimX)
            Atomic.Add(ref mine[values[i]], 1);
        Group.Barrier();
        if (Group.IdxX < Bins)
            Atomic.Add(ref bins[Group.IdxX], mine[Group.IdxX]);
    }

    [Theory, EveryAccelerator]
    public void A_histogram_counts_in_shared_memory_and_then_in_global_memory(string device)
    {
        var random = new Random(3);
        int[] values = [.. Enumerable.Range(0, 3000).Select(_ => random.Next(Bins) * random.Next(Bins) / Bins)];
        int[] counts = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var output = loader.Allocate1D<int>(Bins);
            output.MemSetToZero();
            loader.Load<Action<KernelConfig, ArrayView<int>, ArrayView<int>>>(Histogram)((4, 96), input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(Enumerable.Range(0, Bins).Select(bin => values.Count(v => v == bin)), counts);
    }

    [TestKernel]
    internal static void Extremes(
        Index1D index, ArrayView<int> values, ArrayView<int> ints, ArrayView<ulong> longs, ArrayView<float> floats, ArrayView<int> tickets)
    {
        int value = values[index];
        Atomic.Max(ref ints[0], value);
        Atomic.Min(ref ints[1], value);
        Atomic.Or(ref ints[2], value);
        Atomic.And(ref ints[3], value);
        Atomic.Xor(ref ints[4], value);
        Atomic.Add(ref longs[0], (ulong)(uint)value << 20);
        Atomic.Max(ref longs[1], (ulong)(uint)value << 20);
        Atomic.Add(ref floats[0], value & 0xff);
        tickets[Atomic.Add(ref ints[5], 1)] = 1; // every ticket is drawn once
    }

    [Theory, EveryAccelerator]
    public void Atomics_combine_all_threads(string device)
    {
        var random = new Random(4);
        int[] values = [.. Enumerable.Range(0, 500).Select(_ => random.Next(int.MinValue, int.MaxValue))];
        double[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var ints = loader.Allocate1D([int.MinValue, int.MaxValue, 0, -1, 0, 0]);
            using var longs = loader.Allocate1D([0UL, 0UL]);
            using var floats = loader.Allocate1D([0f]);
            using var tickets = loader.Allocate1D<int>(500);
            tickets.MemSetToZero();
            loader.Load<Action<Index1D, ArrayView<int>, ArrayView<int>, ArrayView<ulong>, ArrayView<float>, ArrayView<int>>>(Extremes)(
                500, input.View, ints.View, longs.View, floats.View, tickets.View);
            return (double[])[.. ints.GetAsArray1D().Select(i => (double)i), .. longs.GetAsArray1D()
                .Select(l => (double)l), floats.GetAsArray1D()[0], tickets.GetAsArray1D().Sum()];
        });
        Assert.Equal(
            [
                values.Max(), values.Min(), values.Aggregate(0, (a, b) => a | b), values.Aggregate(-1, (a, b) => a & b),
                values.Aggregate(0, (a, b) => a ^ b), 500,
                values.Aggregate(0UL, (a, b) => a + ((ulong)(uint)b << 20)), values.Max(v => (ulong)(uint)v << 20),
                values.Sum(v => v & 0xff), 500,
            ],
            result);
    }

    [TestKernel]
    internal static void LargestFloat(Index1D index, ArrayView<float> values, ArrayView<uint> largest)
    {
        float value = values[index];
        uint seen = Interop.FloatAsInt(-5f); // what the host put there
        while (Interop.IntAsFloat(seen) < value)
        {
            uint before = Atomic.CompareExchange(ref largest[0], seen, Interop.FloatAsInt(value));
            if (before == seen)
                break;
            seen = before;
        }
    }

    [Theory, EveryAccelerator]
    public void Compare_exchange_builds_other_atomics(string device)
    {
        float[] values = RandomFloats(300);
        uint[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var output = loader.Allocate1D([Interop.FloatAsInt(-5f)]);
            loader.Load<Action<Index1D, ArrayView<float>, ArrayView<uint>>>(LargestFloat)(300, input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(values.Max(), Interop.IntAsFloat(result[0]));
    }
}
