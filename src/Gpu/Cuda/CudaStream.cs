using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A stream that does not wait for the legacy default stream.</summary>
internal sealed class CudaStream : AcceleratorStream
{
    private const uint NonBlocking = 1;
    private const int ThreadLocalCapture = 1; // other threads may go on allocating while one captures

    private readonly CudaContext _context;
    private readonly CudaHandle _handle;

    internal CudaStream(CudaAccelerator accelerator) : base(accelerator)
    {
        _context = accelerator.Context;
        _context.Enter();
        CudaApi.cuStreamCreate(out nint stream, NonBlocking).Check();
        _handle = new CudaHandle(_context, accelerator.Live, stream, CudaObject.Stream);
    }

    /// <summary>The stream, with its context made current.</summary>
    internal nint Enter()
    {
        nint stream = _handle.Value;
        _context.Enter();
        return stream;
    }

    public override bool IsCompleted
    {
        get
        {
            CudaResult result = CudaApi.cuStreamQuery(Enter());
            if (result != CudaResult.NotReady)
                result.Check(call: nameof(CudaApi.cuStreamQuery));
            return result == CudaResult.Success;
        }
    }

    public override void Synchronize() => CudaApi.cuStreamSynchronize(Enter()).Check();

    public override void Record(AcceleratorEvent mark) => CudaApi.cuEventRecord(CudaEvent.Of(mark), Enter()).Check();

    public override void Wait(AcceleratorEvent mark) => CudaApi.cuStreamWaitEvent(Enter(), CudaEvent.Of(mark), 0).Check();

    protected override void StartCapture() => CudaApi.cuStreamBeginCapture(Enter(), ThreadLocalCapture).Check();

    protected override AcceleratorGraph FinishCapture()
    {
        CudaApi.cuStreamEndCapture(Enter(), out nint graph).Check();
        try
        {
            CudaApi.cuGraphInstantiateWithFlags(out nint executable, graph, 0).Check();
            return new CudaGraph((CudaAccelerator)Accelerator, executable);
        }
        finally
        {
            _ = CudaApi.cuGraphDestroy(graph);
        }
    }

    protected override void CopyFromHost(nint target, nint source, long bytes)
    {
        if (bytes > 0)
            CudaApi.cuMemcpyHtoDAsync(target, source, (nuint)bytes, Enter()).Check($"{bytes} bytes");
    }

    protected override void CopyToHost(nint target, nint source, long bytes)
    {
        if (bytes > 0)
            CudaApi.cuMemcpyDtoHAsync(target, source, (nuint)bytes, Enter()).Check($"{bytes} bytes");
    }

    protected override void CopyOnDevice(nint target, nint source, long bytes)
    {
        if (bytes > 0)
            CudaApi.cuMemcpyDtoDAsync(target, source, (nuint)bytes, Enter()).Check($"{bytes} bytes");
    }

    protected override void Fill(nint target, byte value, long bytes)
    {
        if (bytes > 0)
            CudaApi.cuMemsetD8Async(target, value, (nuint)bytes, Enter()).Check($"{bytes} bytes");
    }

    protected override void Dispose(bool disposing) => _handle.Dispose();
}
