using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>Tensor maps on the device, where the copy engine reads them: collected while launches are prepared, uploaded together.</summary>
internal sealed class TensorMapTable(Accelerator accelerator) : IDisposable
{
    private const int Capacity = 4096; // Half a megabyte; plans of a dozen numbers of frames.

    private readonly List<TensorMap> _maps = [];
    private MemoryBuffer1D<TensorMap>? _buffer;
    private int _uploaded;

    /// <summary>Appends maps; where they will be.</summary>
    /// <exception cref="InvalidOperationException">The table is full.</exception>
    public ArrayView<TensorMap> Add(IEnumerable<TensorMapDescription> descriptions)
    {
        _buffer ??= accelerator.Allocate1D<TensorMap>(Capacity);
        int first = _maps.Count;
        _maps.AddRange(descriptions.Select(accelerator.EncodeTensorMap));
        if (_maps.Count > Capacity) throw new InvalidOperationException($"There is room for {Capacity} tensor maps.");
        return _buffer.View.SubView(first, _maps.Count - first);
    }

    /// <summary>Makes what was added known to the device.</summary>
    public void Upload()
    {
        if (_uploaded == _maps.Count) return;
        TensorMap[] added = [.. _maps.Skip(_uploaded)];
        accelerator.DefaultStream.CopyFromCPU(_buffer!.View.SubView(_uploaded, added.Length), added.AsSpan());
        accelerator.DefaultStream.Synchronize();
        _uploaded = _maps.Count;
    }

    /// <summary>Forgets all maps; nothing that reads them may still run.</summary>
    public void Clear()
    {
        _maps.Clear();
        _uploaded = 0;
    }

    public void Dispose() => _buffer?.Dispose();
}
