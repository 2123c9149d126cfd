using System.Runtime.InteropServices;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>
/// Tensor maps on the device, where the copy engine reads them: collected while launches are prepared, uploaded together. The copy engine
/// caches maps by address: kernels acquire them (<see cref="CopyRing.Acquire"/>), and for drivers on which they cannot, what was forgotten
/// is written over only after all other pages were.
/// </summary>
internal sealed class TensorMapTable(KernelLoader loader) : IDisposable
{
    private const int PageLength = 1024, LeastPages = 8; // A page holds some ten plans.

    private readonly List<MemoryBuffer1D<TensorMap, Stride1D.Dense>> _pages = [];
    private readonly List<TensorMap> _current = []; // What the current page holds.
    private int _page = -1, _live, _uploaded;

    /// <summary>Appends maps, at most a page of them; where they will be.</summary>
    public ArrayView<TensorMap> Add(IEnumerable<TensorMapDescription> descriptions)
    {
        List<TensorMap> maps = []; // LINQ's iterators over structs are compiled when they run, which a first frame would wait for
        foreach (TensorMapDescription description in descriptions) maps.Add(loader.EncodeTensorMap(description));
        if (_live == 0 || _current.Count + maps.Count > PageLength) TurnPage();
        int first = _current.Count;
        _current.AddRange(maps);
        return _pages[_page].View.SubView(first, maps.Count);
    }

    /// <summary>Makes what was added known to the device.</summary>
    public void Upload()
    {
        if (_uploaded == _current.Count) return;
        TensorMap[] added = CollectionsMarshal.AsSpan(_current)[_uploaded..].ToArray();
        ArrayView<TensorMap> page = _pages[_page].View;
        page.SubView(_uploaded, added.Length).CopyFromCPU(loader.Accelerator.DefaultStream, added);
        _uploaded = _current.Count;
    }

    /// <summary>Forgets all maps; nothing that reads them may still run.</summary>
    public void Clear() => _live = 0;

    public void Dispose() => _pages.ForEach(page => page.Dispose());

    // To the page that was left longest ago, or to a new one where there are few or all are in use.
    private void TurnPage()
    {
        if (_live > 0) Upload();
        if (_pages.Count < LeastPages || _live == _pages.Count) _pages.Insert(++_page, loader.Allocate1D<TensorMap>(PageLength));
        else _page = (_page + 1) % _pages.Count;
        _live++;
        _current.Clear();
        _uploaded = 0;
    }
}
