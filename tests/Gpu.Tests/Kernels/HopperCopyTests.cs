using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>Loads of tiles by the copy engine, stmatrix, and launches that overlap.</summary>
public class HopperCopyTests
{
    /// <summary>Loads a box of four dimensions and writes it out in the order of its elements.</summary>
    [TestKernel(90)]
    internal static void LoadBox(ArrayView<TensorMap> map, ArrayView<ushort> target, int channel, int x, int y, int picture, int elements,
        int span)
    {
        ArrayView<ushort> tile = SwizzledSharedMemory.GetDynamic<ushort>();
        ArrayView<ulong> barrier = SharedMemory.Allocate<ulong>(1);
        if (Group.IdxX == 0)
        {
            Intrinsics.MBarrierInit(ref barrier[0], 1);
            Intrinsics.MBarrierInitFence();
            Intrinsics.TensorMapAcquire(ref map[0]);
            Intrinsics.MBarrierArriveExpectTx(ref barrier[0], elements * 2);
            Intrinsics.TmaLoad4D(ref tile[0], ref map[0], channel, x, y, picture, ref barrier[0]);
        }
        Group.Barrier();
        Intrinsics.MBarrierWait(ref barrier[0], 0);
        for (int i = Group.IdxX; i < elements; i += Group.DimX)
        {
            int place = i * 2;
            if (span > 0) place ^= ((place >> 7) & (span / 16 - 1)) << 4;
            target[i] = tile[place / 2];
        }
    }

    public static TheoryData<string, TensorSwizzle, int, int, int, int, int> Boxes
    {
        get
        {
            var data = new TheoryData<string, TensorSwizzle, int, int, int, int, int>();
            foreach (string name in HopperNames)
            {
                foreach (TensorSwizzle swizzle in Enum.GetValues<TensorSwizzle>())
                {
                    int row = swizzle switch { TensorSwizzle.Bytes32 => 16, TensorSwizzle.Bytes128 => 64, _ => 32 };
                    data.Add(name, swizzle, row, 1, 8, 2, 1);      // inside
                    data.Add(name, swizzle, row, 1, -1, -1, 0);    // over the upper left edge, every element
                    data.Add(name, swizzle, row, 2, -1, -3, 1);    // over the edge, every second
                    data.Add(name, swizzle, row, 2, 9, 5, -1);     // over the lower right edge, and before the first picture
                }
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(Boxes))]
    public void A_box_is_what_indexing_gives_with_zeros_outside(
        string device, TensorSwizzle swizzle, int row, int stride, int x, int y, int picture)
    {
        // 2 pictures of 9 x 13 pixels of 80 channels, from channel 40 on: the box may reach over the last one.
        const int Channels = 80, Width = 13, Height = 9, Pictures = 2, Channel = 40;
        const int BoxWidth = 7, BoxHeight = 4, BoxPictures = 2;
        ushort[] pixels = [.. Enumerable.Range(1, Channels * Width * Height * Pictures).Select(i => (ushort)i)];
        int Count(int size) => (size + stride - 1) / stride;
        var expected = new List<ushort>();
        for (int n = picture; n < picture + BoxPictures; n++)
        {
            for (int j = y; j < y + BoxHeight; j += stride)
            {
                for (int i = x; i < x + BoxWidth; i += stride)
                {
                    for (int c = Channel; c < Channel + row; c++)
                    {
                        bool isInside = c < Channels && i is >= 0 and < Width && j is >= 0 and < Height && n is >= 0 and < Pictures;
                        expected.Add(isInside ? pixels[((n * Height + j) * Width + i) * Channels + c] : (ushort)0);
                    }
                }
            }
        }
        ushort[] result = RunExact(device, loader =>
        {
            using var source = loader.Allocate1D(pixels);
            var description = new TensorMapDescription
            {
                Address = source.NativePtr,
                Dimensions = [Channels, Width, Height, Pictures],
                Strides = [Channels * 2, Channels * Width * 2, Channels * Width * Height * 2],
                Box = [row, BoxWidth, BoxHeight, BoxPictures],
                ElementStrides = [1, stride, stride, 1],
                Swizzle = swizzle,
            };
            int elements = row * Count(BoxWidth) * Count(BoxHeight) * BoxPictures;
            Assert.Equal(elements * 2, description.TileBytes);
            using var map = loader.Allocate1D(new[] { loader.EncodeTensorMap(description) });
            using var target = loader.Allocate1D<ushort>(elements);
            int span = swizzle switch { TensorSwizzle.None => 0, TensorSwizzle.Bytes32 => 32, TensorSwizzle.Bytes64 => 64, _ => 128 };
            loader.Load<Action<KernelConfig, ArrayView<TensorMap>, ArrayView<ushort>, int, int, int, int, int, int>>(LoadBox)(
                (1, 64, SharedMemoryConfig.RequestDynamic<ushort>(elements)), map.View, target.View, Channel, x, y, picture, elements,
                span);
            return target.GetAsArray1D();
        });
        Assert.Equal(expected, result);
    }

    [TestKernel(90)]
    internal static void StoreMatrices(ArrayView<uint> source, ArrayView<int> target)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(128);
        int lane = Group.IdxX;
        Intrinsics.StMatrixX4(ref shared[lane * 4], source[lane * 4], source[lane * 4 + 1], source[lane * 4 + 2], source[lane * 4 + 3]);
        Group.Barrier();
        for (int i = 0; i < 4; i++) target[lane + i * 32] = shared[lane + i * 32];
    }

