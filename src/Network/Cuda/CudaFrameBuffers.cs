using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>What goes into and comes out of the plans, outside the arena: it lives from one plan to the next.</summary>
internal sealed class CudaFrameBuffers : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public CudaFrameBuffers(KernelLoader loader, AcceleratorStream stream, ModelArchitecture architecture, int capacity)
    {
        Capacity = capacity;
        int picture = architecture.PictureLength();
        try
        {
            Pixels = Own(loader.Allocate1D<byte>((long)capacity * picture));
            Images = Own(loader.Allocate1D<float>((long)capacity * picture));
            Appearance = Own(loader.Allocate1D<float>((long)capacity * architecture.Style));
            Codes = Own(loader.Allocate1D<float>((long)capacity * architecture.Motion));
            Latents = Own(loader.Allocate1D<float>((long)capacity * architecture.Style));
            Frames = Own(loader.Allocate1D<float>((long)capacity * picture));
            // A plan may have more frames than are put in: what it reads for the others is defined.
            Pixels.MemSetToZero(stream);
            Latents.MemSetToZero(stream);
        }
        catch
        {
            Dispose(); // Fewer frames are tried next, and need the room.
            throw;
        }
    }

    /// <summary>Frames there is room for.</summary>
    public int Capacity { get; }

    /// <summary>RGB bytes of driving pictures, then of those made.</summary>
    public MemoryBuffer1D<byte, Stride1D.Dense> Pixels { get; }

    /// <summary>Driving or source pictures, planar.</summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Images { get; }

    /// <summary>wa [frame, style].</summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Appearance { get; }

    /// <summary>alpha [frame, motion].</summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Codes { get; }

    /// <summary>[frame, style].</summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Latents { get; }

    /// <summary>The pictures made, planar.</summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Frames { get; }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
        _owned.Clear();
    }

    private MemoryBuffer1D<T, Stride1D.Dense> Own<T>(MemoryBuffer1D<T, Stride1D.Dense> buffer) where T : unmanaged
    {
        _owned.Add(buffer);
        return buffer;
    }
}
