using System.Diagnostics;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// What a launch costs the host: microseconds and bytes allocated on the launching thread, through ILGPU's stream. A kernel of one group
/// that does next to nothing, by a typed launcher and by its arguments laid out before, and all launches of a frame through the network,
/// one after another, without the graph that replaces them. The stream is emptied between rounds, outside the time, so that no launch waits
/// for room in it.
/// </summary>
internal static class Launches
{
    private const int Round = 250; // Streams hold about a thousand launches.

    public static int Run(string[] arguments)
    {
        int size = arguments.Number("--size", 256), launches = arguments.Number("--launches", 10_000);
        using KernelLoader loader = CudaDeviceInfo.Enumerate()[0].Open();
        Console.WriteLine($"{loader.Properties.Name}: host time of a launch, median and best of rounds");
        Console.WriteLine($"{"",-44} {"launches",9} {"us",8} {"best",8} {"bytes",8}");
        using (AcceleratorStream stream = loader.CreateStream())
        using (MemoryBuffer1D<float, Stride1D.Dense> x = loader.Allocate1D<float>(32))
        {
            var typed = loader.Load<Action<AcceleratorStream, KernelConfig, ArrayView<float>, float>>(Add);
            KernelConfig config = new(new Index1D(1), new Index1D(32));
            ArrayView<float> view = x.View;
            Measure("a small kernel, typed launcher", stream, launches / Round, Round, () =>
            {
                for (int i = 0; i < Round; i++) typed(stream, config, view, 1f);
            });
            KernelLaunch bound = KernelLaunch.Create(loader, AddBound, config, new AddArguments { X = view, Amount = 1f });
            Measure("the same, arguments laid out before", stream, launches / Round, Round, () =>
            {
                for (int i = 0; i < Round; i++) bound.Enqueue(stream);
            });
        }
        ModelArchitecture architecture = ModelArchitecture.Official(size);
        using SyntheticCheckpoint weights = new(architecture, 1);
        foreach (CudaPrecision precision in arguments.Precisions(CudaPrecision.Fast))
        {
            using CudaExecutor executor = new(loader, weights, architecture, precision);
            using EncodedSource source = executor.EncodeSource(new float[3 * size * size]);
            KernelLaunch[] frame = [.. new ResidentFrames(executor, source, new float[3 * size * size], 1).Launches];
            Measure($"a frame of {size}, {precision}", executor.Stream, Math.Max(20, launches / 10 / frame.Length), frame.Length, () =>
            {
                foreach (KernelLaunch launch in frame) launch.Enqueue(executor.Stream);
            });
        }
        return 0;
    }

    private static void Measure(string name, AcceleratorStream stream, int rounds, int launches, Action round)
    {
        for (int warm = 0; warm < 40; warm++) // Until what launches is compiled as well as it will be.
        {
            round();
            stream.Synchronize();
        }
        Thread.Sleep(300);
        double[] microseconds = new double[rounds];
        long bytes = 0;
        for (int i = 0; i < rounds; i++)
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            round();
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds / launches;
            bytes += GC.GetAllocatedBytesForCurrentThread() - allocated;
            stream.Synchronize();
        }
        Console.WriteLine(
            $"{name,-44} {launches * rounds,9} {microseconds.Median(),8:F2} {microseconds.Min(),8:F2} " +
            $"{(double)bytes / (launches * rounds),8:F1}");
    }

    private static void Add(ArrayView<float> x, float amount) => x[Group.IdxX] += amount;

    private static void AddBound(AddArguments arguments) => arguments.X[Group.IdxX] += arguments.Amount;

    private struct AddArguments
    {
        public ArrayView<float> X;
        public float Amount;
    }
}