    [Theory, EveryHopper]
    public void Stmatrix_is_the_reverse_of_ldmatrix(string device)
    {
        // Register i of lane l holds elements 2(l%4) and 2(l%4)+1 of row l/4 of matrix i: word l of the matrix.
        uint[] fragments = [.. Enumerable.Range(0, 128).Select(i => (uint)(i % 4 * 32 + i / 4))];
        int[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(fragments);
            using var output = loader.Allocate1D<int>(128);
            loader.Load<Action<KernelConfig, ArrayView<uint>, ArrayView<int>>>(StoreMatrices)((1, 32), input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.Equal(Enumerable.Range(0, 128), result);
    }

    /// <summary>Waits for the launch before and adds one to what it wrote.</summary>
    [TestKernel(90)]
    internal static void AddOne(ArrayView<int> values)
    {
        Intrinsics.AllowNextLaunch();
        Intrinsics.WaitForPreviousLaunches();
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        values[i] = values[i] * 2 + 1;
    }

    [Theory, EveryHopper]
    public void Launches_that_overlap_still_see_what_came_before_in_a_captured_stream_too(string device)
    {
        int[] result = RunExact(device, loader =>
        {
            using var values = loader.Allocate1D(new int[4096]);
            using AcceleratorStream stream = loader.CreateStream();
            LoadedKernel kernel = loader.Load(((Delegate)AddOne).Method);
            byte[] arguments = KernelArguments.Flatten<ArrayView<int>>(values.View);
            loader.Accelerator.Synchronize();
            LaunchFiveTimes();
            using AcceleratorGraph graph = loader.Capture(stream, LaunchFiveTimes);
            graph.Launch(stream);
            stream.Synchronize();
            return values.GetAsArray1D();

            void LaunchFiveTimes()
            {
                for (int i = 0; i < 5; i++) kernel.Launch(stream, (32, 128), arguments, overlapsPrevious: true);
            }
        });
        Assert.All(result, value => Assert.Equal(1023, value));
    }

    [Fact]
    public void Maps_that_the_copy_engine_cannot_follow_are_refused_by_name()
    {
        using var loader = PtxEmulator.EmulatorAccelerator.CreateLoader();
        using var matrix = loader.Allocate1D<Half>(64 * 64);
        var good = new TensorMapDescription
        {
            Address = matrix.NativePtr,
            Dimensions = [64, 64],
            Strides = [128],
            Box = [64, 8],
            Swizzle = TensorSwizzle.Bytes128,
        };
        Assert.Equal(128, MemoryMarshal.AsBytes(new[] { loader.EncodeTensorMap(good) }.AsSpan()).Length);
        void Refuses(string expected, TensorMapDescription bad) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => loader.EncodeTensorMap(bad)).Message);
        Refuses("Address: ", good with { Address = matrix.NativePtr + 8 });
        Refuses("Dimensions: there are 6", good with { Dimensions = [1, 1, 1, 1, 1, 1] });
        Refuses("Dimensions: dimension 1 has 0", good with { Dimensions = [64, 0] });
        Refuses("Strides: 2 dimensions have 1 strides, not 0", good with { Strides = [] });
        Refuses("Strides: stride 0 is 120 bytes", good with { Strides = [120] });
        Refuses("Box: 2 dimensions need 2 sizes, not 1", good with { Box = [64] });
        Refuses("Box: size 1 is 257", good with { Box = [64, 257] });
        Refuses("ElementBytes: elements of 4 bytes", good with { ElementBytes = 4 });
        Refuses("Box: the innermost size is 12 elements or 24 bytes", good with { Box = [12, 8] });
        Refuses("Box: the innermost size is 128 bytes, more than the 64", good with { Swizzle = TensorSwizzle.Bytes64 });
        Refuses("ElementStrides: element stride 1 is 9", good with { ElementStrides = [1, 9] });
        Refuses("ElementStrides: the innermost element stride is 2", good with { ElementStrides = [2, 1] });
        using var older = PtxEmulator.EmulatorAccelerator.CreateLoader(89);
        Assert.Contains("compute capability 9.0", Assert.Throws<NotSupportedException>(() => older.EncodeTensorMap(good)).Message);
    }
}
