using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>What goes into and comes out of the plans, outside the arena: it lives from one plan to the next.</summary>
internal sealed class CudaFrameBuffers : IDisposable
{
    public CudaFrameBuffers(KernelLoader loader, AcceleratorStream stream, ModelArchitecture architecture, int capacity)
    {
        Capacity = capacity;
        int picture = architecture.PictureLength();
        Pixels = loader.Allocate1D<byte>((long)capacity * picture);
        Images = loader.Allocate1D<float>((long)capacity * picture);
        Appearance = loader.Allocate1D<float>((long)capacity * architecture.Style);
        Codes = loader.Allocate1D<float>((long)capacity * architecture.Motion);
        Latents = loader.Allocate1D<float>((long)capacity * architecture.Style);
        Frames = loader.Allocate1D<float>((long)capacity * picture);
        // A plan may have more frames than are put in: what it reads for the others is defined.
        Pixels.MemSetToZero(stream);
        Latents.MemSetToZero(stream);
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
        Pixels.Dispose();
        Images.Dispose();
        Appearance.Dispose();
        Codes.Dispose();
        Latents.Dispose();
        Frames.Dispose();
    }
}
