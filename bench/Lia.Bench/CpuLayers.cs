using System.Diagnostics;
using Lia.Network.Cpu;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// One encoder pass and one decoder pass on the processor: time and GFLOP/s of every step and in total. Each figure is the median of
/// several runs after a warm-up, beside it the best (on a busy machine the more telling one); GFLOP/s counts the multiplications and
/// additions of the convolutions and matrix products alone.
/// </summary>
internal static class CpuLayers
{
    public static int Run(string[] arguments)
    {
        int size = arguments.Number("--size", 256), runs = arguments.Number("--runs", 15), threads = arguments.Number("--threads", 0);
        SimdLevel simd = Enum.Parse<SimdLevel>(arguments.Option("--simd") ?? nameof(SimdLevel.Auto));
        bool isBrief = arguments.Contains("--brief");

        ModelArchitecture architecture = ModelArchitecture.Official(size);
        long start = Stopwatch.GetTimestamp();
        using SyntheticCheckpoint weights = new(architecture, 1);
        using CpuExecutor executor = new(weights, architecture, new() { Threads = threads == 0 ? null : threads, Simd = simd });
        Console.WriteLine($"{executor.DeviceName}, size {size}, median of {runs} runs");
        Console.WriteLine(
            $"weights made and packed in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, {executor.Bytes / 1e6:F0} MB with " +
            "activations");

        float[] picture = new float[3 * size * size], frame = new float[picture.Length], code = new float[architecture.Motion];
        Random random = new(1);
        for (int i = 0; i < picture.Length; i++) picture[i] = random.NextSingle() * 2 - 1;
        using Lia.Network.EncodedSource source = executor.EncodeSource(picture);
        float[] latent = source.Appearance.ToArray();
        Measure("encoder", executor.EncoderPlan, () => executor.EncodeMotion(picture, 1, code), runs, isBrief);
        Measure("decoder", executor.DecoderPlan, () => executor.Synthesize(source, latent, 1, frame), runs, isBrief);
        return 0;
    }

    private static void Measure(string name, Plan plan, Action pass, int runs, bool isBrief)
    {
        const int WarmUp = 3;
        for (int i = 0; i < WarmUp; i++) pass();
        int steps = plan.Steps.Count;
        double[][] times = [.. Enumerable.Range(0, steps + 1).Select(_ => new double[runs])];
        plan.Ticks = new long[steps];
        for (int run = 0; run < runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            pass();
            times[steps][run] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            for (int i = 0; i < steps; i++) times[i][run] = plan.Ticks[i] * 1e3 / Stopwatch.Frequency;
        }
        plan.Ticks = null;
        if (!isBrief)
        {
            Console.WriteLine();
            Console.WriteLine($"{name,-32} {"ms",9} {"best ms",9} {"GFLOP",9} {"GFLOP/s",9}");
            for (int i = 0; i < steps; i++) Print(plan.Steps[i].Name, times[i], plan.Steps[i].Operations);
        }
        Print($"{name} pass", times[steps], plan.Steps.Sum(step => step.Operations));
    }

    private static void Print(string name, double[] times, long operations)
    {
        double median = times.Median();
        string rate = operations == 0 ? "" : $"{operations / 1e9,9:F3} {operations / median / 1e6,9:F1}";
        Console.WriteLine($"{name,-32} {median,9:F3} {times.Min(),9:F3} {rate}".TrimEnd());
    }
}
