using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A CUDA device, through its primary context.</summary>
internal sealed class CudaAccelerator : Accelerator
{
    private const uint Portable = 1; // CU_MEMHOSTALLOC_PORTABLE: page-locked for every context

    internal CudaAccelerator(CudaDevice device, int handle, CompileTarget target, KernelCache cache) : base(device.Properties, target, cache) =>
        Context = new CudaContext(handle);

    internal CudaContext Context { get; }

    public override AcceleratorType AcceleratorType => AcceleratorType.Cuda;

    public override (long Free, long Total) MemoryInfo
    {
        get
        {
            Context.Enter();
            CudaApi.cuMemGetInfo(out nuint free, out nuint total).Check();
            return ((long)free, (long)total);
        }
    }

    public override AcceleratorStream CreateStream() => new CudaStream(this);

    public override AcceleratorEvent CreateEvent(bool timed = true) => new CudaEvent(this, timed);

    public override void Synchronize()
    {
        Context.Enter();
        CudaApi.cuCtxSynchronize().Check();
    }

    protected override DeviceMemory AllocateDevice(long bytes)
    {
        Context.Enter();
        CudaResult result = CudaApi.cuMemAlloc(out nint address, (nuint)bytes);
        if (result == CudaResult.OutOfMemory)
        {
            (long free, long total) = MemoryInfo;
            throw new AcceleratorOutOfMemoryException(Name, "device", bytes, free, total);
        }
        result.Check($"{bytes} bytes", nameof(CudaApi.cuMemAlloc));
        return new CudaMemory(Context, Live, address, bytes, onHost: false);
    }

    protected override DeviceMemory AllocatePageLocked(long bytes)
    {
        Context.Enter();
        CudaResult result = CudaApi.cuMemHostAlloc(out nint address, (nuint)bytes, Portable);
        if (result == CudaResult.OutOfMemory)
        {
            GCMemoryInfo host = GC.GetGCMemoryInfo();
            throw new AcceleratorOutOfMemoryException(Name, "page-locked host", bytes, host.TotalAvailableMemoryBytes - host.MemoryLoadBytes, host.TotalAvailableMemoryBytes);
        }
        result.Check($"{bytes} bytes", nameof(CudaApi.cuMemHostAlloc));
        return new CudaMemory(Context, Live, address, bytes, onHost: true);
    }

    protected override TensorMap Encode(TensorMapDescription description)
    {
        Context.Enter();
        return CudaTensorMap.Encode(description);
    }

    protected override Kernel Load(CompiledKernel compiled) => CudaKernel.Load(this, compiled);

    protected override void Unload(Kernel kernel) => ((CudaKernel)kernel).Unload();

    protected override void Dispose(bool disposing)
    {
        try
        {
            base.Dispose(disposing);
        }
        finally
        {
            if (disposing)
                Context.Dispose(); // what was made in it and not released keeps it alive
        }
    }
}
