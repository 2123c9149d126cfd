using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>Threads of a group exchanging data through static and dynamic shared memory.</summary>
public class SharedMemoryTests
{
    private const int Tile = 32;
    private const int Rows = 8;

    [TestKernel]
    internal static void Transpose(ArrayView<float> source, ArrayView<float> target, int rows, int columns)
    {
        // One column more than needed: a column of the tile then lies in 32 different banks.
        ArrayView<float> tile = SharedMemory.Allocate<float>(Tile * (Tile + 1));
        int column = Grid.IdxX * Tile + Group.IdxX;
        for (int i = Group.IdxY; i < Tile; i += Rows)
        {
            int row = Grid.IdxY * Tile + i;
            if (row < rows && column < columns)
                tile[i * (Tile + 1) + Group.IdxX] = source[row * columns + column];
        }
        Group.Barrier();
        int targetColumn = Grid.IdxY * Tile + Group.IdxX;
        for (int i = Group.IdxY; i < Tile; i += Rows)
        {
            int targetRow = Grid.IdxX * Tile + i;
            if (targetRow < columns && targetColumn < rows)
                target[targetRow * rows + targetColumn] = tile[Group.IdxX * (Tile + 1) + i];
        }
    }

    [Theory, EveryAccelerator]
    public void A_transpose_through_shared_memory_handles_sizes_that_fill_no_tile(string device)
    {
        const int Height = 45, Width = 70;
        float[] source = RandomFloats(Height * Width);
        float[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(source);
            using var output = loader.Allocate1D<float>(Height * Width);
            KernelConfig config = (new Index2D((Width + Tile - 1) / Tile, (Height + Tile - 1) / Tile), new Index2D(Tile, Rows));
            loader.Load<Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int>>(Transpose)(config, input.View, output.View,
                Height, Width);
            return output.GetAsArray1D();
        });
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
                Assert.Equal(source[y * Width + x], result[x * Height + y]);
        }
    }

    [TestKernel]
    internal static void Reverse(ArrayView<int> values, int length)
    {
        ArrayView<int> shared = SharedMemory.GetDynamic<int>();
        for (int i = Group.IdxX; i < length; i += Group.DimX)
            shared[i] = values[i];
        Group.Barrier();
        for (int i = Group.IdxX; i < length; i += Group.DimX)
            values[i] = shared[length - 1 - i];
    }

    [Theory, EveryAccelerator]
    public void Dynamic_shared_memory_has_the_size_of_the_launch(string device) => ReverseIs(device, 1000);

    [Theory, EveryAccelerator]
    public void More_than_48_KiB_of_dynamic_shared_memory_needs_nothing_but_asking(string device) => ReverseIs(device, 15 * 1024);

    private static void ReverseIs(string device, int length)
    {
        int[] values = [.. Enumerable.Range(0, length).Select(i => i * 3)];
        int[] result = RunExact(device, loader =>
        {
            using var buffer = loader.Allocate1D(values);
            loader.Load<Action<KernelConfig, ArrayView<int>, int>>(Reverse)((1, 256, SharedMemoryConfig.RequestDynamic<int>(length)),
                buffer.View, length);
            return buffer.GetAsArray1D();
        });
        Assert.Equal(values.Reverse(), result);
    }

    [Theory, EveryAccelerator]
    public void More_shared_memory_than_the_device_grants_is_refused_with_both_numbers(string device)
    {
        string message = Run(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(1);
            int bytes = loader.Properties.MaxSharedBytesPerGroup + 4;
            var reverse = loader.Load<Action<KernelConfig, ArrayView<int>, int>>(Reverse);
            return Assert.Throws<ArgumentException>(
                () => reverse((1, 32, SharedMemoryConfig.RequestDynamic<byte>(bytes)), buffer.View, 1)).Message;
        });
        Assert.Contains("bytes are left for dynamic shared memory", message);
    }

    /// <summary>Two warps meet, round by round, while the two others meet elsewhere and go through twice as many rounds.</summary>
    [TestKernel]
    internal static void RotateInHalves(ArrayView<int> target, int rounds)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(128);
        int half = Group.IdxX >> 6, thread = Group.IdxX & 63, value = Group.IdxX;
        for (int round = 0; round < rounds << half; round++)
        {
            shared[half * 64 + thread] = value;
            Intrinsics.NamedBarrier(1 + half, 64);
            value = shared[half * 64 + ((thread + 33) & 63)];
            Intrinsics.NamedBarrier(1 + half, 64);
        }
        target[Group.IdxX] = value;
    }

    [Theory, EveryAccelerator]
    public void Parts_of_a_group_meet_at_barriers_of_their_own(string device)
    {
        const int Rounds = 5;
        int[] result = RunExact(device, loader =>
        {
            using var target = loader.Allocate1D<int>(128);
            loader.Load<Action<KernelConfig, ArrayView<int>, int>>(RotateInHalves)((1, 128), target.View, Rounds);
            return target.GetAsArray1D();
        });
        Assert.Equal(Enumerable.Range(0, 128).Select(i => i / 64 * 64 + (i % 64 + 33 * (Rounds << (i / 64))) % 64), result);
    }
}
