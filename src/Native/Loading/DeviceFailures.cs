using ILGPU.Runtime;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network.Cuda;

namespace Lia.Loading;

/// <summary>Tells whether another device may do what one has failed at.</summary>
internal static class DeviceFailures
{
    /// <summary>Whether a failure, or what caused it, is that a device is not there, is lost or has not enough memory.</summary>
    public static bool IsOne(Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is GpuUnavailableException or AcceleratorOutOfMemoryException or CudaException or AcceleratorException) return true;
        }
        return false;
    }
}
