using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Runtime;

/// <summary>Buffers, copies and what is said when memory runs out.</summary>
public class MemoryTests
{
    [Theory, EveryAccelerator]
    public void Copies_reach_parts_of_a_buffer_through_sub_views(string device)
    {
        int[] result = RunExact(device, loader =>
        {
            using var buffer = loader.Allocate1D([1, 2, 3, 4, 5, 6, 7, 8]);
            using var other = loader.Allocate1D<int>(4);
            AcceleratorStream stream = loader.Accelerator.DefaultStream;
            ArrayView<int> view = buffer.View, whole = other.View;
            view.SubView(2, 3).CopyFromCPU(stream, [30, 40, 50]);
            whole.CopyFrom(stream, view.SubView(1, 4));
            view.SubView(6).MemSet(stream, 0xff);
            return (int[])[.. buffer.GetAsArray1D(), .. other.GetAsArray1D()];
        });
        Assert.Equal([1, 2, 30, 40, 50, 6, -1, -1, 2, 30, 40, 50], result);
    }

    [Theory, EveryAccelerator]
    public void Page_locked_memory_goes_there_and_back(string device)
    {
        float[] result = RunExact(device, loader =>
        {
            using var host = loader.AllocatePageLocked<float>(100);
            using var back = loader.AllocatePageLocked<float>(100);
            using var buffer = loader.Allocate1D<float>(100);
            using AcceleratorStream stream = loader.CreateStream();
            for (int i = 0; i < 100; i++)
                host.Span[i] = i * 0.5f;
            ArrayView<float> view = buffer.View;
            view.CopyFrom(stream, host.View);
            view.CopyTo(stream, back.View);
            stream.Synchronize();
            return back.Span.ToArray();
        });
        Assert.Equal(Enumerable.Range(0, 100).Select(i => i * 0.5f), result);
    }

    [Theory, EveryAccelerator]
    public void A_copy_that_does_not_fit_is_refused(string device)
    {
        Run(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(3);
            ArrayView<int> view = buffer.View;
            Assert.ThrowsAny<ArgumentException>(() => view.CopyFromCPU(new int[4].AsSpan()));
            Assert.ThrowsAny<ArgumentException>(() => view.CopyToCPU(new int[4].AsSpan()));
            using var longer = loader.Allocate1D<int>(4);
            Assert.ThrowsAny<ArgumentException>(() => view.CopyFrom<ArrayView<int>>(loader.Accelerator.DefaultStream, longer.View));
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_buffer_may_be_empty_and_may_not_be_used_when_disposed(string device)
    {
        Run(device, loader =>
        {
            using (var empty = loader.Allocate1D<int>(0))
                Assert.Empty(empty.GetAsArray1D());
            MemoryBuffer1D<int, Stride1D.Dense> buffer = loader.Allocate1D<int>(1);
            buffer.Dispose();
            buffer.Dispose();
            Assert.False(buffer.View.BaseView.IsValid);
            Assert.Throws<ArgumentOutOfRangeException>(() => loader.Allocate1D<int>(-1));
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void Out_of_memory_says_how_much_was_asked_for_and_how_much_is_free(string device)
    {
        Run(device, loader =>
        {
            var e = Assert.Throws<AcceleratorOutOfMemoryException>(() => loader.Allocate1D<byte>(1L << 45));
            Assert.Equal(1L << 45, e.Asked);
            Assert.InRange(e.Free, 1, loader.MemoryInfo.Total);
            Assert.Contains("35184372088832 bytes (33554432 MiB) of device memory were asked for", e.Message);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void What_is_not_released_is_counted(string device)
    {
        using KernelLoader loader = Open(device);
        Assert.Equal(0, loader.Live.Count);
        var buffer = loader.Allocate1D<int>(1);
        var host = loader.AllocatePageLocked<int>(1);
        Assert.Equal(2, loader.Live.Count);
        buffer.Dispose();
        host.Dispose();
        Assert.Equal(0, loader.Live.Count);
    }

    [Theory, EveryAccelerator]
    public void A_loader_disposed_before_its_buffers_says_in_debug_builds_where_they_were_made(string device)
    {
        KernelLoader loader = Open(device);
        using var buffer = loader.Allocate1D<int>(1);
#if DEBUG
        Assert.Contains(nameof(A_loader_disposed_before_its_buffers_says_in_debug_builds_where_they_were_made),
            Assert.Throws<InvalidOperationException>(loader.Dispose).Message);
#else
        loader.Dispose();
        Assert.True(buffer.IsDisposed); // with its accelerator
#endif
    }
}
