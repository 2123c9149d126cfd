namespace Lia.Network.Cpu;

/// <summary>
/// One block of memory for all activations. While a plan is built, maps are reserved and released in the order in which the
/// plan writes and last reads them, so that maps which are never alive together share memory; then the block is allocated once.
/// </summary>
internal sealed unsafe class Arena : IDisposable
{
    private const long Unit = 16; // Floats: one cache line.
    private readonly List<(FeatureMap Map, long Offset)> _maps = [];
    private readonly List<(FeatureMap Map, long Offset, long Length)> _live = []; // By offset.
    private long _length;
    private NativeBuffer? _memory;

    /// <summary>Bytes allocated.</summary>
    public long Bytes => (_memory?.Length ?? 0) * sizeof(float);

    /// <summary>Gives a map the lowest free place.</summary>
    public FeatureMap Reserve(FeatureMap map)
    {
        if (_memory != null) throw new InvalidOperationException("The arena is committed.");
        long length = (map.Length + Unit - 1) / Unit * Unit, offset = 0;
        int index = 0;
        for (; index < _live.Count && _live[index].Offset - offset < length; index++) offset = _live[index].Offset + _live[index].Length;
        _live.Insert(index, (map, offset, length));
        _maps.Add((map, offset));
        _length = Math.Max(_length, offset + length);
        return map;
    }

    /// <summary>What is reserved from now on may use the map's memory.</summary>
    public void Release(FeatureMap map)
    {
        int index = _live.FindIndex(entry => entry.Map == map);
        if (index < 0) throw new InvalidOperationException("The map is not reserved.");
        _live.RemoveAt(index);
    }

    /// <summary>Allocates the memory and tells every map its place.</summary>
    public void Commit()
    {
        _memory = new(_length);
        foreach ((FeatureMap map, long offset) in _maps) map.Memory = _memory.Pointer + offset;
    }

    public void Dispose() => _memory?.Dispose();
}
