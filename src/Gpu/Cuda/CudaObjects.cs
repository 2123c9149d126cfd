using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>An event in ILGPU's context. ILGPU binds the context before it releases an object.</summary>
internal sealed class CudaEvent : AcceleratorEvent
{
    private const uint DisableTiming = 2;

    private readonly CudaKernelDevice _device;
    private nint _handle;

    internal CudaEvent(CudaKernelDevice device, bool timed) : base(device.Accelerator)
    {
        _device = device;
        device.Enter();
        CudaApi.cuEventCreate(out _handle, timed ? 0 : DisableTiming).Check();
    }

    public override bool IsCompleted
    {
        get
        {
            nint handle = Handle;
            _device.Enter();
            CudaResult result = CudaApi.cuEventQuery(handle);
            if (result != CudaResult.NotReady)
                result.Check(call: nameof(CudaApi.cuEventQuery));
            return result == CudaResult.Success;
        }
    }

    private nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _handle;
        }
    }

    internal static nint Of(AcceleratorEvent mark) =>
        mark is CudaEvent cuda ? cuda.Handle : throw new ArgumentException("the event is not a CUDA event", nameof(mark));

    public override void Synchronize()
    {
        nint handle = Handle;
        _device.Enter();
        CudaApi.cuEventSynchronize(handle).Check();
    }

    public override double MillisecondsSince(AcceleratorEvent start)
    {
        (nint from, nint to) = (Of(start), Handle);
        _device.Enter();
        CudaApi.cuEventElapsedTime(out float milliseconds, from, to).Check();
        return milliseconds;
    }

    protected override void DisposeAcceleratorObject(bool disposing) => _ = CudaApi.cuEventDestroy(_handle);
}

/// <summary>An instantiated graph.</summary>
internal sealed class CudaGraph(CudaKernelDevice device, nint executable) : AcceleratorGraph(device.Accelerator)
{
    public override void Launch(AcceleratorStream stream)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        CudaApi.cuGraphLaunch(executable, device.Enter(stream)).Check();
    }

    protected override void DisposeAcceleratorObject(bool disposing) => _ = CudaApi.cuGraphExecDestroy(executable);
}
