using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>An event.</summary>
internal sealed class CudaEvent : AcceleratorEvent
{
    private const uint DisableTiming = 2;

    private readonly CudaContext _context;
    private readonly CudaHandle _handle;

    internal CudaEvent(CudaAccelerator accelerator, bool timed)
    {
        _context = accelerator.Context;
        _context.Enter();
        CudaApi.cuEventCreate(out nint mark, timed ? 0 : DisableTiming).Check();
        _handle = new CudaHandle(_context, accelerator.Live, mark, CudaObject.Event);
    }

    internal static nint Of(AcceleratorEvent mark) =>
        mark is CudaEvent cuda ? cuda._handle.Value : throw new ArgumentException("the event is not a CUDA event", nameof(mark));

    public override bool IsCompleted
    {
        get
        {
            _context.Enter();
            CudaResult result = CudaApi.cuEventQuery(_handle.Value);
            if (result != CudaResult.NotReady)
                result.Check(call: nameof(CudaApi.cuEventQuery));
            return result == CudaResult.Success;
        }
    }

    public override void Synchronize()
    {
        _context.Enter();
        CudaApi.cuEventSynchronize(_handle.Value).Check();
    }

    public override double MillisecondsSince(AcceleratorEvent start)
    {
        _context.Enter();
        CudaApi.cuEventElapsedTime(out float milliseconds, Of(start), _handle.Value).Check();
        return milliseconds;
    }

    protected override void Dispose(bool disposing) => _handle.Dispose();
}
