using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Runtime;

/// <summary>
/// What this library adds to an accelerator of ILGPU: kernels compiled by our compiler, and what CUDA has and ILGPU's runtime does not
/// name. Memory, streams and copies stay ILGPU's; what is made here is ILGPU's too, with exhausted memory told in words and counted until
/// it is released. All members may be called from several threads.
/// </summary>
public sealed class KernelLoader : IDisposable
{
    private readonly ConcurrentDictionary<MethodInfo, Lazy<LoadedKernel>> _kernels = new();
    private readonly Dictionary<MethodInfo, Task<LoadedKernel>> _loading = [];
    private readonly IKernelDevice _device;
    private readonly IDisposable[] _owned;
    private readonly CompileTarget? _target;
    private readonly ConcurrentDictionary<MethodInfo, Lazy<Delegate>> _stockKernels = new();

    /// <summary>Loads kernels onto an accelerator.</summary>
    /// <param name="accelerator">A CUDA accelerator of ILGPU, or another that implements <see cref="IKernelDevice"/>.</param>
    /// <param name="target">What to compile for; null for the newest architecture the device runs.</param>
    /// <param name="cache">Where compiled kernels are kept; null for <see cref="KernelCache.Default"/>.</param>
    /// <param name="ownsAccelerator">Whether disposing the loader disposes the accelerator.</param>
    /// <exception cref="NotSupportedException">The accelerator does not run PTX.</exception>
    /// <exception cref="Cuda.CudaUnavailableException">The driver is too old for the PTX that is compiled.</exception>
    public KernelLoader(Accelerator accelerator, CompileTarget? target = null, KernelCache? cache = null, bool ownsAccelerator = false)
        : this(accelerator, target, cache, ownsAccelerator ? [accelerator] : [])
    {
    }

    internal KernelLoader(Accelerator accelerator, CompileTarget? target, KernelCache? cache, IDisposable[] owned) : this(
        accelerator, isStock: false, cache, owned)
    {
        _target = target ?? _device.DefaultTarget;
    }

