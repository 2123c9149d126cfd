using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>An instantiated graph.</summary>
internal sealed class CudaGraph : AcceleratorGraph
{
    private readonly CudaHandle _handle;

    internal CudaGraph(CudaAccelerator accelerator, nint executable) =>
        _handle = new CudaHandle(accelerator.Context, accelerator.Live, executable, CudaObject.ExecutableGraph);

    public override void Launch(AcceleratorStream stream)
    {
        if (stream is not CudaStream cuda)
            throw new ArgumentException("the stream is not a CUDA stream", nameof(stream));
        CudaApi.cuGraphLaunch(_handle.Value, cuda.Enter()).Check();
    }

    protected override void Dispose(bool disposing) => _handle.Dispose();
}
