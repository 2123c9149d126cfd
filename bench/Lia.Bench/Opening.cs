using System.Diagnostics;
using System.Runtime;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Bench;

/// <summary>
/// What <c>startup</c> sums up, taken apart: the steps from the driver to a first frame, one after another in this process (the program has
/// some of them beside each other). Of each: time, processor time, methods compiled at run time and collections of garbage. Says something
/// of a program only when it is published as that is: <c>-p:PublishReadyToRun=true</c>.
/// </summary>
internal static class Opening
{
    public static int Run(string[] arguments)
    {
        if (arguments.Option("--model") is not { } model)
        {
            Console.Error.WriteLine("opening needs --model FILE");
            return 2;
        }
        Console.WriteLine($"{"",-24} {"ms",8} {"user",8} {"system",8} {"compiled",9} {"ms",8} {"GCs",5} {"ms",8}");
        Step step = new();
        Console.WriteLine($"{"process started",-24} {(DateTime.Now - Process.GetCurrentProcess().StartTime).TotalMilliseconds,8:F1}");
        step.Skip();
        using ITensorSource weights = Checkpoint.Open(model);
        ModelArchitecture architecture = ModelManifest.Identify(weights, model).Architecture;
        step.End("model identified");
        CudaDeviceInfo device = CudaDeviceInfo.Enumerate()[0];
        step.End("driver started");
        using KernelLoader loader = device.Open();
        step.End("device opened");
        using CudaExecutor executor = new(loader, weights, architecture, arguments.Precisions(CudaPrecision.Fast).Single());
        step.End("weights packed");
        int length = 3 * architecture.Size * architecture.Size;
        using EncodedSource source = executor.EncodeSource(new float[length]);
        step.End("source encoded");
        executor.EncodeMotion(new float[length], 1, new float[architecture.Motion]);
        step.End("motion encoded");
        executor.Synthesize(source, new float[architecture.Style], 1, new float[length]);
        step.End("frame computed");
        return 0;
    }

    private sealed class Step
    {
        private long _start;
        private Environment.ProcessCpuUsage _cpu;
        private long _methods;
        private TimeSpan _compiling, _paused;
        private int _collections;

        public Step() => Skip();

        public void Skip()
        {
            (_cpu, _methods, _compiling) = (Environment.CpuUsage, JitInfo.GetCompiledMethodCount(), JitInfo.GetCompilationTime());
            (_paused, _collections, _start) = (GC.GetTotalPauseDuration(), GC.CollectionCount(0), Stopwatch.GetTimestamp());
        }

        public void End(string name)
        {
            double elapsed = Stopwatch.GetElapsedTime(_start).TotalMilliseconds;
            Environment.ProcessCpuUsage cpu = Environment.CpuUsage;
            Console.WriteLine(
                $"{name,-24} {elapsed,8:F1} {(cpu.UserTime - _cpu.UserTime).TotalMilliseconds,8:F1} " +
                    $"{(cpu.PrivilegedTime - _cpu.PrivilegedTime).TotalMilliseconds,8:F1} "
                + $"{JitInfo.GetCompiledMethodCount() - _methods,9} {(JitInfo.GetCompilationTime() - _compiling).TotalMilliseconds,8:F1} "
                + $"{GC.CollectionCount(0) - _collections,5} {(GC.GetTotalPauseDuration() - _paused).TotalMilliseconds,8:F1}");
            Skip();
        }
    }
}
