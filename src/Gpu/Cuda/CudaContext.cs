using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A reference to a device's primary context. Every object made in it holds a reference too, so it outlives them.</summary>
internal sealed class CudaContext : SafeHandle
{
    private readonly int _device;

    public CudaContext(int device) : base(0, ownsHandle: true)
    {
        _device = device;
        CudaApi.cuDevicePrimaryCtxRetain(out nint context, device).Check();
        SetHandle(context);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Makes the context the calling thread's. Costs some tens of nanoseconds when it is already, and is done before every call, since other code on the thread may set another.</summary>
    public void Enter() => CudaApi.cuCtxSetCurrent(handle).Check();

    /// <summary>As <see cref="Enter"/>, with the status returned.</summary>
    public CudaResult TryEnter() => CudaApi.cuCtxSetCurrent(handle);

    protected override bool ReleaseHandle() => CudaApi.cuDevicePrimaryCtxRelease(_device) == CudaResult.Success;
}

/// <summary>Which native object a <see cref="CudaHandle"/> holds, and so how it is released.</summary>
internal enum CudaObject
{
    Stream,
    Event,
    Module,
    ExecutableGraph,
}

/// <summary>A stream, event, module or executable graph.</summary>
internal sealed class CudaHandle : AcceleratorHandle
{
    private readonly CudaContext _context;
    private readonly CudaObject _kind;

    public CudaHandle(CudaContext context, LiveObjects live, nint handle, CudaObject kind) : base(live, handle, kind.ToString())
    {
        _context = context;
        _kind = kind;
        bool added = false;
        context.DangerousAddRef(ref added);
    }

    protected override bool Free(nint handle)
    {
        CudaResult result = _context.TryEnter();
        if (result == CudaResult.Success)
        {
            result = _kind switch
            {
                CudaObject.Stream => CudaApi.cuStreamDestroy(handle),
                CudaObject.Event => CudaApi.cuEventDestroy(handle),
                CudaObject.Module => CudaApi.cuModuleUnload(handle),
                _ => CudaApi.cuGraphExecDestroy(handle),
            };
        }
        _context.DangerousRelease();
        return result == CudaResult.Success;
    }
}

/// <summary>Device memory or page-locked host memory.</summary>
internal sealed class CudaMemory : DeviceMemory
{
    private readonly CudaContext _context;
    private readonly bool _onHost;

    public CudaMemory(CudaContext context, LiveObjects live, nint address, long bytes, bool onHost)
        : base(live, address, bytes, onHost ? "page-locked memory" : "device memory")
    {
        _context = context;
        _onHost = onHost;
        bool added = false;
        context.DangerousAddRef(ref added);
    }

    protected override bool Free(nint handle)
    {
        CudaResult result = _context.TryEnter();
        if (result == CudaResult.Success)
            result = _onHost ? CudaApi.cuMemFreeHost(handle) : CudaApi.cuMemFree(handle);
        _context.DangerousRelease();
        return result == CudaResult.Success;
    }
}
