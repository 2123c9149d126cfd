using System.Collections.Immutable;
using Lia.Gpu.Cuda;

namespace Lia.Gpu.Runtime;

/// <summary>Where host code starts: finds devices and opens accelerators. It holds no native resources; the name is ILGPU's.</summary>
public sealed class Context : IDisposable
{
    private readonly Lazy<ImmutableArray<CudaDevice>> _devices =
        new(() => CudaDevice.TryEnumerate(out ImmutableArray<CudaDevice> devices, out _) ? devices : []);

    private Context()
    {
    }

    /// <summary>A context.</summary>
    public static Context CreateDefault() => new();

    /// <summary>The CUDA devices of this machine; empty without a usable driver.</summary>
    public ImmutableArray<CudaDevice> Devices => _devices.Value;

    /// <summary>Opens a CUDA device.</summary>
    /// <param name="deviceIndex">Its index, as the driver counts.</param>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no device with that index.</exception>
    public Accelerator CreateCudaAccelerator(int deviceIndex = 0)
    {
        ImmutableArray<CudaDevice> devices = Devices.IsEmpty ? CudaDevice.Enumerate() : Devices;
        if ((uint)deviceIndex >= (uint)devices.Length)
            throw new ArgumentOutOfRangeException(nameof(deviceIndex), $"there is no CUDA device {deviceIndex}: this machine has {devices.Length}");
        return devices[deviceIndex].CreateAccelerator();
    }

    /// <summary>Ends the use of the context.</summary>
    public void Dispose()
    {
    }
}
