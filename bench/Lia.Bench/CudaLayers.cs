using System.Diagnostics;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// Driving frames on a GPU, frames resident on the device: milliseconds a frame from planes to planes (encoder, decoder; the source encoded
/// before), device memory, and with <c>--layers</c> the time of every kernel. Times lie between two events, the median of several
/// runs after a warm-up; a kernel's time is its share of a run with an event after every launch, which adds about a microsecond each.
/// </summary>
internal static class CudaLayers
{
    public static int Run(string[] arguments)
    {
        int size = arguments.Number("--size", 256), runs = arguments.Number("--runs", 21);
        int[] batches = arguments.Numbers("--batches", 1, 8, 32);
        CudaPrecision precision = arguments.Precisions(CudaPrecision.Fast).Single();
        bool hasLayers = arguments.Contains("--layers");

        long start = Stopwatch.GetTimestamp();
        using KernelLoader loader = CudaDeviceInfo.Enumerate()[0].Open();
        long free = loader.MemoryInfo.Free;
        ModelArchitecture architecture = ModelArchitecture.Official(size);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using CudaExecutor executor = new(loader, weights, architecture, precision);
        Random random = new(1);
        float[] picture = new float[3 * size * size];
        for (int i = 0; i < picture.Length; i++) picture[i] = random.NextSingle() * 2 - 1;
        using EncodedSource source = executor.EncodeSource(picture);
        Console.WriteLine(
            $"{executor.DeviceName}, size {size}, median of {runs} runs; weights made and packed, kernels compiled, source encoded in " +
            $"{Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
        Console.WriteLine(
            $"{"frames",8} {"ms/frame",10} {"best",10} {"encoder",10} {"decoder",10} {"TFLOP/s",10} {"launches",10} {"arena MB",10} " +
            $"{"device MB",10}");
        foreach (int batch in batches)
        {
            float[] images = new float[batch * picture.Length];
            for (int i = 0; i < images.Length; i++) images[i] = random.NextSingle() * 2 - 1;
            ResidentFrames frames = new(executor, source, images, batch);
            double[] all = DeviceTiming.Runs(loader, executor.Stream, frames.Enqueue, runs);
            double[] encode = DeviceTiming.Runs(loader, executor.Stream, () => frames.Encoder.Enqueue(executor.Stream), runs),
                decode = DeviceTiming.Runs(loader, executor.Stream, () => frames.Decoder.Enqueue(executor.Stream), runs);
            KernelLaunch[] launches = [.. frames.Launches];
            double operations = launches.Sum(launch => launch.Operations);
            Console.WriteLine(
                $"{batch,8} {all.Median() / batch,10:F4} {all.Min() / batch,10:F4} {encode.Median() / batch,10:F4} " +
                    $"{decode.Median() / batch,10:F4} {operations / all.Median() / 1e9,10:F2} "
                + $"{launches.Length,10} {executor.ArenaBytes / 1e6,10:F0} {(free - loader.MemoryInfo.Free) / 1e6,10:F0}");
            if (hasLayers) Layers(loader, executor.Stream, launches, batch, runs);
        }
        return 0;
    }

    /// <summary>Times launches one by one, and all of each kernel together.</summary>
    public static void Layers(KernelLoader loader, AcceleratorStream stream, KernelLaunch[] launches, int batch, int runs)
    {
        AcceleratorEvent[] marks = [.. Enumerable.Range(0, launches.Length + 1).Select(_ => loader.CreateEvent())];
        double[][] times = [.. launches.Select(_ => new double[runs])];
        for (int run = -1; run < runs; run++)
        {
            loader.Record(stream, marks[0]);
            for (int i = 0; i < launches.Length; i++)
            {
                launches[i].Enqueue(stream);
                loader.Record(stream, marks[i + 1]);
            }
            stream.Synchronize();
            for (int i = 0; run >= 0 && i < launches.Length; i++) times[i][run] = marks[i + 1].MillisecondsSince(marks[i]);
        }
        foreach (AcceleratorEvent mark in marks) mark.Dispose();
        Console.WriteLine();
        Console.WriteLine($"{"layer",-24} {"kernel",-44} {"us/frame",9} {"TFLOP/s",8} {"GB/s",7} {"regs",5} {"local",6}");
        for (int i = 0; i < launches.Length; i++)
        {
            double median = times[i].Median();
            KernelLaunch launch = launches[i];
            Console.WriteLine(
                $"{launch.Name,-24} {launch.Kernel.Compiled.EntryPoint,-44} {median * 1e3 / batch,9:F2} " +
                    $"{launch.Operations / median / 1e9,8:F1} {launch.Bytes / median / 1e6,7:F0} "
                + $"{launch.Kernel.Attributes.Registers,5} {launch.Kernel.Attributes.LocalBytes,6}");
        }
        Console.WriteLine();
        foreach (var group in launches.Select((launch, i) => (Kernel: launch.Kernel.Compiled.EntryPoint, Time: times[i].Median()))
            .GroupBy(pair => pair.Kernel).OrderByDescending(group => group.Sum(pair => pair.Time)))
            Console.WriteLine($"{group.Key,-44} {group.Count(),4} launches {group.Sum(pair => pair.Time) * 1e3 / batch,9:F1} us/frame");
        Console.WriteLine();
    }
}
