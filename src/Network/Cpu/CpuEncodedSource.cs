using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cpu;

/// <summary>A source's codes and features.</summary>
internal sealed class CpuEncodedSource : EncodedSource
{
    private readonly Arena _arena = new();

    public CpuEncodedSource(CpuExecutor owner, LiaGraph graph)
    {
        ModelArchitecture architecture = graph.Architecture;
        Owner = owner;
        AppearanceCode = new float[architecture.Style];
        MotionCode = new float[architecture.Motion];
        Features = [.. graph.Synthesis.Levels.Select(level =>
            _arena.Reserve(new(level.Resolution, level.Resolution, architecture.ChannelsAt(level.Resolution), border: 0)))];
        _arena.Commit();
    }

    public CpuExecutor Owner { get; }

    public float[] AppearanceCode { get; }

    public float[] MotionCode { get; }

    /// <summary>From 8x8 up.</summary>
    public FeatureMap[] Features { get; }

    public bool IsDisposed { get; private set; }

    public override ReadOnlySpan<float> Appearance => AppearanceCode;

    public override ReadOnlySpan<float> Motion => MotionCode;

    public override void Dispose()
    {
        IsDisposed = true;
        _arena.Dispose();
    }
}
