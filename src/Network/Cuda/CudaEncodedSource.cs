using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>A source's codes on the host and its features on the device.</summary>
internal sealed class CudaEncodedSource : EncodedSource
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _memory;

    public CudaEncodedSource(CudaExecutor owner, KernelLoader loader, CudaWeights weights, LiaGraph graph)
    {
        ModelArchitecture architecture = graph.Architecture;
        Owner = owner;
        AppearanceCode = new float[architecture.Style];
        MotionCode = new float[architecture.Motion];
        (_memory, Features) = AllocateFeatures(loader, weights, graph);
    }

    public CudaExecutor Owner { get; }

    public float[] AppearanceCode { get; }

    public float[] MotionCode { get; }

    /// <summary>From 8x8 up.</summary>
    public IReadOnlyList<ICudaActivation> Features { get; }

    public bool IsDisposed { get; private set; }

    public override ReadOnlySpan<float> Appearance => AppearanceCode;

    public override ReadOnlySpan<float> Motion => MotionCode;

    /// <summary>Room for the features of one source.</summary>
    public static (MemoryBuffer1D<float, Stride1D.Dense> Memory, ICudaActivation[] Maps) AllocateFeatures(
        KernelLoader loader, CudaWeights weights, LiaGraph graph)
    {
        ArenaLayout measured = new(null);
        _ = weights.PlaceFeatures(measured, graph);
        MemoryBuffer1D<float, Stride1D.Dense> memory = loader.Allocate1D<float>(measured.Length);
        return (memory, weights.PlaceFeatures(new(memory), graph));
    }

    public override void Dispose()
    {
        if (IsDisposed) return;
        IsDisposed = true;
        CudaExecutor.Release(_memory.Dispose);
    }
}
