using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Modulation;
using Lia.Kernels.MotionBasis;
using Lia.Kernels.Pixels;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>A GPU cannot be used; the message says why.</summary>
/// <param name="message">Why.</param>
/// <param name="isAbsent">Whether there is no driver at all.</param>
/// <param name="cause">What failed.</param>
public sealed class GpuUnavailableException(string message, bool isAbsent, Exception? cause = null) : NotSupportedException(message, cause)
{
    /// <summary>Whether there is no driver at all, which surprises nobody who owns the machine.</summary>
    public bool IsAbsent { get; } = isAbsent;
}

/// <summary>A GPU that is being opened for one network. It takes a quarter of a second, beside whatever else is to be done first.</summary>
public sealed class GpuOpening : IDisposable
{
    private readonly Task<CompileTarget>? _target; // null with kernels of ILGPU's own compiler
    private Task<KernelLoader>? _opening;

    private GpuOpening(Func<CudaDeviceInfo> find)
    {
        // What a device is, is known long before it is open.
        Task<CudaDeviceInfo> found = Task.Run(find);
        _target = found.ContinueWith(static device => CudaTarget.Of(device.GetAwaiter().GetResult()), TaskScheduler.Default);
        _opening = found.ContinueWith(static device => device.GetAwaiter().GetResult().Open(), TaskScheduler.Default);
    }

    private GpuOpening(Func<KernelLoader> open) => _opening = Task.Run(open);

    private bool IsStock => _target is null;

    /// <summary>Finds CUDA devices, before anything else is done.</summary>
    /// <param name="ordinals">Their numbers, as the driver counts; empty for all that can be used.</param>
    /// <returns>At least one, in the order of the numbers.</returns>
    /// <exception cref="GpuUnavailableException">There is none, or none of some number; the message says which there are.</exception>
    public static ImmutableArray<CudaDeviceInfo> FindCuda(ImmutableArray<int> ordinals) => Tell(() =>
        Find(CudaDeviceInfo.Enumerate(), ordinals, static device => (device.Ordinal, device.Properties.Name)));

    /// <summary>Begins to open a CUDA device.</summary>
    /// <param name="device">One of <see cref="FindCuda"/>; null takes the first that can be used, and whether there is one shows in
    /// <see cref="Load"/>.</param>
    public static GpuOpening OnCuda(CudaDeviceInfo? device) =>
        new(() => device ?? CudaDeviceInfo.Enumerate()[0]);

    /// <summary>What the network's kernels on tensor cores are launched with, the largest first.</summary>
    internal static IReadOnlyList<Type> Arguments =>
    [
        typeof(WgmmaConvolutionArguments), typeof(WgmmaUpArguments), typeof(WgmmaFlatUpArguments), typeof(HalfConvolutionArguments),
        typeof(HalfBlurPairArguments), typeof(HalfFlowWarpArguments), typeof(HalfSplitReductionArguments), typeof(HalfBlurArguments),
        typeof(NormalizedStylesArguments), typeof(HalfRgbWarpArguments), typeof(HalfFirstLayerArguments),
        typeof(HalfRgbProjectionArguments), typeof(PairSplitReductionArguments), typeof(HalfLinearArguments), typeof(PairLinearArguments),
        typeof(LinearArguments), typeof(HouseholderQrArguments), typeof(PixelArguments), typeof(FiniteCheckArguments),
    ];

    /// <summary>Has the runtime compile, on the thread pool, what opening a CUDA device and loading a network onto it runs: worth it while
    /// the driver starts, where cores are idle.</summary>
    public static void Rehearse() => Rehearsal.Begin(typeof(Kernels.KernelLaunch).Assembly, Arguments, static () =>
    {
        ArenaLayout arena = new(null);
        ILGPU.ArrayView<float> first = arena.Reserve(100);
        _ = arena.Reserve(1);
        arena.Release(first);
    }, CudaExecutor.RehearsePlans);

    /// <summary>Begins to open the accelerator that ILGPU finds, for kernels of its own compiler.</summary>
    public static GpuOpening OnIlgpu() => new(() => StockAccelerators.Open());

