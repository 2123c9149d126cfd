using Lia.Gpu.Runtime;
using Lia.Gpu.Tests.Kernels;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Runtime;

/// <summary>Streams keep their order, events order streams among each other, graphs replay what was captured.</summary>
public class StreamTests
{
    [TestKernel]
    internal static void AffineStep(Index1D index, ArrayView<int> values, int factor, int offset) => values[index] = values[index] * factor + offset;

    [Theory, EveryAccelerator]
    public void Work_in_a_stream_runs_in_order(string device)
    {
        int[] result = RunExact(device, accelerator =>
        {
            using var buffer = accelerator.Allocate1D(Enumerable.Range(0, 1000).ToArray());
            using AcceleratorStream stream = accelerator.CreateStream();
            var step = accelerator.LoadAutoGroupedKernel<ArrayView<int>, int, int>(AffineStep);
            for (int i = 1; i <= 5; i++)
                step(stream, 1000, buffer.View, i, 1);
            var result = new int[1000];
            buffer.CopyToCPU(stream, result);
            Assert.True(stream.IsCompleted);
            return result;
        });
        Assert.Equal(Enumerable.Range(0, 1000).Select(x => ((((x + 1) * 2 + 1) * 3 + 1) * 4 + 1) * 5 + 1), result);
    }

    [TestKernel]
    internal static void SlowFill(ArrayView<int> values, int rounds)
    {
        int x = Group.IdxX;
        for (int i = 0; i < rounds; i++)
            x = x * 1664525 + 1013904223;
        values[Group.IdxX] = x;
    }

    [Theory, EveryAccelerator]
    public void A_stream_that_waits_for_an_event_sees_what_was_done_before_it(string device)
    {
        int rounds = device == CudaName ? 2_000_000 : 20;
        int[] result = Run(device, accelerator =>
        {
            using var first = accelerator.Allocate1D<int>(32);
            using var second = accelerator.Allocate1D<int>(32);
            using AcceleratorStream producer = accelerator.CreateStream(), consumer = accelerator.CreateStream();
            using AcceleratorEvent written = accelerator.CreateEvent(timed: false);
            first.MemSetToZero();
            accelerator.Synchronize();
            accelerator.LoadKernel<ArrayView<int>, int>(SlowFill)(producer, (1, 32), first.View, rounds);
            producer.Record(written);
            consumer.Wait(written);
            consumer.Copy(first.View, second.View);
            var copied = new int[32];
            second.CopyToCPU(consumer, copied);
            Assert.True(written.IsCompleted);
            return copied;
        });
        for (int thread = 0; thread < 32; thread++)
        {
            int x = thread;
            for (int i = 0; i < rounds; i++)
                x = x * 1664525 + 1013904223;
            Assert.Equal(x, result[thread]);
        }
    }

    [Theory, EveryAccelerator]
    public void Events_measure_the_time_between_them(string device)
    {
        Run(device, accelerator =>
        {
            using var buffer = accelerator.Allocate1D<int>(32);
            using AcceleratorStream stream = accelerator.CreateStream();
            using AcceleratorEvent start = accelerator.CreateEvent(), end = accelerator.CreateEvent();
            stream.Record(start);
            accelerator.LoadKernel<ArrayView<int>, int>(SlowFill)(stream, (1, 32), buffer.View, 1000);
            stream.Record(end);
            end.Synchronize();
            Assert.InRange(end.MillisecondsSince(start), 1e-4, 60_000);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_captured_graph_runs_only_when_replayed_and_as_often(string device)
    {
        int[] result = RunExact(device, accelerator =>
        {
            using var host = accelerator.AllocatePageLocked1D<int>(100);
            using var buffer = accelerator.Allocate1D<int>(100);
            using var sum = accelerator.Allocate1D<int>(100);
            using AcceleratorStream stream = accelerator.CreateStream();
            var step = accelerator.LoadAutoGroupedKernel<ArrayView<int>, int, int>(AffineStep);
            var add = accelerator.LoadAutoGroupedKernel<ArrayView<int>, ArrayView<int>>(AddTo);
            stream.MemSet(sum.View, 0);

            stream.BeginCapture();
            Assert.True(stream.IsCapturing);
            Assert.Throws<InvalidOperationException>(() => stream.CopyFromCPU(buffer.View, new int[100]));
            stream.CopyFromPageLocked(buffer.View, host);
            step(stream, 100, buffer.View, 2, 1);
            add(stream, 100, buffer.View, sum.View);
            using AcceleratorGraph graph = stream.EndCapture();

            for (int replay = 0; replay < 3; replay++)
            {
                host.Span.Fill(replay * 10);
                graph.Launch(stream);
                stream.Synchronize();
            }
            return sum.GetAsArray1D();
        });
        Assert.Equal(Enumerable.Repeat(1 + 21 + 41, 100), result);
    }

    [TestKernel]
    internal static void AddTo(Index1D index, ArrayView<int> values, ArrayView<int> sum) => sum[index] += values[index];

    [Theory, EveryAccelerator]
    public void Several_threads_use_one_accelerator_at_once(string device)
    {
        Run(device, accelerator =>
        {
            Parallel.For(0, 8, worker =>
            {
                int[] values = [.. Enumerable.Range(worker * 1000, 300)];
                using AcceleratorStream stream = accelerator.CreateStream();
                using var buffer = accelerator.Allocate1D<int>(300);
                buffer.CopyFromCPU(stream, values);
                accelerator.LoadAutoGroupedKernel<ArrayView<int>, int, int>(AffineStep)(stream, 300, buffer.View, worker + 1, worker);
                var result = new int[300];
                buffer.CopyToCPU(stream, result);
                Assert.Equal(values.Select(v => v * (worker + 1) + worker), result);
            });
            return 0;
        });
    }
}
