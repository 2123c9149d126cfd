using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Lia.Training.Steps;

/// <summary>
/// Arrays that a step uploads again and again, page-locked at the first time: the device then reads them where they lie, ten times as fast
/// as through the driver's own buffers.
/// </summary>
/// <param name="accelerator">The device.</param>
internal sealed class PageLockedArrays(Accelerator accelerator) : IDisposable
{
    // Of what is more than a queue of batches has, each would be another one at every step.
    private const int Most = 128;

    private readonly Dictionary<Array, (GCHandle Pin, IDisposable Lock)> _arrays = [];

    /// <summary>Copies an array to the device.</summary>
    public void Upload<T>(AcceleratorStream stream, T[] from, ArrayView<T> to) where T : unmanaged
    {
        if (!_arrays.ContainsKey(from) && _arrays.Count < Most)
        {
            GCHandle pin = GCHandle.Alloc(from, GCHandleType.Pinned);
            _arrays.Add(from, (pin, accelerator.CreatePageLockFromPinned<T>(pin.AddrOfPinnedObject(), from.Length)));
        }
        to.CopyFromCPU(stream, from);
    }

    public void Dispose()
    {
        foreach ((GCHandle pin, IDisposable held) in _arrays.Values)
        {
            held.Dispose();
            pin.Free();
        }
        _arrays.Clear();
    }
}
