using System.Diagnostics;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>The driver calls that ILGPU lacks, in the context of an ILGPU accelerator.</summary>
internal sealed class CudaKernelDevice : IKernelDevice
{
    private const uint Portable = 1; // CU_MEMHOSTALLOC_PORTABLE: page-locked for every context
    private const int ThreadLocalCapture = 1; // other threads may go on allocating while one captures

    internal CudaKernelDevice(CudaAccelerator accelerator)
    {
        CudaDriver.Demand();
        Accelerator = accelerator;
        Properties = CudaDeviceInfo.Describe(accelerator.DeviceId);
    }

    public CudaAccelerator Accelerator { get; }

    public AcceleratorProperties Properties { get; }

    public CompileTarget DefaultTarget => CudaTarget.Choose(CudaTarget.Forced, Properties.Name, Properties.Sm, CudaDriver.Current.Version);

    public (long Free, long Total) MemoryInfo
    {
        get
        {
            Enter();
            CudaApi.cuMemGetInfo(out nuint free, out nuint total).Check();
            return ((long)free, (long)total);
        }
    }

    /// <summary>
    /// Makes the context the calling thread's. ILGPU remembers for each thread which of its accelerators is bound, and does nothing when it
    /// is this one; other code on the thread may have set another context meanwhile, so it is set once more, which costs some tens of
    /// nanoseconds.
    /// </summary>
    public void Enter()
    {
        ObjectDisposedException.ThrowIf(Accelerator.IsDisposed, Accelerator);
        Accelerator.Bind();
        CudaApi.cuCtxSetCurrent(Accelerator.NativePtr).Check();
    }

    /// <summary>The handle of a stream, with its context made current.</summary>
    public nint Enter(AcceleratorStream stream)
    {
        if (stream is not CudaStream cuda) throw new ArgumentException("the stream is not a CUDA stream", nameof(stream));
        ObjectDisposedException.ThrowIf(stream.IsDisposed, stream);
        Enter();
        return cuda.StreamPtr;
    }

    public LoadedKernel Load(KernelLoader loader, CompiledKernel compiled) => CudaKernel.Load(this, loader.Cache, compiled);

    public AcceleratorEvent CreateEvent(bool timed) => new CudaEvent(this, timed);

    public void Record(AcceleratorStream stream, AcceleratorEvent mark)
    {
        nint handle = CudaEvent.Of(mark);
        CudaApi.cuEventRecord(handle, Enter(stream)).Check();
    }

    public void Wait(AcceleratorStream stream, AcceleratorEvent mark)
    {
        nint handle = CudaEvent.Of(mark);
        CudaApi.cuStreamWaitEvent(Enter(stream), handle, 0).Check();
    }

    public bool IsCompleted(AcceleratorStream stream)
    {
        CudaResult result = CudaApi.cuStreamQuery(Enter(stream));
        if (result != CudaResult.NotReady)
            result.Check(call: nameof(CudaApi.cuStreamQuery));
        return result == CudaResult.Success;
    }

    public void BeginCapture(AcceleratorStream stream) => CudaApi.cuStreamBeginCapture(Enter(stream), ThreadLocalCapture).Check();

    public AcceleratorGraph EndCapture(AcceleratorStream stream)
    {
        CudaApi.cuStreamEndCapture(Enter(stream), out nint graph).Check();
        try
        {
            CudaApi.cuGraphInstantiateWithFlags(out nint executable, graph, 0).Check();
            return new CudaGraph(this, executable);
        }
        finally
        {
            _ = CudaApi.cuGraphDestroy(graph);
        }
    }

    public TensorMap Encode(TensorMapDescription description)
    {
        Enter();
        return CudaTensorMap.Encode(description);
    }

    public nint AllocatePageLocked(long bytes)
    {
        using Activity? locking = Activities.Begin("memory page-locked");
        Enter();
        CudaResult result = CudaApi.cuMemHostAlloc(out nint address, (nuint)bytes, Portable);
        if (result == CudaResult.OutOfMemory)
        {
            GCMemoryInfo host = GC.GetGCMemoryInfo();
            throw new AcceleratorOutOfMemoryException(Properties.Name, "page-locked host", bytes,
                host.TotalAvailableMemoryBytes - host.MemoryLoadBytes, host.TotalAvailableMemoryBytes);
        }
        result.Check($"{bytes} bytes", nameof(CudaApi.cuMemHostAlloc));
        return address;
    }

    // ILGPU binds the context before it releases an object.
    public void FreePageLocked(nint address) => _ = CudaApi.cuMemFreeHost(address);

    public bool IsOutOfMemory(Exception failure) =>
        failure is ILGPU.Runtime.Cuda.CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) };
}
