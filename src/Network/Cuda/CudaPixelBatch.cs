using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu.Runtime;

namespace Lia.Network.Cuda;

/// <summary>Room for a batch on its way through a <see cref="CudaPixelPipe"/>, and the marks of its stations.</summary>
internal sealed class CudaPixelBatch : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    /// <param name="loader">The device.</param>
    /// <param name="frames">Most frames.</param>
    /// <param name="pictureLength">Bytes of a picture.</param>
    /// <param name="vectorLength">Values of a frame's motion code or latent.</param>
    public CudaPixelBatch(KernelLoader loader, int frames, int pictureLength, int vectorLength)
    {
        try
        {
            HostPixels = Own(loader.AllocatePageLocked<byte>(checked(frames * pictureLength)));
            Pixels = Own(loader.Allocate1D<byte>(frames * pictureLength));
            HostVectors = Own(loader.AllocatePageLocked<float>(frames * vectorLength));
            Vectors = Own(loader.Allocate1D<float>(frames * vectorLength));
            HostFaults = Own(loader.AllocatePageLocked<int>(frames));
            Faults = Own(loader.Allocate1D<int>(frames));
            (CopyStart, Copied) = (Own(loader.CreateEvent()), Own(loader.CreateEvent()));
            (ComputeStart, Computed) = (Own(loader.CreateEvent()), Own(loader.CreateEvent()));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Frames in it now.</summary>
    public int Count { get; set; }

    /// <summary>RGB bytes, driving frames or results.</summary>
    public PageLockedMemory<byte> HostPixels { get; }

    /// <inheritdoc cref="HostPixels"/>
    public MemoryBuffer1D<byte, Stride1D.Dense> Pixels { get; }

    /// <summary>Motion codes, or latents.</summary>
    public PageLockedMemory<float> HostVectors { get; }

    /// <inheritdoc cref="HostVectors"/>
    public MemoryBuffer1D<float, Stride1D.Dense> Vectors { get; }

    /// <summary>1 for every frame that is not finite.</summary>
    public PageLockedMemory<int> HostFaults { get; }

    /// <inheritdoc cref="HostFaults"/>
    public MemoryBuffer1D<int, Stride1D.Dense> Faults { get; }

    /// <summary>Before and after the copy of the pixels.</summary>
    public AcceleratorEvent CopyStart { get; }

    /// <inheritdoc cref="CopyStart"/>
    public AcceleratorEvent Copied { get; }

    /// <summary>Before and after the network.</summary>
    public AcceleratorEvent ComputeStart { get; }

    /// <inheritdoc cref="ComputeStart"/>
    public AcceleratorEvent Computed { get; }

    public TimeSpan CopyTime => TimeSpan.FromMilliseconds(Copied.MillisecondsSince(CopyStart));

    public TimeSpan ComputeTime => TimeSpan.FromMilliseconds(Computed.MillisecondsSince(ComputeStart));

    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
        _owned.Clear();
    }

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
