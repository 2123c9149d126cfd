using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench;

/// <summary>
/// Times device work: warm-up apart, then each repetition between two events, the median of them. Callers rotate their
/// buffers through more bytes than the L2 cache holds where the working set would fit in it.
/// </summary>
internal static class Timing
{
    private const int WarmUps = 5;

    /// <summary>Median milliseconds of <paramref name="work"/>, which is given the number of the repetition.</summary>
    public static double Median(KernelLoader loader, int repetitions, Action<AcceleratorStream, int> work)
    {
        using AcceleratorStream stream = loader.CreateStream();
        var marks = new AcceleratorEvent[repetitions + 1];
        for (int i = 0; i <= repetitions; i++)
            marks[i] = loader.CreateEvent();
        for (int i = 0; i < WarmUps; i++)
            work(stream, i);
        loader.Record(stream, marks[0]);
        for (int i = 0; i < repetitions; i++)
        {
            work(stream, i);
            loader.Record(stream, marks[i + 1]);
        }
        stream.Synchronize();
        double[] times = [.. Enumerable.Range(0, repetitions).Select(i => marks[i + 1].MillisecondsSince(marks[i])).Order()];
        foreach (AcceleratorEvent mark in marks)
            mark.Dispose();
        return times[repetitions / 2];
    }

    /// <summary>Prints one figure.</summary>
    public static void Print(string name, double value, string unit) => Console.WriteLine($"{name} {value:0.###} {unit}");
}
