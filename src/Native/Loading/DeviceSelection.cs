using System.Collections.Immutable;
using Lia.Animation.Flow;
using Lia.Gpu.Cuda;
using Lia.Network;
using Lia.Network.Cpu;
using Lia.Network.Cuda;
using Lia.Network.Pool;
using Lia.Weights;

namespace Lia.Loading;

/// <summary>From a choice of device to executors on it. A GPU takes a quarter of a second to open: it is opened, and several are side by
/// side, beside whatever else is to be done first.</summary>
internal sealed class DeviceSelection : IDisposable
{
    private static readonly TimeSpan s_headStart = TimeSpan.FromMilliseconds(20);

    private readonly Device _device;
    private readonly Precision _precision;
    private readonly int _threads;
    private ImmutableArray<(string Name, GpuOpening Opening)> _openings = [];

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
                    _openings = [("ilgpu", GpuOpening.OnIlgpu())];
                    break;
                case DeviceKind.Cuda:
                    ImmutableArray<CudaDeviceInfo> found = GpuOpening.FindCuda(device.Ordinals);
                    if (!device.IsNumbered) found = found[..1];
                    _openings = [.. found.Select(static one =>
                        ($"{Device.CudaAt(one.Ordinal)} ({one.Properties.Name})", GpuOpening.OnCuda(one)))];
                    break;
                case DeviceKind.Auto:
                    _openings = [("cuda", GpuOpening.OnCuda(null))];
                    break;
            }
        }
        catch (GpuUnavailableException e)
        {
            throw Refusal(e);
        }
    }

    /// <summary>The single devices of one that may be several; it itself where it is none of CUDA's, or none is found: opening it says
    /// why.</summary>
    public static IReadOnlyList<Device> Each(Device device)
    {
        if (device.Kind != DeviceKind.Cuda) return [device];
        if (!device.Ordinals.IsEmpty) return [.. device.Ordinals.Select(static ordinal => Device.CudaAt(ordinal))];
        try
        {
            ImmutableArray<CudaDeviceInfo> found = GpuOpening.FindCuda([]);
            return [.. (device.IsNumbered ? found : found[..1]).Select(static one => Device.CudaAt(one.Ordinal))];
        }
        catch (GpuUnavailableException)
        {
            return [device];
        }
    }

    /// <summary>Ends when nothing reads the weights any more that were given to
    /// <see cref="Open(ITensorSource, ModelArchitecture, Action{string}, StepClock)"/>: of several GPUs the later ones still do when the
    /// first is ready.</summary>
    public Task WeightsRead { get; private set; } = Task.CompletedTask;

    /// <summary>Loads a network; once.</summary>
    /// <param name="weights">Read until <see cref="WeightsRead"/>.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="onWarning">
    /// Is told why <see cref="Device.Auto"/> took the CPU although there is an NVIDIA driver, why compiled kernels cannot be kept, that
    /// ILGPU found no GPU, or that one of several GPUs is not used, or not any more: on any thread.
    /// </param>
    /// <param name="clock">Is told when the device was open and when the weights were on it.</param>
    /// <exception cref="NotSupportedException">A GPU was asked for and cannot be used; the message says why.</exception>
    /// <exception cref="WeightsException">The tensors are not a LIA generator's.</exception>
    public IExecutor Open(
        ITensorSource weights, ModelArchitecture architecture, Action<string>? onWarning = null, StepClock? clock = null) =>
        Open(weights, architecture, 1, 0, onWarning, clock)[0];

    /// <inheritdoc cref="Open(ITensorSource, ModelArchitecture, Action{string}, StepClock)"/>
    /// <param name="weights">Read until <see cref="WeightsRead"/>.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="shares">Executors on the same devices, for as many threads; 0 for one a device.</param>
    /// <param name="batch">Frames that mostly go together; 0 for the device's choice.</param>
    /// <param name="onWarning">As of the other.</param>
    /// <param name="clock">As of the other.</param>
    public IReadOnlyList<IExecutor> Open(
        ITensorSource weights, ModelArchitecture architecture, int shares, int batch, Action<string>? onWarning, StepClock? clock)
    {
        if (shares == 0) shares = Math.Max(1, _openings.Length);
        IReadOnlyList<IExecutor> executors;
        if (shares == 1 && _openings.Length <= 1)
        {
            executors = [OpenExecutor(weights, architecture, onWarning, clock)];
        }
        else
        {
            DevicePool pool = OpenPool(weights, architecture, batch, onWarning, clock);
            WeightsRead = pool.Opened;
            executors = [.. Enumerable.Range(0, shares).Select(_ => pool.Share())];
        }
        clock?.Mark("weights packed");
        return executors;
    }

    /// <summary>Lets go of devices that were not taken. Nobody waits for them.</summary>
    public void Dispose()
    {
        foreach ((_, GpuOpening opening) in _openings) opening.Dispose();
    }

    private CudaPrecision GpuPrecision =>
        _precision == Precision.Exact || _device.Kind == DeviceKind.Ilgpu ? CudaPrecision.Exact : CudaPrecision.Fast;

    private DevicePool OpenPool(
        ITensorSource weights, ModelArchitecture architecture, int batch, Action<string>? onWarning, StepClock? clock)
    {
        ImmutableArray<(string Name, GpuOpening Opening)> openings = _openings;
        TaskCompletionSource packing = new();
        PoolDevice[] devices = openings.Length <= 1
            ? [new(openings.IsEmpty ? "cpu" : openings[0].Name, () => OpenExecutor(weights, architecture, onWarning, clock))]
            : [new(openings[0].Name, () => LoadFirst(openings[0].Opening)),
                .. openings[1..].Select(one => new PoolDevice(one.Name, () => LoadLater(one.Opening)))];
        try
        {
            DevicePool pool = DevicePool.Open(devices, batch, onWarning);
            _openings = []; // each is the pool's
            return pool;
        }
        catch (GpuUnavailableException e)
        {
            throw Refusal(e);
        }

        IExecutor LoadFirst(GpuOpening opening)
        {
            try
            {
                return opening.Load(weights, architecture, GpuPrecision, onWarning, () =>
                {
                    clock?.Mark("device opened");
                    packing.TrySetResult();
                });
            }
            finally
            {
                packing.TrySetResult(); // or it has failed
            }
        }

        // Packing takes all cores. The first frame is waited for: the parts of the first device's weights are to be queued before others'.
        IExecutor LoadLater(GpuOpening opening)
        {
            packing.Task.Wait();
            Thread.Sleep(s_headStart);
            return opening.Load(weights, architecture, GpuPrecision, onWarning, null);
        }
    }

    private IExecutor OpenExecutor(ITensorSource weights, ModelArchitecture architecture, Action<string>? onWarning, StepClock? clock)
    {
        if (!_openings.IsEmpty)
        {
            try
            {
                return _openings[0].Opening.Load(weights, architecture, GpuPrecision, onWarning, () => clock?.Mark("device opened"));
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
