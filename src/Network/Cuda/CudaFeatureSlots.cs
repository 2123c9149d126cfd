using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Network.Graph;

namespace Lia.Network.Cuda;

/// <summary>
/// The features that the decoder's plans read, a source's in each slot, all slots alike and one behind the other:
/// <code>
///     slot 0 [ 8x8 | 16x16 | ... | S x S ]   slot 1 [ 8x8 | 16x16 | ... | S x S ]   ...
///
///     frames of one source       all read slot 0          (a stride of 0)
///     frames of many sources     frame i reads slot i     (a stride of a slot)
/// </code>
/// Plans are bound to addresses, so a source's features are copied to where a plan reads them; what lies there already is not copied again.
/// </summary>
internal sealed class CudaFeatureSlots : IDisposable
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _memory;
    private readonly CudaEncodedSource?[] _held;

    public CudaFeatureSlots(KernelLoader loader, AcceleratorStream stream, CudaWeights weights, LiaGraph graph, int count)
    {
        ArenaLayout measured = new(null);
        _ = weights.PlaceFeatures(measured, graph);
        Length = measured.Length;
        _held = new CudaEncodedSource?[count];
        _memory = loader.Allocate1D<float>(count * Length);
        _memory.MemSetToZero(stream); // A plan may have more frames than sources are put in.
        ArrayView<float> all = _memory.View.AsContiguous();
        Features = Array.ConvertAll(weights.PlaceFeatures(new(_memory), graph),
            map => all.SubView(((IContiguousArrayView)map.Memory).Index));
    }

    /// <summary>Sources there is room for.</summary>
    public int Count => _held.Length;

    /// <summary>Floats of a slot.</summary>
    public long Length { get; }

    /// <summary>Each feature from 8x8 up: from its place in slot 0 to the end of the last slot.</summary>
    public IReadOnlyList<ArrayView<float>> Features { get; }

    /// <summary>Puts the sources into the first slots.</summary>
    public void Fill(AcceleratorStream stream, ReadOnlySpan<EncodedSource> sources)
    {
        for (int i = 0; i < sources.Length; i++)
        {
            CudaEncodedSource source = (CudaEncodedSource)sources[i];
            if (_held[i] == source) continue;
            _held[i] = null; // Until the copy is under way.
            _memory.View.SubView(i * Length, Length).CopyFrom(stream, source.Memory.View);
            _held[i] = source;
        }
    }

    public void Dispose() => _memory.Dispose();
}
