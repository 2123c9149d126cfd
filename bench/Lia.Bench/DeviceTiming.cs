using Lia.Gpu.Runtime;

namespace Lia.Bench;

/// <summary>Times of device work between events.</summary>
internal static class DeviceTiming
{
    private const int WarmUps = 3;

    /// <summary>Milliseconds of each of several runs, after a warm-up.</summary>
    public static double[] Runs(KernelLoader loader, AcceleratorStream stream, Action work, int runs)
    {
        for (int i = 0; i < WarmUps; i++) work();
        AcceleratorEvent[] marks = [.. Enumerable.Range(0, runs + 1).Select(_ => loader.CreateEvent())];
        loader.Record(stream, marks[0]);
        for (int i = 0; i < runs; i++)
        {
            work();
            loader.Record(stream, marks[i + 1]);
        }
        stream.Synchronize();
        double[] times = [.. Enumerable.Range(0, runs).Select(i => marks[i + 1].MillisecondsSince(marks[i]))];
        foreach (AcceleratorEvent mark in marks) mark.Dispose();
        return times;
    }

    public static double Median(this IEnumerable<double> times)
    {
        double[] ordered = [.. times.Order()];
        return ordered[ordered.Length / 2];
    }
}
