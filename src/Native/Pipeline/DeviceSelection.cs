using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network;
using Lia.Network.Cpu;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Pipeline;

/// <summary>From a choice of device to an executor on it.</summary>
internal static class DeviceSelection
{
    /// <summary>Refuses a device that is not there, before anything is loaded.</summary>
    /// <exception cref="NotSupportedException">CUDA was asked for and cannot be used; the message says why.</exception>
    public static void Demand(Device device)
    {
        if (device == Device.Cuda && !CudaDevice.TryEnumerate(out _, out string? problem)) throw Refusal(problem!);
    }

    /// <summary>Loads a network.</summary>
    /// <param name="weights">Read during the call only.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="device"><see cref="Device.Auto"/> takes CUDA where there is a device that can hold the network, else the CPU.</param>
    /// <param name="precision"><see cref="Precision.Auto"/> is fast on CUDA, exact on the CPU, which has nothing else.</param>
    /// <param name="threads">CPU threads; 0 takes every core.</param>
    /// <param name="onFallback">Is told why <see cref="Device.Auto"/> took the CPU although there is an NVIDIA driver.</param>
    /// <exception cref="NotSupportedException">CUDA was asked for and cannot be used; the message says why.</exception>
    /// <exception cref="WeightsException">The tensors are not a LIA generator's.</exception>
    public static IExecutor Open(ITensorSource weights, ModelArchitecture architecture, Device device, Precision precision, int threads, Action<string>? onFallback = null)
    {
        if (device != Device.Cpu)
        {
            try
            {
                return new CudaExecutor(CudaDevice.Enumerate()[0].CreateAccelerator(), weights, architecture, precision == Precision.Exact ? CudaPrecision.Exact : CudaPrecision.Fast, ownsAccelerator: true);
            }
            catch (Exception e) when (e is CudaUnavailableException or CudaException or AcceleratorOutOfMemoryException)
            {
                if (device == Device.Cuda) throw Refusal(e.Message);
                // A machine without a driver is no surprise to its owner.
                if (e is not CudaUnavailableException { Reason: CudaUnavailableReason.NoDriver }) onFallback?.Invoke($"computing on the CPU: {e.Message}");
            }
        }
        return new CpuExecutor(weights, architecture, new() { Threads = threads == 0 ? null : threads });
    }

    private static NotSupportedException Refusal(string problem) => new($"The device cuda cannot be used: {problem}");
}
