using System.Diagnostics;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Network.Cuda;
using Lia.Training.Graph;
using Lia.Training.Steps;
using Lia.Training.Verification;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// Steps of the official recipe on a GPU, with made-up weights, VGG19's too: milliseconds a step as <c>lia train</c> has them (batch to the
/// device, both updates, losses back), device memory, and with <c>--layers</c> the time of every launch.
/// </summary>
internal static class TrainingSteps
{
    public static int Run(string[] arguments)
    {
        int size = arguments.Number("--size", 256), pairs = arguments.Number("--pairs", 16), runs = arguments.Number("--runs", 11);
        bool hasLayers = arguments.Contains("--layers");
        using KernelLoader loader = CudaDeviceInfo.Enumerate()[0].Open();
        ModelArchitecture architecture = ModelArchitecture.Official(size);
        using SyntheticTensors vgg = new("made-up VGG19", Vgg.Parameters(Vgg.Official), 1,
            tensor => tensor.Shape.Count == 1 ? 1 : Math.Sqrt(2.0 / (9 * tensor.Shape[1])));
        TrainingBatch batch = new(pairs, size);
        Random random = new(1);
        foreach (float[] planes in (float[][])[batch.Sources, batch.Targets])
            for (int i = 0; i < planes.Length; i++) planes[i] = random.NextSingle() * 2 - 1;
        Console.WriteLine($"{loader.Properties.Name}, size {size}, {pairs} pairs a step, median of {runs} steps");
        Console.WriteLine($"{"precision",-10} {"ms/step",9} {"best",9} {"device",9} {"TFLOP",8} {"TFLOP/s",8} {"launches",9} "
            + $"{"arena GB",9} {"device GB",10} {"ready s",8}");
        foreach (CudaPrecision precision in arguments.Precisions(CudaPrecision.Exact, CudaPrecision.Fast))
        {
            long free = loader.MemoryInfo.Free, start = Stopwatch.GetTimestamp();
            using TrainingStep step = new(loader, new(architecture, pairs, IsExact: precision != CudaPrecision.Fast), new(1), vgg);
            StepRates rates = StepRates.Of(0.002, 0.002);
            for (int i = 0; i < 3; i++) step.Run(batch, rates);
            double ready = Stopwatch.GetElapsedTime(start).TotalSeconds;
            double[] times = [.. Enumerable.Range(0, runs).Select(_ =>
            {
                long began = Stopwatch.GetTimestamp();
                step.Run(batch, rates);
                return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            })];
            double device = DeviceTiming.Runs(loader, step.Stream, step.Replay, runs).Median();
            KernelLaunch[] launches = [.. step.Launches.SelectMany(part => part.Launches)];
            double operations = launches.Sum(launch => launch.Operations);
            Console.WriteLine($"{precision,-10} {times.Median(),9:F2} {times.Min(),9:F2} {device,9:F2} {operations / 1e12,8:F2} "
                + $"{operations / device / 1e9,8:F1} {launches.Length,9} {step.ArenaBytes / 1e9,9:F2} "
                + $"{(free - loader.MemoryInfo.Free) / 1e9,10:F2} {ready,8:F1}");
            if (hasLayers) CudaLayers.Layers(loader, step.Stream, launches, 1, Math.Min(runs, 5));
        }
        return 0;
    }
}
