using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Runtime;

/// <summary>Buffers, copies and what is said when memory runs out.</summary>
public class MemoryTests
{
    [Theory, EveryAccelerator]
    public void Copies_reach_parts_of_a_buffer_through_sub_views(string device)
    {
        int[] result = RunExact(device, accelerator =>
        {
            using var buffer = accelerator.Allocate1D([1, 2, 3, 4, 5, 6, 7, 8]);
            using var other = accelerator.Allocate1D<int>(4);
            AcceleratorStream stream = accelerator.DefaultStream;
            stream.CopyFromCPU(buffer.View.SubView(2, 3), [30, 40, 50]);
            stream.Copy(buffer.View.SubView(1, 4), other.View);
            stream.MemSet(buffer.View.SubView(6), 0xff);
            return (int[])[.. buffer.GetAsArray1D(), .. other.GetAsArray1D()];
        });
        Assert.Equal([1, 2, 30, 40, 50, 6, -1, -1, 2, 30, 40, 50], result);
    }

    [Theory, EveryAccelerator]
    public void Page_locked_memory_goes_there_and_back(string device)
    {
        float[] result = RunExact(device, accelerator =>
        {
            using var host = accelerator.AllocatePageLocked1D<float>(100);
            using var back = accelerator.AllocatePageLocked1D<float>(100);
            using var buffer = accelerator.Allocate1D<float>(100);
            using AcceleratorStream stream = accelerator.CreateStream();
            for (int i = 0; i < 100; i++)
                host.Span[i] = i * 0.5f;
            stream.CopyFromPageLocked(buffer.View, host);
            stream.CopyToPageLocked(buffer.View, back);
            stream.Synchronize();
            return back.Span.ToArray();
        });
        Assert.Equal(Enumerable.Range(0, 100).Select(i => i * 0.5f), result);
    }

    [Theory, EveryAccelerator]
    public void A_copy_that_does_not_fit_is_refused(string device)
    {
        Run(device, accelerator =>
        {
            using var buffer = accelerator.Allocate1D<int>(3);
            Assert.Throws<ArgumentException>(() => buffer.CopyFromCPU(new int[4]));
            Assert.Throws<ArgumentException>(() => buffer.CopyToCPU(new int[4]));
            using var longer = accelerator.Allocate1D<int>(4);
            Assert.Throws<ArgumentException>(() => accelerator.DefaultStream.Copy(longer.View, buffer.View));
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_buffer_may_be_empty_and_may_not_be_used_when_disposed(string device)
    {
        Run(device, accelerator =>
        {
            using (var empty = accelerator.Allocate1D<int>(0))
                Assert.Empty(empty.GetAsArray1D());
            MemoryBuffer1D<int> buffer = accelerator.Allocate1D<int>(1);
            buffer.Dispose();
            buffer.Dispose();
            Assert.Throws<ObjectDisposedException>(() => buffer.View);
            Assert.Throws<ArgumentOutOfRangeException>(() => accelerator.Allocate1D<int>(-1));
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void Out_of_memory_says_how_much_was_asked_for_and_how_much_is_free(string device)
    {
        Run(device, accelerator =>
        {
            var e = Assert.Throws<AcceleratorOutOfMemoryException>(() => accelerator.Allocate1D<byte>(1L << 45));
            Assert.Equal(1L << 45, e.Asked);
            Assert.InRange(e.Free, 1, accelerator.MemoryInfo.Total);
            Assert.Contains("35184372088832 bytes (33554432 MiB) of device memory were asked for", e.Message);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void What_is_not_released_is_counted(string device)
    {
        using Accelerator accelerator = Open(device);
        Assert.Equal(0, accelerator.Live.Count);
        var buffer = accelerator.Allocate1D<int>(1);
        var host = accelerator.AllocatePageLocked1D<int>(1);
        Assert.Equal(2, accelerator.Live.Count);
        buffer.Dispose();
        host.Dispose();
        Assert.Equal(0, accelerator.Live.Count);
    }

    [Theory, EveryAccelerator]
    public void An_accelerator_disposed_before_its_buffers_says_in_debug_builds_where_they_were_made(string device)
    {
        Accelerator accelerator = Open(device);
        using var buffer = accelerator.Allocate1D<int>(1);
#if DEBUG
        Assert.Contains(nameof(An_accelerator_disposed_before_its_buffers_says_in_debug_builds_where_they_were_made), Assert.Throws<InvalidOperationException>(accelerator.Dispose).Message);
#else
        accelerator.Dispose();
#endif
        Assert.Equal(1, accelerator.Live.Count);
    }
}
