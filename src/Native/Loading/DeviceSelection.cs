using Lia.Animation.Flow;
using Lia.Network;
using Lia.Network.Cpu;
using Lia.Network.Cuda;
using Lia.Weights;

namespace Lia.Loading;

/// <summary>From a choice of device to an executor on it. A GPU takes a quarter of a second to open: it is opened beside whatever else is
/// to be done first.</summary>
internal sealed class DeviceSelection : IDisposable
{
    private readonly Device _device;
    private readonly Precision _precision;
    private readonly int _threads;
    private readonly GpuOpening? _opening;

    /// <summary>Refuses a device that is not there, before anything is loaded, and begins to open one that may be.</summary>
    /// <param name="device"><see cref="Device.Auto"/> takes CUDA where there is a device that can hold the network, else the CPU.</param>
    /// <param name="precision"><see cref="Precision.Auto"/> is fast on CUDA, exact on the CPU and by ILGPU, which have nothing
    /// else.</param>
    /// <param name="threads">CPU threads; 0 takes every core.</param>
    /// <exception cref="NotSupportedException">CUDA was asked for and cannot be used, or has no such precision; the message says
    /// why.</exception>
    public DeviceSelection(Device device, Precision precision, int threads)
    {
        (_device, _precision, _threads) = (device, precision, threads);
        try
        {
            switch (device.Kind)
            {
                case DeviceKind.Ilgpu:
                    if (precision == Precision.Fast)
                        throw new NotSupportedException(
                            "The device ilgpu has no fast precision: fast kernels need our compiler, on an NVIDIA GPU (cuda); ilgpu runs "
                                + "the exact ones.");
                    _opening = GpuOpening.OnIlgpu();
                    break;
                case DeviceKind.Cuda:
                    GpuOpening.DemandCuda(device.Ordinal);
                    goto case DeviceKind.Auto;
                case DeviceKind.Auto:
                    _opening = GpuOpening.OnCuda(device.Ordinal);
                    break;
            }
        }
        catch (GpuUnavailableException e)
        {
            throw Refusal(e);
        }
    }

    /// <summary>Loads a network; once.</summary>
    /// <param name="weights">Read during the call only.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="onWarning">
    /// Is told why <see cref="Device.Auto"/> took the CPU although there is an NVIDIA driver, why compiled kernels cannot be kept, or that
    /// ILGPU found no GPU.
    /// </param>
    /// <param name="clock">Is told when the device was open and when the weights were on it.</param>
    /// <exception cref="NotSupportedException">A GPU was asked for and cannot be used; the message says why.</exception>
    /// <exception cref="WeightsException">The tensors are not a LIA generator's.</exception>
    public IExecutor Open(ITensorSource weights, ModelArchitecture architecture, Action<string>? onWarning = null, StepClock? clock = null)
    {
        IExecutor executor = OpenExecutor(weights, architecture, onWarning, clock);
        clock?.Mark("weights packed");
        return executor;
    }

    /// <summary>Lets go of a device that was not taken. Nobody waits for it.</summary>
    public void Dispose() => _opening?.Dispose();

    private IExecutor OpenExecutor(ITensorSource weights, ModelArchitecture architecture, Action<string>? onWarning, StepClock? clock)
    {
        if (_opening is not null)
        {
            try
            {
                CudaPrecision precision = _precision == Precision.Exact || _device.Kind == DeviceKind.Ilgpu ? CudaPrecision.Exact
                    : CudaPrecision.Fast;
                return _opening.Load(weights, architecture, precision, onWarning, () => clock?.Mark("device opened"));
            }
            catch (GpuUnavailableException e)
            {
                if (_device != Device.Auto) throw Refusal(e);
                // A machine without a driver is no surprise to its owner.
                if (!e.IsAbsent) onWarning?.Invoke($"computing on the CPU: {e.Message}");
            }
        }
        return new CpuExecutor(weights, architecture, new() { Threads = _threads == 0 ? null : _threads });
    }

    private NotSupportedException Refusal(GpuUnavailableException e) => new($"The device {_device} cannot be used: {e.Message}", e);
}
