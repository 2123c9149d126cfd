using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network;
using Lia.Network.Cpu;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Pipeline;

/// <summary>From a choice of device to an executor on it. A GPU takes a quarter of a second to open: it is opened beside whatever else is to be done first.</summary>
internal sealed class DeviceSelection : IDisposable
{
    private readonly Device _device;
    private readonly Precision _precision;
    private readonly int _threads;
    private Task<KernelLoader>? _opening;

    /// <summary>Refuses a device that is not there, before anything is loaded, and begins to open one that may be.</summary>
    /// <param name="device"><see cref="Device.Auto"/> takes CUDA where there is a device that can hold the network, else the CPU.</param>
    /// <param name="precision"><see cref="Precision.Auto"/> is fast on CUDA, exact on the CPU, which has nothing else.</param>
    /// <param name="threads">CPU threads; 0 takes every core.</param>
    /// <exception cref="NotSupportedException">CUDA was asked for and cannot be used; the message says why.</exception>
    public DeviceSelection(Device device, Precision precision, int threads)
    {
        (_device, _precision, _threads) = (device, precision, threads);
        if (device == Device.Cuda && !CudaDeviceInfo.TryEnumerate(out _, out string? problem)) throw Refusal(problem!);
        if (device != Device.Cpu) _opening = Task.Run(OpenDevice);
    }

    /// <summary>Loads a network.</summary>
    /// <param name="weights">Read during the call only.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="onWarning">Is told why <see cref="Device.Auto"/> took the CPU although there is an NVIDIA driver, or why compiled kernels cannot be kept.</param>
    /// <param name="clock">Is told when the device was open and when the weights were on it.</param>
    /// <exception cref="NotSupportedException">CUDA was asked for and cannot be used; the message says why.</exception>
    /// <exception cref="WeightsException">The tensors are not a LIA generator's.</exception>
    public IExecutor Open(ITensorSource weights, ModelArchitecture architecture, Action<string>? onWarning = null, StepClock? clock = null)
    {
        IExecutor executor = OpenExecutor(weights, architecture, onWarning, clock);
        clock?.Mark("weights packed");
        return executor;
    }

    /// <summary>Lets go of a device that was not taken. Nobody waits for it.</summary>
    public void Dispose() => Interlocked.Exchange(ref _opening, null)?.ContinueWith(
        static opening =>
        {
            if (opening.IsCompletedSuccessfully) opening.Result.Dispose();
            else _ = opening.Exception; // seen
        },
        TaskScheduler.Default);

    private IExecutor OpenExecutor(ITensorSource weights, ModelArchitecture architecture, Action<string>? onWarning, StepClock? clock)
    {
        if (_device != Device.Cpu)
        {
            try
            {
                KernelLoader loader = Interlocked.Exchange(ref _opening, null) is { } opening ? opening.GetAwaiter().GetResult() : OpenDevice();
                clock?.Mark("device opened");
                CudaExecutor executor = new(loader, weights, architecture, _precision == Precision.Exact ? CudaPrecision.Exact : CudaPrecision.Fast, ownsLoader: true);
                if (loader.Cache.Problem is { } problem) onWarning?.Invoke(problem);
                return executor;
            }
            catch (Exception e) when (e is CudaUnavailableException or CudaException or AcceleratorOutOfMemoryException)
            {
                if (_device == Device.Cuda) throw Refusal(e.Message);
                // A machine without a driver is no surprise to its owner.
                if (e is not CudaUnavailableException { Reason: CudaUnavailableReason.NoDriver }) onWarning?.Invoke($"computing on the CPU: {e.Message}");
            }
        }
        return new CpuExecutor(weights, architecture, new() { Threads = _threads == 0 ? null : _threads });
    }

    private static KernelLoader OpenDevice() => CudaDeviceInfo.Enumerate()[0].Open();

    private static NotSupportedException Refusal(string problem) => new($"The device cuda cannot be used: {problem}");
}
