using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>Tensor maps on the device, where the copy engine reads them: collected while launches are prepared, uploaded together.</summary>
internal sealed class TensorMapTable(Accelerator accelerator) : IDisposable
{
    private const int PageLength = 1024;

    private readonly List<MemoryBuffer1D<TensorMap>> _pages = [];
    private readonly List<TensorMap[]> _contents = []; // Page by page, what was added so far.

    /// <summary>Appends maps, at most a page of them; where they will be.</summary>
    public ArrayView<TensorMap> Add(IEnumerable<TensorMapDescription> descriptions)
    {
        TensorMap[] maps = [.. descriptions.Select(accelerator.EncodeTensorMap)];
        if (_contents.Count == 0 || _contents[^1].Length + maps.Length > PageLength)
        {
            _contents.Add([]);
            if (_pages.Count < _contents.Count) _pages.Add(accelerator.Allocate1D<TensorMap>(PageLength));
        }
        int first = _contents[^1].Length;
        _contents[^1] = [.. _contents[^1], .. maps];
        return _pages[_contents.Count - 1].View.SubView(first, maps.Length);
    }

    /// <summary>Makes what was added known to the device.</summary>
    public void Upload()
    {
        for (int page = 0; page < _contents.Count; page++) _pages[page].CopyFromCPU(accelerator.DefaultStream, _contents[page]);
        accelerator.DefaultStream.Synchronize();
    }

    /// <summary>Forgets all maps; nothing that reads them may still run.</summary>
    public void Clear() => _contents.Clear();

    public void Dispose() => _pages.ForEach(page => page.Dispose());
}
