using Lia.Gpu.Runtime;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>A source's codes on the host and its features on the device.</summary>
internal sealed class CudaEncodedSource : EncodedSource
{
    private readonly MemoryBuffer1D<float> _memory;

    public CudaEncodedSource(CudaExecutor owner, Accelerator accelerator, LiaGraph graph)
    {
        ModelArchitecture architecture = graph.Architecture;
        Owner = owner;
        AppearanceCode = new float[architecture.Style];
        MotionCode = new float[architecture.Motion];
        (_memory, Features) = AllocateFeatures(accelerator, graph);
    }

    public CudaExecutor Owner { get; }

    public float[] AppearanceCode { get; }

    public float[] MotionCode { get; }

    /// <summary>From 8x8 up.</summary>
    public IReadOnlyList<ActivationMap> Features { get; }

    public bool IsDisposed { get; private set; }

    public override ReadOnlySpan<float> Appearance => AppearanceCode;

    public override ReadOnlySpan<float> Motion => MotionCode;

    /// <summary>Room for the features of one source.</summary>
    public static (MemoryBuffer1D<float> Memory, ActivationMap[] Maps) AllocateFeatures(Accelerator accelerator, LiaGraph graph)
    {
        ArenaLayout measured = new(0);
        _ = Place(measured);
        MemoryBuffer1D<float> memory = accelerator.Allocate1D<float>(measured.Length);
        return (memory, Place(new(memory.NativePtr)));

        ActivationMap[] Place(ArenaLayout layout) => [.. graph.Synthesis.Levels.Select(level =>
        {
            int size = level.Resolution, channels = graph.Architecture.ChannelsAt(size);
            return new ActivationMap(layout.Reserve((long)size * size * channels), 1, size, size, channels);
        })];
    }

    public override void Dispose()
    {
        if (IsDisposed) return;
        IsDisposed = true;
        _memory.Dispose();
    }
}
