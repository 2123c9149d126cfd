using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Runtime;

/// <summary>
/// A device that runs kernels. All members may be called from several threads; work put into one stream from several threads runs in
/// the order in which the calls came. Dispose what was made from it first, then the accelerator.
/// </summary>
public abstract partial class Accelerator : IDisposable
{
    private readonly ConcurrentDictionary<MethodInfo, Lazy<Kernel>> _kernels = new();
    private readonly Dictionary<MethodInfo, Task<Kernel>> _loading = [];
    private readonly Lazy<AcceleratorStream> _defaultStream;

    /// <summary>An accelerator with the given limits that compiles for <paramref name="target"/>.</summary>
    /// <param name="properties">Name and limits.</param>
    /// <param name="target">What kernels are compiled for.</param>
    /// <param name="cache">Where compiled kernels are kept; null for nowhere.</param>
    protected Accelerator(AcceleratorProperties properties, CompileTarget target, KernelCache? cache = null)
    {
        Properties = properties;
        Target = target;
        Cache = cache ?? KernelCache.Off;
        _defaultStream = new(CreateStream);
    }

    /// <summary>Name and limits.</summary>
    public AcceleratorProperties Properties { get; }

    /// <summary>The device's name.</summary>
    public string Name => Properties.Name;

    /// <summary>What runs the kernels.</summary>
    public abstract AcceleratorType AcceleratorType { get; }

    /// <summary>What kernels are compiled for.</summary>
    public CompileTarget Target { get; }

    /// <summary>Where compiled kernels are kept from one process to the next.</summary>
    public KernelCache Cache { get; }

    /// <summary>The stream of calls that name none. Other streams do not wait for it.</summary>
    public AcceleratorStream DefaultStream => _defaultStream.Value;

    /// <summary>Native objects not released yet.</summary>
    public LiveObjects Live { get; } = new();

    /// <summary>Device memory free and in total, in bytes.</summary>
    public abstract (long Free, long Total) MemoryInfo { get; }

    /// <summary>Allocates an array of <paramref name="length"/> elements with undefined content.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has not that much left.</exception>
    public MemoryBuffer1D<T> Allocate1D<T>(long length) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new(this, AllocateDevice(Math.Max(1, checked(length * Unsafe.SizeOf<T>()))), length);
    }

    /// <summary>Allocates an array with the given content.</summary>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has not that much left.</exception>
    public MemoryBuffer1D<T> Allocate1D<T>(T[] content) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(content);
        MemoryBuffer1D<T> buffer = Allocate1D<T>(content.LongLength);
        try
        {
            buffer.CopyFromCPU(content);
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
    public PageLockedArray1D<T> AllocatePageLocked1D<T>(int length) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new(AllocatePageLocked(Math.Max(1, (long)length * Unsafe.SizeOf<T>())), length);
    }

    /// <summary>
    /// Describes a tensor and its tiles to the copy engine. The map holds the tensor's address: it is of use as long as that memory is. Kernels take it from a buffer, for
    /// example <c>Allocate1D(new[] { map })</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The copy engine cannot copy such tiles; the message names the member and what is wrong.</exception>
    /// <exception cref="NotSupportedException">The device has no copy engine (compute capability below 9.0), or its driver does not know it.</exception>
    public TensorMap EncodeTensorMap(TensorMapDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        description.Validate();
        if (Properties.Sm < 90)
            throw new NotSupportedException($"tensor maps need compute capability 9.0, {Name} has {Properties.Sm / 10}.{Properties.Sm % 10}");
        return Encode(description);
    }

    /// <summary>A new stream.</summary>
    public abstract AcceleratorStream CreateStream();

    /// <summary>A new event; one that is never timed can say so, which makes waiting for it cheaper.</summary>
    public abstract AcceleratorEvent CreateEvent(bool timed = true);

    /// <summary>Waits until all work in all streams is done.</summary>
    public abstract void Synchronize();

    /// <summary>Compiles and loads a kernel, once per accelerator; later calls return the same object.</summary>
    /// <param name="method">A static method in the kernel dialect, closed if generic.</param>
    /// <exception cref="KernelCompilationException">The method is outside the dialect.</exception>
    public Kernel LoadKernel(MethodInfo method)
    {
        ArgumentNullException.ThrowIfNull(method);
        Lazy<Kernel> kernel = _kernels.GetOrAdd(method, m => new(() => Load(Cache.Kernel(m, Target))));
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
    /// Starts what <see cref="LoadKernel"/> does on the thread pool, so that several kernels are compiled side by side. Later calls return the same task, until one has failed.
    /// </summary>
    /// <param name="method">A static method in the kernel dialect, closed if generic.</param>
    /// <returns>The kernel; the task fails with what <see cref="LoadKernel"/> throws.</returns>
    public Task<Kernel> LoadKernelAsync(MethodInfo method)
    {
        ArgumentNullException.ThrowIfNull(method);
        lock (_loading)
        {
            if (!_loading.TryGetValue(method, out Task<Kernel>? loading) || loading.IsFaulted)
                _loading[method] = loading = Task.Run(() => LoadKernel(method));
            return loading;
        }
    }

    /// <summary>Releases the kernels, the default stream and the device. In debug builds, throws if buffers, streams, events or graphs are left.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Allocates device memory: at least 16-byte aligned, <paramref name="bytes"/> at least 1.</summary>
    protected abstract DeviceMemory AllocateDevice(long bytes);

    /// <summary>Allocates page-locked host memory.</summary>
    protected abstract DeviceMemory AllocatePageLocked(long bytes);

    /// <summary>The 128 bytes that this device understands, of a description that was checked.</summary>
    protected abstract TensorMap Encode(TensorMapDescription description);

    /// <summary>Hands PTX to the device.</summary>
    protected abstract Kernel Load(CompiledKernel compiled);

    /// <summary>Releases a kernel made by <see cref="Load"/>.</summary>
    protected abstract void Unload(Kernel kernel);

    /// <summary>Releases the kernels and the default stream.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        lock (_loading)
        {
            // A kernel that is still being compiled would be left over. What failed was told to who asked for it.
            Task.WhenAll(_loading.Values).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
            _loading.Clear();
        }
        foreach (Lazy<Kernel> kernel in _kernels.Values)
        {
            if (kernel.IsValueCreated)
                Unload(kernel.Value);
        }
        _kernels.Clear();
        if (_defaultStream.IsValueCreated)
            _defaultStream.Value.Dispose();
        Live.DemandNone(Name);
    }
}

/// <summary>A device or the host has less memory left than was asked for.</summary>
public sealed class AcceleratorOutOfMemoryException : Exception
{
    /// <summary>Asked for <paramref name="asked"/> bytes of a kind of memory when <paramref name="free"/> of <paramref name="total"/> were free.</summary>
    public AcceleratorOutOfMemoryException(string device, string kind, long asked, long free, long total)
        : base($"{device}: {Mib(asked)} of {kind} memory were asked for, {Mib(free)} of {Mib(total)} are free")
    {
        Asked = asked;
        Free = free;
    }

    /// <summary>Bytes asked for.</summary>
    public long Asked { get; }

    /// <summary>Bytes free.</summary>
    public long Free { get; }

    private static string Mib(long bytes) => $"{bytes} bytes ({bytes / 1048576.0:0.#} MiB)";
}