    private KernelLoader(Accelerator accelerator, bool isStock, KernelCache? cache, IDisposable[] owned)
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        Accelerator = accelerator;
        IsStock = isStock;
        _owned = owned;
        _device = isStock ? IKernelDevices.Known.OfStock(accelerator) : IKernelDevices.Known.Of(accelerator);
        Cache = cache ?? KernelCache.Default;
    }

    /// <summary>A loader of kernels that ILGPU's own compiler compiles, on any accelerator of ILGPU: see <see cref="IsStock"/>.</summary>
    /// <param name="accelerator">
    /// Of a context whose builder had <c>EnableAlgorithms()</c>, where kernels call <c>XMath</c>, and
    /// <see cref="Stock.StockIntrinsics.EnableLiaIntrinsics"/>, where they call <see cref="Intrinsics"/>.
    /// </param>
    /// <param name="ownsAccelerator">Whether disposing the loader disposes the accelerator.</param>
    public static KernelLoader CreateStock(Accelerator accelerator, bool ownsAccelerator = false) =>
        CreateStock(accelerator, ownsAccelerator ? [accelerator] : []);

    internal static KernelLoader CreateStock(Accelerator accelerator, IDisposable[] owned) =>
        new(accelerator, isStock: true, KernelCache.Off, owned);

    /// <summary>The accelerator.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Name and limits, with those that ILGPU does not tell.</summary>
    public AcceleratorProperties Properties => _device.Properties;

    /// <summary>
    /// Whether ILGPU's own compiler compiles the kernels: <see cref="LoadStock"/> loads them, on an accelerator of any kind. There are no
    /// graphs, no tensor maps, no overlapping launches and no targets of our compiler then, and events wait.
    /// </summary>
    public bool IsStock { get; }

    /// <summary>What kernels are compiled for.</summary>
    /// <exception cref="NotSupportedException">ILGPU's own compiler compiles them.</exception>
    public CompileTarget Target => _target ?? _device.DefaultTarget;

    /// <summary>Where compiled kernels are kept from one process to the next.</summary>
    public KernelCache Cache { get; }

    /// <summary>Kernels that <see cref="LoadAsync"/> was asked for.</summary>
    internal IReadOnlyCollection<MethodInfo> KernelsAskedFor
    {
        get
        {
            lock (_loading) return [.. _loading.Keys];
        }
    }

    /// <summary>What was made here and not released yet.</summary>
    public LiveObjects Live { get; } = new();

    /// <summary>Device memory free and in total, in bytes.</summary>
    public (long Free, long Total) MemoryInfo => _device.MemoryInfo;

    /// <summary>ILGPU's allocation of an array with undefined content.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has not that much left.</exception>
    public MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(long length) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        long bytes = checked(length * Unsafe.SizeOf<T>());
        try
        {
            return Live.Add(Accelerator.Allocate1D<T>(length));
        }
        catch (Exception e) when (_device.IsOutOfMemory(e))
        {
            (long free, long total) = MemoryInfo;
            throw new AcceleratorOutOfMemoryException(Accelerator.Name, "device", bytes, free, total);
        }
    }

    /// <summary>ILGPU's allocation of an array with the given content, which every stream sees.</summary>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has not that much left.</exception>
    public MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(T[] content) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(content);
        MemoryBuffer1D<T, Stride1D.Dense> buffer = Allocate1D<T>(content.LongLength);
        try
        {
            if (content.Length > 0) buffer.AsContiguous().CopyFromCPU(Accelerator.DefaultStream, content);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <summary>Allocates page-locked host memory with undefined content.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The host has not that much left.</exception>
    public PageLockedMemory<T> AllocatePageLocked<T>(int length) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return Live.Add(new PageLockedMemory<T>(Accelerator, _device, length));
    }

    /// <summary>
    /// A failure of ILGPU's runtime in the words of this library: <see cref="AcceleratorOutOfMemoryException"/>, on CUDA
    /// <see cref="Cuda.CudaException"/>, elsewhere <see cref="NotSupportedException"/> with the accelerator's name.
    /// </summary>
    /// <param name="failure">What ILGPU threw.</param>
    public Exception Explain(AcceleratorException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        if (_device.IsOutOfMemory(failure))
            return new AcceleratorOutOfMemoryException($"{Accelerator.Name} has no memory left: {failure.Message}", failure);
        return IKernelDevices.Known.Explain(failure, Accelerator.Name)
            ?? new NotSupportedException($"{Accelerator.Name} cannot be used: {failure.Message}", failure);
    }

    /// <summary>A stream of ILGPU that waits for no other.</summary>
    public AcceleratorStream CreateStream() => Live.Add(Accelerator.CreateStream());

    /// <summary>A new event; one that is never timed can say so, which makes waiting for it cheaper.</summary>
    public AcceleratorEvent CreateEvent(bool timed = true) => Live.Add(_device.CreateEvent(timed));

    /// <summary>Marks this point of the stream in <paramref name="mark"/>.</summary>
    public void Record(AcceleratorStream stream, AcceleratorEvent mark) => _device.Record(Own(stream), mark);

    /// <summary>
    /// What is put into the stream from now on starts only after <paramref name="mark"/> is reached, whichever stream recorded it.
    /// </summary>
    public void Wait(AcceleratorStream stream, AcceleratorEvent mark) => _device.Wait(Own(stream), mark);

    /// <summary>Whether everything put into the stream so far is done.</summary>
    public bool IsCompleted(AcceleratorStream stream) => _device.IsCompleted(Own(stream));

    /// <summary>
    /// Keeps what <paramref name="work"/> puts into the stream instead of running it: launches, copies between views on the device, and
    /// copies from and to page-locked memory. Nothing else may use the stream meanwhile, and what is copied from ordinary arrays may be
    /// elsewhere at replay.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is the default stream, which cannot be captured.</exception>
    public AcceleratorGraph Capture(AcceleratorStream stream, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (ReferenceEquals(Own(stream), Accelerator.DefaultStream))
            throw new InvalidOperationException("the default stream cannot be captured: make one with CreateStream");
        using Activity? capturing = Activities.Begin("graphs captured");
        _device.BeginCapture(stream);
        try
        {
            work();
        }
        catch
        {
            // What failed is told, not how the capture ends.
            try
            {
                _device.EndCapture(stream).Dispose();
            }
            catch (Exception)
            {
            }
            throw;
        }
        return Live.Add(_device.EndCapture(stream));
    }

    /// <summary>
    /// Describes a tensor and its tiles to the copy engine. The map holds the tensor's address: it is of use as long as that memory is.
    /// Kernels take it from a buffer, for example <c>Allocate1D(new[] { map })</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The copy engine cannot copy such tiles; the message names the member and what is
    /// wrong.</exception>
    /// <exception cref="NotSupportedException">The device has no copy engine (compute capability below 9.0), or its driver does not know
    /// it.</exception>
    public TensorMap EncodeTensorMap(TensorMapDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        description.Validate();
        if (Properties.Sm < 90)
            throw new NotSupportedException(
                $"tensor maps need compute capability 9.0, {Properties.Name} has {Properties.Sm / 10}.{Properties.Sm % 10}");
        return _device.Encode(description);
    }

    /// <summary>
    /// Has ILGPU's own compiler compile a kernel of one parameter and load it, once; later calls return the same launcher.
    /// </summary>
    /// <typeparam name="TArguments">The kernel's parameter: public, or internal to an assembly whose internals <c>ILGPURuntime</c> may
    /// see.</typeparam>
    /// <param name="kernel">A static method.</param>
    /// <exception cref="InvalidOperationException">The loader is one of our compiler: see <see cref="IsStock"/>.</exception>
    /// <exception cref="NotSupportedException">ILGPU's compiler refuses the kernel; its context cannot compile anything after
    /// that.</exception>
    public Action<AcceleratorStream, KernelConfig, TArguments> LoadStock<TArguments>(Action<TArguments> kernel) where TArguments : struct
    {
        ArgumentNullException.ThrowIfNull(kernel);
        if (!IsStock)
            throw new InvalidOperationException($"the kernels of {Accelerator.Name} are compiled by our compiler: use {nameof(Load)}");
        return (Action<AcceleratorStream, KernelConfig, TArguments>)_stockKernels.GetOrAdd(kernel.Method, method => new(() =>
        {
            try
            {
                return Accelerator.LoadKernel(kernel);
            }
            catch (InternalCompilerException e)
            {
                throw new NotSupportedException(
                    $"ILGPU's compiler refuses {method.DeclaringType?.Name}.{method.Name}: {e.GetBaseException().Message}", e);
            }
        })).Value;
    }

    /// <summary>
    /// Compiles and loads a kernel, once, and makes a typed launcher of it, a method that allocates nothing.
    /// <typeparamref name="TLauncher"/> is an <see cref="Action"/> of a shape and the kernel's arguments: <c>Action&lt;KernelConfig,
    /// ArrayView&lt;float&gt;, int&gt;</c> for a kernel of a view and an int. A kernel whose first parameter is an <see cref="Index1D"/> is
    /// given the number of threads in its place: <c>Action&lt;Index1D, ArrayView&lt;float&gt;, int&gt;</c>. With an
    /// <see cref="AcceleratorStream"/> before the shape the launcher takes the stream, else it uses the default stream.
    /// </summary>
    /// <param name="kernel">A static method; generic ones with their type arguments.</param>
    /// <exception cref="KernelCompilationException">The kernel cannot be compiled.</exception>
    /// <exception cref="ArgumentException">The launcher's parameters are not the kernel's.</exception>
    public TLauncher Load<TLauncher>(Delegate kernel) where TLauncher : Delegate
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return Launcher.Create<TLauncher>(Load(kernel.Method));
    }

    /// <summary>Compiles and loads a kernel, once; later calls return the same object.</summary>
    /// <param name="method">A static method, closed if generic.</param>
    /// <exception cref="KernelCompilationException">The kernel cannot be compiled.</exception>
    public LoadedKernel Load(MethodInfo method)
    {
        ArgumentNullException.ThrowIfNull(method);
        Lazy<LoadedKernel> kernel = _kernels.GetOrAdd(method, m => new(() => _device.Load(this, Find(m))));
        try
        {
            return kernel.Value;
        }
        catch
        {
            _kernels.TryRemove(new(method, kernel)); // a later call may succeed, when there is memory again
            throw;
        }
    }

    /// <summary>
    /// Starts what <see cref="Load(MethodInfo)"/> does on the thread pool, so that several kernels are compiled side by side. Later calls
    /// return the same task, until one has failed.
    /// </summary>
    /// <param name="method">A static method, closed if generic.</param>
    /// <returns>The kernel; the task fails with what <see cref="Load(MethodInfo)"/> throws.</returns>
    public Task<LoadedKernel> LoadAsync(MethodInfo method)
    {
        ArgumentNullException.ThrowIfNull(method);
        lock (_loading)
        {
            if (!_loading.TryGetValue(method, out Task<LoadedKernel>? loading) || loading.IsFaulted)
                _loading[method] = loading = Task.Run(() => Load(method));
            return loading;
        }
    }

    /// <summary>
    /// Releases the kernels, and the accelerator and its context if the loader opened them. In debug builds, throws if something that was
    /// made here is left.
    /// </summary>
    public void Dispose()
    {
        lock (_loading)
        {
            // A kernel that is still being compiled would be left over. What failed was told to who asked for it.
            Task.WhenAll(_loading.Values).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
            _loading.Clear();
        }
        foreach (Lazy<LoadedKernel> kernel in _kernels.Values)
        {
            if (kernel.IsValueCreated) kernel.Value.Dispose();
        }
        _kernels.Clear();
        try
        {
            Live.DemandNone(Accelerator.Name);
        }
        finally
        {
            foreach (IDisposable owned in _owned) owned.Dispose();
        }
    }

    private CompiledKernel Find(MethodInfo method)
    {
        using Activity? finding = Activities.Begin("kernels found");
        return Cache.Kernel(method, Target);
    }

    private AcceleratorStream Own(AcceleratorStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return ReferenceEquals(stream.Accelerator, Accelerator) ? stream
            : throw new ArgumentException($"the stream is of {stream.Accelerator.Name}, the loader of {Accelerator.Name}", nameof(stream));
    }
}
