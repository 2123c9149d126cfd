using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;

namespace Lia.Network.Cuda;

/// <summary>
/// Places the activations of a plan in one block of device memory: what was released is given out again, lowest address first. A plan
/// is laid out once to learn its size and again when the memory is there.
/// </summary>
/// <param name="block">The memory; null for the size alone: what is prepared then is never launched, but its kernels load.</param>
internal sealed class ArenaLayout(MemoryBuffer1D<float, Stride1D.Dense>? block)
{
    private const long Granule = 64; // 256 bytes: whole lines for every map.

    private readonly List<(long Start, long End)> _free = [(0, long.MaxValue)];
    private readonly Dictionary<long, (long Start, long End)> _live = [];
    private readonly MemoryBuffer? _memory = block is null ? null : ((IArrayView)block.AsContiguous()).Buffer;

    /// <summary>Floats the block needs.</summary>
    public long Length { get; private set; }

    /// <summary>Room for <paramref name="length"/> floats, undefined at first.</summary>
    public ArrayView<float> Reserve(long length)
    {
        long needed = Math.Max(Granule, (length + Granule - 1) / Granule * Granule);
        int index = _free.FindIndex(gap => gap.End - gap.Start >= needed);
        (long start, long end) = _free[index];
        if (end - start == needed) _free.RemoveAt(index);
        else _free[index] = (start + needed, end);
        Length = Math.Max(Length, start + needed);
        _live.Add(start, (start, start + needed));
        return new(_memory!, start, length); // without memory while the size is measured
    }

    /// <summary>Gives the room back: what is reserved from here on may lie there.</summary>
    public void Release(ArrayView<float> view)
    {
        _live.Remove(((IContiguousArrayView)view).Index, out (long Start, long End) range);
        int index = _free.FindIndex(gap => gap.Start >= range.End);
        _free.Insert(index, range);
        if (_free[index + 1].Start == range.End)
        {
            _free[index] = (range.Start, _free[index + 1].End);
            _free.RemoveAt(index + 1);
        }
        if (index > 0 && _free[index - 1].End == range.Start)
        {
            _free[index - 1] = (_free[index - 1].Start, _free[index].End);
            _free.RemoveAt(index);
        }
    }
}
