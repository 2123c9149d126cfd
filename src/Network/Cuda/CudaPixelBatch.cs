using Lia.Gpu.Runtime;

namespace Lia.Network.Cuda;

/// <summary>Room for a batch on its way through a <see cref="CudaPixelPipe"/>, and the marks of its stations.</summary>
internal sealed class CudaPixelBatch : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    /// <param name="accelerator">The device.</param>
    /// <param name="frames">Most frames.</param>
    /// <param name="pictureLength">Bytes of a picture.</param>
    /// <param name="vectorLength">Values of a frame's motion code or latent.</param>
    public CudaPixelBatch(Accelerator accelerator, int frames, int pictureLength, int vectorLength)
    {
        try
        {
            HostPixels = Own(accelerator.AllocatePageLocked1D<byte>(checked(frames * pictureLength)));
            Pixels = Own(accelerator.Allocate1D<byte>(frames * pictureLength));
            HostVectors = Own(accelerator.AllocatePageLocked1D<float>(frames * vectorLength));
            Vectors = Own(accelerator.Allocate1D<float>(frames * vectorLength));
            HostFaults = Own(accelerator.AllocatePageLocked1D<int>(frames));
            Faults = Own(accelerator.Allocate1D<int>(frames));
            (CopyStart, Copied) = (Own(accelerator.CreateEvent()), Own(accelerator.CreateEvent()));
            (ComputeStart, Computed) = (Own(accelerator.CreateEvent()), Own(accelerator.CreateEvent()));
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
    public PageLockedArray1D<byte> HostPixels { get; }

    /// <inheritdoc cref="HostPixels"/>
    public MemoryBuffer1D<byte> Pixels { get; }

    /// <summary>Motion codes, or latents.</summary>
    public PageLockedArray1D<float> HostVectors { get; }

    /// <inheritdoc cref="HostVectors"/>
    public MemoryBuffer1D<float> Vectors { get; }

    /// <summary>1 for every frame that is not finite.</summary>
    public PageLockedArray1D<int> HostFaults { get; }

    /// <inheritdoc cref="HostFaults"/>
    public MemoryBuffer1D<int> Faults { get; }

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
