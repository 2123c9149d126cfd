using Lia.Gpu.Runtime;
using Lia.Gpu.Tests.Kernels;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Runtime;

/// <summary>Streams keep their order, events order streams among each other, graphs replay what was captured.</summary>
public class StreamTests
{
    [TestKernel]
    internal static void AffineStep(Index1D index, ArrayView<int> values, int factor, int offset) =>
        values[index] = values[index] * factor + offset;

    [Theory, EveryAccelerator]
    public void Work_in_a_stream_runs_in_order(string device)
    {
        int[] result = RunExact(device, loader =>
        {
            using var buffer = loader.Allocate1D(Enumerable.Range(0, 1000).ToArray());
            using AcceleratorStream stream = loader.CreateStream();
            var step = loader.Load<Action<AcceleratorStream, Index1D, ArrayView<int>, int, int>>(AffineStep);
            for (int i = 1; i <= 5; i++)
                step(stream, 1000, buffer.View, i, 1);
            var result = new int[1000];
            buffer.View.CopyToCPU(stream, result);
            Assert.True(loader.IsCompleted(stream));
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
        int[] result = Run(device, loader =>
        {
            using var first = loader.Allocate1D<int>(32);
            using var second = loader.Allocate1D<int>(32);
            using AcceleratorStream producer = loader.CreateStream(), consumer = loader.CreateStream();
            using AcceleratorEvent written = loader.CreateEvent(timed: false);
            first.MemSetToZero();
            loader.Accelerator.Synchronize();
            loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<int>, int>>(SlowFill)(producer, (1, 32), first.View, rounds);
            loader.Record(producer, written);
            loader.Wait(consumer, written);
            second.View.CopyFrom(consumer, first.View);
            var copied = new int[32];
            second.View.CopyToCPU(consumer, copied);
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
        Run(device, loader =>
        {
            using var buffer = loader.Allocate1D<int>(32);
            using AcceleratorStream stream = loader.CreateStream();
            using AcceleratorEvent start = loader.CreateEvent(), end = loader.CreateEvent();
            loader.Record(stream, start);
            loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<int>, int>>(SlowFill)(stream, (1, 32), buffer.View, 1000);
            loader.Record(stream, end);
            end.Synchronize();
            Assert.InRange(end.MillisecondsSince(start), 1e-4, 60_000);
            return 0;
        });
    }

    [Theory, EveryAccelerator]
    public void A_captured_graph_runs_only_when_replayed_and_as_often(string device)
    {
        int[] result = RunExact(device, loader =>
        {
            using var host = loader.AllocatePageLocked<int>(100);
            using var buffer = loader.Allocate1D<int>(100);
            using var sum = loader.Allocate1D<int>(100);
            using AcceleratorStream stream = loader.CreateStream();
            var step = loader.Load<Action<AcceleratorStream, Index1D, ArrayView<int>, int, int>>(AffineStep);
            var add = loader.Load<Action<AcceleratorStream, Index1D, ArrayView<int>, ArrayView<int>>>(AddTo);
            sum.View.MemSet(stream, 0);

            Assert.Throws<InvalidOperationException>(() => loader.Capture(loader.Accelerator.DefaultStream, () => { }));
            Assert.Throws<NotFiniteNumberException>(() => loader.Capture(stream, () => throw new NotFiniteNumberException()));
            using AcceleratorGraph graph = loader.Capture(stream, () =>
            {
                ArrayView<int> target = buffer.View;
                target.CopyFrom(stream, host.View);
                step(stream, 100, buffer.View, 2, 1);
                add(stream, 100, buffer.View, sum.View);
            });

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
    public void Several_threads_use_one_loader_at_once(string device)
    {
        Run(device, loader =>
        {
            Parallel.For(0, 8, worker =>
            {
                int[] values = [.. Enumerable.Range(worker * 1000, 300)];
                using AcceleratorStream stream = loader.CreateStream();
                using var buffer = loader.Allocate1D<int>(300);
                buffer.View.CopyFromCPU(stream, values);
                loader.Load<Action<AcceleratorStream, Index1D, ArrayView<int>, int, int>>(AffineStep)(stream, 300, buffer.View, worker + 1,
                    worker);
                var result = new int[300];
                buffer.View.CopyToCPU(stream, result);
                Assert.Equal(values.Select(v => v * (worker + 1) + worker), result);
            });
            return 0;
        });
    }
}
