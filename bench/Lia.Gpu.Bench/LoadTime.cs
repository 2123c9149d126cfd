using System.Diagnostics;
using Lia.Gpu.Bench.Kernels;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Bench;

/// <summary>
/// What a program waits before its first large kernel: C# to PTX to machine code. The driver keeps machine code on disk, so the second
/// figure is small from the second run on.
/// </summary>
internal static class LoadTime
{
    public static void Run(KernelLoader loader)
    {
        long start = Stopwatch.GetTimestamp();
        VectorCopy.Load(loader);
        Timing.Print("load_first_kernel", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
        start = Stopwatch.GetTimestamp();
        HalfProduct.Load<WideTile>(loader);
        Timing.Print("load_fp16_product", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
    }
}
