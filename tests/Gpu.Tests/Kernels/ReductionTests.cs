using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>Sums over warps by shuffles, over groups through shared memory, over the grid by atomics.</summary>
public class ReductionTests
{
    private const int Threads = 128;

    private static float WarpSum(float value)
    {
        for (int offset = Warp.WarpSize / 2; offset > 0; offset /= 2)
            value += Warp.ShuffleDown(value, offset);
        return value;
    }

    [TestKernel]
    internal static void Sum(ArrayView<float> values, ArrayView<float> total)
    {
        ArrayView<float> warps = SharedMemory.Allocate<float>(Threads / 32);
        float mine = 0f;
        for (int i = Grid.GlobalIndex.X; i < values.IntLength; i += Grid.DimX * Threads)
            mine += values[i];
        mine = WarpSum(mine);
        if (Warp.IsFirstLane)
            warps[Warp.WarpIdx] = mine;
        Group.Barrier();
        if (Group.IdxX < 32)
        {
            mine = WarpSum(Group.IdxX < Threads / 32 ? warps[Group.IdxX] : 0f);
            if (Group.IsFirstThread)
                Atomic.Add(ref total[0], mine);
        }
    }

    [Theory, EveryAccelerator]
    public void A_sum_over_the_grid_is_exact_for_integers(string device)
    {
        float[] values = RandomIntegers(5003, 100);
        float[] total = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var output = loader.Allocate1D<float>(1);
            output.MemSetToZero();
            loader.Load<Action<KernelConfig, ArrayView<float>, ArrayView<float>>>(Sum)((5, Threads), input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(values.Sum(x => (double)x), total[0]);
    }

    [TestKernel]
    internal static void Shuffles(ArrayView<int> values, ArrayView<int> result)
    {
        int lane = Group.IdxX;
        int value = values[lane];
        result[lane] = Warp.ShuffleXor(value, 5);
        result[32 + lane] = Warp.ShuffleUp(value, 3);
        result[64 + lane] = Warp.ShuffleDown(value, 7);
        result[96 + lane] = Warp.Shuffle(value, (lane * 3) & 31);
        result[128 + lane] = Warp.Broadcast(value, 17);
        long wide = Warp.ShuffleXor(((long)value << 32) | (uint)lane, 1);
        result[160 + lane] = (int)(wide >> 32) ^ (int)wide;
    }

    [Theory, EveryAccelerator]
    public void Shuffles_move_values_between_lanes(string device)
    {
        int[] values = [.. Enumerable.Range(0, 32).Select(i => i * i * 1000 + 7)];
        int[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var output = loader.Allocate1D<int>(192);
            loader.Load<Action<KernelConfig, ArrayView<int>, ArrayView<int>>>(Shuffles)((1, 32), input.View, output.View);
            return output.GetAsArray1D();
        });
        for (int lane = 0; lane < 32; lane++)
        {
            Assert.Equal(values[lane ^ 5], result[lane]);
            Assert.Equal(values[lane < 3 ? lane : lane - 3], result[32 + lane]);
            Assert.Equal(values[lane + 7 > 31 ? lane : lane + 7], result[64 + lane]);
            Assert.Equal(values[lane * 3 & 31], result[96 + lane]);
            Assert.Equal(values[17], result[128 + lane]);
            Assert.Equal(values[lane ^ 1] ^ (lane ^ 1), result[160 + lane]);
        }
    }

    [TestKernel]
    internal static void Votes(ArrayView<int> values, ArrayView<int> result)
    {
        int thread = Group.IdxX;
        bool positive = values[thread] > 0;
        result[thread] = (int)Intrinsics.Ballot(positive);
        result[64 + thread] = Intrinsics.VoteAny(positive) ? 1 : 0;
        result[128 + thread] = Intrinsics.VoteAll(positive) ? 1 : 0;
        result[192 + thread] = Group.BarrierPopCount(positive);
        result[256 + thread] = Group.BarrierAnd(positive) ? 1 : 0;
        result[320 + thread] = Group.BarrierOr(positive) ? 1 : 0;
    }

    [Theory]
    [EveryAccelerator]
    public void Votes_count_the_lanes_of_a_warp_and_the_threads_of_a_group(string device)
    {
        // The first warp has both signs, the second only positive numbers.
        int[] values = [.. Enumerable.Range(0, 64).Select(i => i < 32 && i % 3 == 0 ? -1 : i + 1)];
        int[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var output = loader.Allocate1D<int>(384);
            loader.Load<Action<KernelConfig, ArrayView<int>, ArrayView<int>>>(Votes)((1, 64), input.View, output.View);
            return output.GetAsArray1D();
        });
        uint ballot = (uint)Enumerable.Range(0, 32).Where(i => values[i] > 0).Sum(i => 1L << i);
        for (int thread = 0; thread < 64; thread++)
        {
            Assert.Equal(thread < 32 ? ballot : uint.MaxValue, (uint)result[thread]);
            Assert.Equal(1, result[64 + thread]);
            Assert.Equal(thread < 32 ? 0 : 1, result[128 + thread]);
            Assert.Equal(values.Count(v => v > 0), result[192 + thread]);
            Assert.Equal(0, result[256 + thread]);
            Assert.Equal(1, result[320 + thread]);
        }
    }
}
