using System.Diagnostics;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench;

/// <summary>
/// Host time of a launch: a kernel of one group that does nothing with eight arguments, launched in batches short enough not to fill the
/// driver's queue.
/// </summary>
internal static class LaunchCost
{
    private const int Batch = 256;
    private const int Batches = 200;

    public static void Run(KernelLoader loader)
    {
        var launch =
            loader.Load<Action<
                AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int, float,
                    float>>(Nothing);
        using AcceleratorStream stream = loader.CreateStream();
        using MemoryBuffer1D<float, Stride1D.Dense> buffer = loader.Allocate1D<float>(16);
        var times = new List<double>();
        long allocated = 0;
        for (int i = 0; i < Batches; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            for (int j = 0; j < Batch; j++)
                launch(stream, new KernelConfig(1, 32), buffer.View, buffer.View, buffer.View, 1, 2, 3, 4f, 5f);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / Batch);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            stream.Synchronize();
        }
        times.Sort();
        Timing.Print("launch_host", times[Batches / 2], "us");
        Timing.Print("launch_allocated", (double)allocated / Batch, "B");

        using AcceleratorGraph graph = loader.Capture(stream, () =>
        {
            for (int j = 0; j < 100; j++)
                launch(stream, new KernelConfig(1, 32), buffer.View, buffer.View, buffer.View, 1, 2, 3, 4f, 5f);
        });
        double milliseconds = Timing.Median(loader, 50, (s, _) => graph.Launch(s));
        Timing.Print("graph_node", milliseconds * 1000 / 100, "us");
    }

    private static void Nothing(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int i, int j, int k, float x, float y)
    {
        if (i > j)
            a[0] = b[0] + c[0] + k + x + y;
    }
}
