using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>A source's codes on the host and its features on the device.</summary>
internal sealed class CudaEncodedSource : EncodedSource
{
    public CudaEncodedSource(CudaExecutor owner, KernelLoader loader, CudaWeights weights, LiaGraph graph)
    {
        ModelArchitecture architecture = graph.Architecture;
        Owner = owner;
        AppearanceCode = new float[architecture.Style];
        MotionCode = new float[architecture.Motion];
        ArenaLayout measured = new(null);
        _ = weights.PlaceFeatures(measured, graph);
        Memory = loader.Allocate1D<float>(measured.Length);
        Features = weights.PlaceFeatures(new(Memory), graph);
    }

    public CudaExecutor Owner { get; }

    public float[] AppearanceCode { get; }

    public float[] MotionCode { get; }

    /// <summary>All features: a slot of <see cref="CudaFeatureSlots"/>.</summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Memory { get; }

    /// <summary>From 8x8 up.</summary>
    public IReadOnlyList<ICudaActivation> Features { get; }

    public bool IsDisposed { get; private set; }

    public override ReadOnlySpan<float> Appearance => AppearanceCode;

    public override ReadOnlySpan<float> Motion => MotionCode;

    public override void Dispose()
    {
        if (IsDisposed) return;
        IsDisposed = true;
        CudaExecutor.Release(Memory.Dispose);
    }
}
