using System.Runtime.InteropServices;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.PtxEmulator;

namespace Lia.Kernels.Tests;

/// <summary>Tensor maps are where their launches look for them, however many plans there are and were.</summary>
public class TensorMapTableTests
{
    [Fact]
    public void Maps_stay_where_they_are_until_forgotten_and_their_places_rest_before_they_are_used_again()
    {
        using KernelLoader loader = EmulatorAccelerator.CreateLoader();
        using MemoryBuffer1D<Half, Stride1D.Dense> memory = loader.Allocate1D<Half>(1 << 16);
        TensorMapTable table = new(loader);
        List<(ArrayView<TensorMap> View, int Width)> added = [];
        for (int i = 0; i < 900; i++) Add(i, 3); // Several pages.
        table.Upload();
        foreach ((ArrayView<TensorMap> view, int width) in added) AssertHolds(view, width);

        HashSet<nint> before = [.. added.Select(item => item.View.LoadEffectiveAddressAsPtr())];
        table.Clear();
        added.Clear();
        for (int i = 0; i < 200; i++) Add(i + 1, 3);
        table.Upload();
        foreach ((ArrayView<TensorMap> view, int width) in added) AssertHolds(view, width);
        Assert.DoesNotContain(added, item => before.Contains(item.View.LoadEffectiveAddressAsPtr()));
        table.Dispose();

        void Add(int i, int count)
        {
            int width = 8 * (1 + i % 200);
            added.Add((table.Add(Enumerable.Repeat(Describe(width), count)), width));
        }

        TensorMapDescription Describe(int width) => new()
        {
            Address = memory.NativePtr,
            Dimensions = [width, 4],
            Strides = [4096],
            Box = [8, 2],
        };

        void AssertHolds(ArrayView<TensorMap> view, int width)
        {
            TensorMap[] actual = new TensorMap[view.Length], expected = [loader.EncodeTensorMap(Describe(width))];
            view.CopyToCPU(loader.Accelerator.DefaultStream, actual.AsSpan());
            foreach (TensorMap map in actual)
                Assert.Equal(MemoryMarshal.AsBytes(expected.AsSpan()).ToArray(), MemoryMarshal.AsBytes(new ReadOnlySpan<TensorMap>(in map))
                    .ToArray());
        }
    }
}
