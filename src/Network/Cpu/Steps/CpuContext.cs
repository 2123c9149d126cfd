namespace Lia.Network.Cpu;

/// <summary>What the steps of a plan share: kernels, threads, activation memory and per-worker scratch.</summary>
internal sealed unsafe class CpuContext : IDisposable
{
    private readonly List<NativeBuffer> _owned = [];
    private NativeBuffer? _scratch;
    private long _scratchFloats;
    private NativeBuffer? _shared;
    private long _sharedFloats;

    public CpuContext(CpuOptions options)
    {
        Level = SimdLevels.Resolve(options.Simd);
        Kernels = CpuKernels.Create(Level);
        Pool = new(options.Threads ?? Environment.ProcessorCount);
    }

    public SimdLevel Level { get; }

    public CpuKernels Kernels { get; }

    public WorkerPool Pool { get; }

    public Arena Arena { get; } = new();

    /// <summary>Bytes of parameters, activations and scratch.</summary>
    public long Bytes =>
        Arena.Bytes + (_owned.Sum(buffer => buffer.Length) + (_scratch?.Length ?? 0) + (_shared?.Length ?? 0)) * sizeof(float);

    /// <summary>Memory that lives as long as the context.</summary>
    public float* Own(NativeBuffer buffer)
    {
        _owned.Add(buffer);
        return buffer.Pointer;
    }

    /// <summary>A per-channel vector, padded with zeros to whole cache lines.</summary>
    public float* Vector(ReadOnlySpan<float> values) => Own(NativeBuffer.From(values, FeatureMap.RoundUp(values.Length)));

    /// <summary>A per-channel vector of one value; the padding is zero.</summary>
    public float* Vector(int length, float value)
    {
        float* vector = Own(new(FeatureMap.RoundUp(length)));
        new Span<float>(vector, length).Fill(value);
        return vector;
    }

    /// <summary>Makes every worker's scratch at least this large.</summary>
    public void NeedScratch(long floats) => _scratchFloats = Math.Max(_scratchFloats, FeatureMap.RoundUp(checked((int)floats)));

    /// <summary>Makes the memory that a step uses only while it runs at least this large.</summary>
    public void NeedShared(long floats) => _sharedFloats = Math.Max(_sharedFloats, floats);

    /// <summary>What a step uses only while it runs, all workers together.</summary>
    public float* Shared => _shared!.Pointer;

    /// <summary>Allocates activations and scratch. Nothing can be planned after this.</summary>
    public void Commit()
    {
        Arena.Commit();
        _scratch = new(_scratchFloats * Pool.Workers);
        _shared = new(_sharedFloats);
    }

    public float* Scratch(int worker) => _scratch!.Pointer + worker * _scratchFloats;

    public void Dispose()
    {
        Pool.Dispose();
        Arena.Dispose();
        _scratch?.Dispose();
        _shared?.Dispose();
        foreach (NativeBuffer buffer in _owned) buffer.Dispose();
    }
}