    /// <summary>Finds devices by their numbers.</summary>
    /// <param name="devices">All there are.</param>
    /// <param name="ordinals">The numbers; empty for all.</param>
    /// <param name="describe">The number of a device, and its name.</param>
    /// <exception cref="GpuUnavailableException">There is none of one of the numbers; the message says which there are.</exception>
    internal static ImmutableArray<T> Find<T>(
        ImmutableArray<T> devices, ImmutableArray<int> ordinals, Func<T, (int Ordinal, string Name)> describe) where T : class
    {
        if (ordinals.IsEmpty) return devices;
        return [.. ordinals.Select(ordinal => devices.FirstOrDefault(device => describe(device).Ordinal == ordinal)
            ?? throw new GpuUnavailableException($"there is no device {ordinal} that can be used, but "
                + string.Join(", ", devices.Select(describe).Select(device => $"{device.Ordinal} ({device.Name})")), isAbsent: false))];
    }

    /// <summary>Packs a checkpoint while the device opens, and puts it there.</summary>
    /// <param name="weights">Read during the call only.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="precision">How it computes; ILGPU's compiler has exact kernels alone.</param>
    /// <param name="onWarning">Is told why compiled kernels cannot be kept, or that ILGPU found no GPU.</param>
    /// <param name="opened">Called when the device is open.</param>
    /// <exception cref="GpuUnavailableException">The device does not open, fails, or cannot hold the network.</exception>
    /// <exception cref="WeightsException">The tensors are not a LIA generator's.</exception>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public CudaExecutor Load(ITensorSource weights, ModelArchitecture architecture, CudaPrecision precision, Action<string>? onWarning,
        Action? opened) => Tell(() =>
    {
        Task<KernelLoader> opening = Interlocked.Exchange(ref _opening, null)
            ?? throw new InvalidOperationException("A device is opened for one network.");
        // Where there is no device it is told here: until there is one, nothing of ILGPU is loaded.
        CompileTarget? target = _target?.GetAwaiter().GetResult();
        return Executor(opening, target, weights, architecture, precision, onWarning, opened);
    }, IsStock);

    // A method of its own: ILGPU is loaded with it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private CudaExecutor Executor(Task<KernelLoader> opening, CompileTarget? target, ITensorSource weights, ModelArchitecture architecture,
        CudaPrecision precision, Action<string>? onWarning, Action? opened)
    {
        CudaWeights? packed = null;
        KernelLoader loader;
        try
        {
            if (target is not null) packed = CudaExecutor.Pack(weights, architecture, precision, target);
            loader = opening.GetAwaiter().GetResult();
        }
        catch
        {
            packed?.Dispose();
            LetGo(opening);
            throw;
        }
        opened?.Invoke();
        CudaExecutor executor = new(loader, weights, architecture, precision, ownsLoader: true, packed);
        try
        {
            if (loader.Cache.Problem is { } problem) onWarning?.Invoke(problem);
            if (IsStock && loader.Accelerator.AcceleratorType == AcceleratorType.CPU)
                onWarning?.Invoke(
                    "ILGPU finds no GPU here: it simulates one on the processor, which takes minutes where a GPU takes a second");
            return executor;
        }
        catch
        {
            executor.Dispose();
            throw;
        }
    }

    /// <summary>Lets go of a device that was not taken. Nobody waits for it.</summary>
    public void Dispose() => LetGo(Interlocked.Exchange(ref _opening, null));

    private static void LetGo(Task<KernelLoader>? opening) => opening?.ContinueWith(
        static opened =>
        {
            if (opened.IsCompletedSuccessfully) opened.Result.Dispose();
            else _ = opened.Exception; // seen
        },
        TaskScheduler.Default);

    private static T Tell<T>(Func<T> step, bool isStock = false)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (e is CudaUnavailableException or CudaException or AcceleratorOutOfMemoryException
            || (isStock && e is NotSupportedException))
        {
            throw new GpuUnavailableException(e.Message, e is CudaUnavailableException { Reason: CudaUnavailableReason.NoDriver }, e);
        }
    }
}
