using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Stock;

/// <summary>
/// Any accelerator of ILGPU with the kernels of ILGPU's own compiler: what its runtime has no word for is done with waiting, or refused.
/// </summary>
internal sealed class StockKernelDevice(Accelerator accelerator) : IKernelDevice
{
    public AcceleratorProperties Properties { get; } = new()
    {
        Name = accelerator.Name,
        Sm = 0, // no PTX of ours runs on it
        Multiprocessors = accelerator.NumMultiprocessors,
        MaxThreadsPerGroup = accelerator.MaxNumThreadsPerGroup,
        MaxSharedBytesPerGroup = accelerator.MaxSharedMemoryPerGroup,
        MemoryBytes = accelerator.MemorySize,
        L2Bytes = 0,
    };

    public CompileTarget DefaultTarget => throw Refusal("a target of our compiler");

    // ILGPU knows what is free on CUDA alone.
    public (long Free, long Total) MemoryInfo =>
        (accelerator is CudaAccelerator cuda ? cuda.GetFreeMemory() : accelerator.MemorySize, accelerator.MemorySize);

    public LoadedKernel Load(KernelLoader loader, CompiledKernel compiled) => throw Refusal("PTX of our compiler");

    public AcceleratorEvent CreateEvent(bool timed) => new Mark(accelerator);

    public void Record(AcceleratorStream stream, AcceleratorEvent mark) => ((Mark)mark).Set(stream);

    public void Wait(AcceleratorStream stream, AcceleratorEvent mark)
    {
        // What is marked is done.
    }

    public bool IsCompleted(AcceleratorStream stream)
    {
        stream.Synchronize();
        return true;
    }

    public void BeginCapture(AcceleratorStream stream) => throw Refusal("graphs");

    public AcceleratorGraph EndCapture(AcceleratorStream stream) => throw Refusal("graphs");

    public TensorMap Encode(TensorMapDescription description) => throw Refusal("tensor maps");

    // Ordinary memory: what ILGPU locks is arrays, and these copies wait.
    public unsafe nint AllocatePageLocked(long bytes) => (nint)NativeMemory.AllocZeroed((nuint)bytes);

    public unsafe void FreePageLocked(nint address) => NativeMemory.Free((void*)address);

    public bool IsOutOfMemory(Exception failure) =>
        failure is CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) } or CLException
            { Error: CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES or CLError.CL_OUT_OF_HOST_MEMORY };

    private NotSupportedException Refusal(string what) =>
        new($"{accelerator.Name} runs kernels of ILGPU's own compiler, which has no {what}");

    /// <summary>ILGPU's profiling markers are made anew at each use; here whoever marks waits, and reads the host's clock.</summary>
    private sealed class Mark(Accelerator accelerator) : AcceleratorEvent(accelerator)
    {
        private long _time;

        public override bool IsCompleted => true;

        public void Set(AcceleratorStream stream)
        {
            stream.Synchronize();
            _time = Stopwatch.GetTimestamp();
        }

        public override void Synchronize()
        {
        }

        public override double MillisecondsSince(AcceleratorEvent start) =>
            Stopwatch.GetElapsedTime(((Mark)start)._time, _time).TotalMilliseconds;

        protected override void DisposeAcceleratorObject(bool disposing)
        {
        }
    }
}
