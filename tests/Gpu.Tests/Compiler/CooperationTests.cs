using Lia.Gpu.Runtime;
using Lia.PtxEmulator;

namespace Lia.Gpu.Tests.Compiler;

/// <summary>
/// Threads that work together: barriers after divergence, shuffles of every type, local arrays in memory, and the order of memory accesses.
/// </summary>
public class CooperationTests
{
    private static void ReverseAfterDivergence(ArrayView<int> a)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(96);
        int i = Group.IdxX;
        int value = a[i];
        // Half a warp takes each way, with a loop of another length each; all meet at the barrier.
        if ((i & 1) == 0)
        {
            for (int k = 0; k < (i & 7); k++) value += k;
        }
        else if (i % 3 == 0)
        {
            value = -value;
        }
        shared[i] = value;
        Group.Barrier();
        if (i >= 90) return;
        a[i] = shared[95 - i];
    }

    [Fact]
    public void Diverged_threads_meet_at_the_barrier()
    {
        int[] a = [.. Enumerable.Range(0, 96).Select(static i => i * 5)];
        int[] values = [.. a.Select(static (v, i) => (i & 1) == 0 ? v + Enumerable.Range(0, i & 7).Sum() : i % 3 == 0 ? -v : v)];
        int[] expected = [.. Enumerable.Range(0, 96).Select(i => i < 90 ? values[95 - i] : a[i])];
        Assert.Equal(expected, Run(ReverseAfterDivergence, a, 96));
    }

    private static void BarrierInLoop(ArrayView<int> a)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(64);
        int i = Group.IdxX;
        shared[i] = a[i];
        Group.Barrier();
        // A scan: the barrier is in a loop whose length is constant, and the store is not taken by all.
        for (int step = 1; step < 64; step *= 2)
        {
            int left = i >= step ? shared[i - step] : 0;
            Group.Barrier();
            if (left != 0) shared[i] += left;
            Group.Barrier();
        }
        a[i] = shared[i];
    }

    [Fact]
    public void Barriers_in_loops_order_shared_memory()
    {
        int[] a = [.. Enumerable.Range(0, 64).Select(static i => i % 7)];
        Assert.Equal(a.Select((_, i) => a[..(i + 1)].Sum()), Run(BarrierInLoop, a, 64));
    }

    private record struct Mixed(long L, double D, float F, Half H, byte B);

    private static void ShuffleStruct(ArrayView<int> a)
    {
        int lane = Warp.LaneIdx;
        var mine = new Mixed(((long)lane << 33) + lane, lane + 0.5, lane * 2f, (Half)(lane * 0.25f), (byte)(lane + 230));
        Mixed other = Warp.ShuffleXor(mine, 5);
        Mixed first = Warp.Broadcast(mine, 3);
        bool right = other.L == ((long)(lane ^ 5) << 33) + (lane ^ 5) && other.D == (lane ^ 5) + 0.5 && other.F == (lane ^ 5) * 2f
            && other.H == (Half)((lane ^ 5) * 0.25f) && other.B == (byte)((lane ^ 5) + 230) && first.D == 3.5;
        int down = Warp.ShuffleDown(lane, 4), up = Warp.ShuffleUp(lane, 4);
        a[lane] = (right ? 1000 : 0) + down * 32 + up + (Intrinsics.VoteAny(lane == 31) ? 10000 : 0)
            + (Intrinsics.VoteAll(lane < 31) ? 20000 : 0) + IntrinsicMath.PopCount(Intrinsics.Ballot(lane % 3 == 0)) * 100000;
    }

    [Fact]
    public void Shuffles_carry_values_of_every_type() =>
        Assert.Equal(Enumerable.Range(0, 32)
            .Select(static i => 1000 + (i + 4 < 32 ? i + 4 : i) * 32 + (i >= 4 ? i - 4 : i) + 10000 + 11 * 100000),
            Run(ShuffleStruct, new int[32], 32));

    private static void LocalArray(ArrayView<int> a)
    {
        int i = Group.IdxX;
        ArrayView<int> table = LocalMemory.Allocate<int>(16);
        for (int k = 0; k < 16; k++) table[k] = k * i;
        int at = a[i] & 15;
        table[at] += 1000;
        table[(at + 1) & 15] = -1;
        a[i] = table[at] + table[i & 15];
    }

    [Fact]
    public void Local_arrays_with_varying_indices_are_each_threads_own()
    {
        int[] a = [.. Enumerable.Range(0, 40).Select(static i => i * 7)];
        int[] expected = [.. a.Select(static (v, i) =>
        {
            int[] table = [.. Enumerable.Range(0, 16).Select(k => k * i)];
            table[v & 15] += 1000;
            table[((v & 15) + 1) & 15] = -1;
            return table[v & 15] + table[i & 15];
        })];
        Assert.Equal(expected, Run(LocalArray, a, 40));
    }

    private static void LoadsAroundStores(ArrayView<int> a)
    {
        int i = Group.IdxX * 4;
        int first = a[i];
        a[i] = first + 1;
        int second = a[i];
        Atomic.Add(ref a[i], 10);
        int third = a[i];
        a[i + 1] = first;
        a[i + 2] = second;
        a[i + 3] = third;
    }

    [Fact]
    public void Loads_are_not_merged_across_stores_and_atomics()
    {
        int[] a = [.. Enumerable.Range(0, 32).Select(static i => i * 3)];
        Assert.Equal(a.Select((_, i) => a[i / 4 * 4] + (i % 4) switch { 0 or 3 => 11, 1 => 0, _ => 1 }), Run(LoadsAroundStores, a, 8));
    }

    private static void GridOfTwo(ArrayView<int> a)
    {
        int i = Grid.GlobalIndex.X;
        if (i < a.Length) a[i] = Grid.IdxX * 1000 + Group.IdxX + Grid.DimX * 100 + Group.DimX * 10;
    }

    [Fact]
    public void Threads_know_their_place_in_the_grid() =>
        Assert.Equal(Enumerable.Range(0, 50)
            .Select(static i => i / 32 * 1000 + i % 32 + 200 + 320), Run(GridOfTwo, new int[50], 32, groups: 2));

    private static int[] Run(Action<ArrayView<int>> kernel, int[] content, int threads, int groups = 1)
    {
        using var loader = EmulatorAccelerator.CreateLoader();
        using MemoryBuffer1D<int, Stride1D.Dense> buffer = loader.Allocate1D(content);
        loader.Load<Action<KernelConfig, ArrayView<int>>>(kernel)(new KernelConfig(groups, threads), buffer.View);
        return buffer.GetAsArray1D();
    }
}
