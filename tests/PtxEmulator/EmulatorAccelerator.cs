using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.PtxEmulator;

/// <summary>
/// An accelerator of ILGPU whose kernels the emulator executes, on the calling thread: work is done when the call that asked for it
/// returns. Memory has guard gaps and starts poisoned, and every rule the emulator checks is an exception of the launch. Kernels come from
/// a <see cref="KernelLoader"/>, not from ILGPU's own compiler.
/// </summary>
public sealed class EmulatorAccelerator : Accelerator, IKernelDevice
{
    private const long DefaultBytes = 4L << 30;

    // Needed by every accelerator; nothing is compiled in it.
    private static readonly Context s_context = Context.Create(static _ => { });

    private readonly ConcurrentDictionary<AcceleratorStream, List<Action>> _captures = [];
    private readonly Func<CompiledKernel, CompiledKernel>? _replace;

    /// <summary>An accelerator whose kernels are compiled for <paramref name="sm"/>; for 90, as on a device, for sm_90a.</summary>
    /// <param name="sm">Compute capability times ten.</param>
    /// <param name="options">What the emulator checks; everything by default.</param>
    /// <param name="memoryBytes">Bytes of device memory.</param>
    /// <param name="replace">Gives the kernel that is executed in the place of one that is loaded, with the same parameters; null for the
    /// kernel itself.</param>
    public EmulatorAccelerator(int sm = 90, EmulatorOptions? options = null, long memoryBytes = DefaultBytes,
        Func<CompiledKernel, CompiledKernel>? replace = null)
        : base(s_context, new EmulatedDevice(sm, memoryBytes))
    {
        _replace = replace;
        Properties = new()
        {
            Name = Name,
            Sm = sm,
            Multiprocessors = NumMultiprocessors,
            MaxThreadsPerGroup = MaxNumThreadsPerGroup,
            MaxSharedBytesPerGroup = MaxSharedMemoryPerGroup,
            MemoryBytes = memoryBytes,
            L2Bytes = 1 << 20,
        };
        DefaultTarget = sm == 90 ? new CompileTarget(sm, true, 8, 3) : new CompileTarget(sm);
        Emulator = new Emulator(Memory, (options ?? new EmulatorOptions()) with { SharedMemoryLimit = Properties.MaxSharedBytesPerGroup });
        NativePtr = 1; // ILGPU takes 0 for an accelerator that was disposed
        DefaultStream = CreateStreamInternal();
    }

    /// <summary>The device memory.</summary>
    public EmulatedMemory Memory { get; } = new();

    /// <summary>What executes the kernels.</summary>
    public Emulator Emulator { get; }

    /// <summary>What the last launch executed; null before the first.</summary>
    public LaunchStatistics? LastLaunch { get; private set; }

    /// <inheritdoc/>
    public AcceleratorProperties Properties { get; }

    /// <inheritdoc/>
    public CompileTarget DefaultTarget { get; }

    /// <inheritdoc/>
    public (long Free, long Total) MemoryInfo => (Properties.MemoryBytes - Memory.LiveBytes, Properties.MemoryBytes);

    /// <summary>A new emulator behind a loader, which is disposed with it.</summary>
    /// <inheritdoc cref="EmulatorAccelerator(int, EmulatorOptions, long, Func{CompiledKernel, CompiledKernel})"/>
    /// <param name="cache">Where compiled kernels are kept; null for nowhere.</param>
    /// <param name="target">What is compiled for instead.</param>
    public static KernelLoader CreateLoader(
        int sm = 90, EmulatorOptions? options = null, long memoryBytes = DefaultBytes, KernelCache? cache = null,
        CompileTarget? target = null,
        Func<CompiledKernel, CompiledKernel>? replace = null) =>
        new(new EmulatorAccelerator(sm, options, memoryBytes, replace), target, cache ?? KernelCache.Off, ownsAccelerator: true);

    /// <inheritdoc/>
    public LoadedKernel Load(KernelLoader loader, CompiledKernel compiled) =>
        EmulatedKernel.Load(this, _replace?.Invoke(compiled) ?? compiled);

    /// <inheritdoc/>
    public AcceleratorEvent CreateEvent(bool timed) => new EmulatedEvent(this);

    /// <inheritdoc/>
    public void Record(AcceleratorStream stream, AcceleratorEvent mark) => Do(stream, ((EmulatedEvent)mark).Mark);

    /// <inheritdoc/>
    public void Wait(AcceleratorStream stream, AcceleratorEvent mark)
    {
    }

    /// <inheritdoc/>
    public bool IsCompleted(AcceleratorStream stream) => true;

    /// <inheritdoc/>
    public void BeginCapture(AcceleratorStream stream) => _captures[stream] = [];

    /// <inheritdoc/>
    public AcceleratorGraph EndCapture(AcceleratorStream stream)
    {
        _captures.TryRemove(stream, out List<Action>? work);
        return new EmulatedGraph(this, work!);
    }

    /// <inheritdoc/>
    public TensorMap Encode(TensorMapDescription description) => EmulatedTensorMap.Encode(description);

    /// <inheritdoc/>
    public unsafe nint AllocatePageLocked(long bytes) => (nint)NativeMemory.AllocZeroed((nuint)bytes);

    /// <inheritdoc/>
    public unsafe void FreePageLocked(nint address) => NativeMemory.Free((void*)address);

    /// <inheritdoc/>
    public bool IsOutOfMemory(Exception failure) => false; // it throws the exception itself

    /// <inheritdoc/>
    public override TExtension CreateExtension<TExtension, TExtensionProvider>(TExtensionProvider provider) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    protected override AcceleratorStream CreateStreamInternal() => new EmulatedStream(this);

    /// <inheritdoc/>
    protected override void SynchronizeInternal()
    {
    }

    /// <inheritdoc/>
    protected override MemoryBuffer AllocateRawInternal(long length, int elementSize)
    {
        (long free, long total) = MemoryInfo;
        if (length * elementSize > free) throw new AcceleratorOutOfMemoryException(Name, "device", length * elementSize, free, total);
        return new EmulatedBuffer(this, length, elementSize);
    }

    /// <inheritdoc/>
    protected override void OnBind()
    {
    }

    /// <inheritdoc/>
    protected override void OnUnbind()
    {
    }

    /// <inheritdoc/>
    protected override bool CanAccessPeerInternal(Accelerator otherAccelerator) => false;

    /// <inheritdoc/>
    protected override void EnablePeerAccessInternal(Accelerator otherAccelerator) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void DisablePeerAccessInternal(Accelerator otherAccelerator) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override PageLockScope<T> CreatePageLockFromPinnedInternal<T>(IntPtr pinned, long numElements) =>
        new HostMemory<T>(this, pinned, numElements);

    /// <inheritdoc/>
    protected override int EstimateMaxActiveGroupsPerMultiprocessorInternal(
        Kernel kernel, int groupSize, int dynamicSharedMemorySizeInBytes) => throw OwnKernelsOnly();

    /// <inheritdoc/>
    protected override int EstimateGroupSizeInternal(
        Kernel kernel, Func<int, int> computeSharedMemorySize, int maxGroupSize, out int minGridSize) => throw OwnKernelsOnly();

    /// <inheritdoc/>
    protected override int EstimateGroupSizeInternal(
        Kernel kernel, int dynamicSharedMemorySizeInBytes, int maxGroupSize, out int minGridSize) => throw OwnKernelsOnly();

    /// <inheritdoc/>
    protected override Kernel LoadKernelInternal(ILGPU.Backends.CompiledKernel kernel) => throw OwnKernelsOnly();

    /// <inheritdoc/>
    protected override Kernel LoadImplicitlyGroupedKernelInternal(
        ILGPU.Backends.CompiledKernel kernel, int customGroupSize, out KernelInfo? kernelInfo) => throw OwnKernelsOnly();

    /// <inheritdoc/>
    protected override Kernel LoadAutoGroupedKernelInternal(ILGPU.Backends.CompiledKernel kernel, out KernelInfo? kernelInfo) =>
        throw OwnKernelsOnly();

    /// <inheritdoc/>
    protected override void DisposeAccelerator_SyncRoot(bool disposing)
    {
        if (disposing) Memory.Dispose();
    }

    private static NotSupportedException OwnKernelsOnly() => new("the emulator runs kernels of a KernelLoader");

    /// <summary>Does the work, or keeps it while the stream is captured.</summary>
    private void Do(AcceleratorStream stream, Action work)
    {
        if (_captures.TryGetValue(stream, out List<Action>? captured)) captured.Add(work);
        else work();
    }

    [DeviceType(AcceleratorType.CPU)]
    private sealed class EmulatedDevice : Device
    {
        public EmulatedDevice(int sm, long memoryBytes)
        {
            Name = $"PTX emulator (sm_{sm})";
            WarpSize = 32;
            NumMultiprocessors = 2;
            MaxNumThreadsPerGroup = 1024;
            MaxNumThreadsPerMultiprocessor = 2048;
            MaxGroupSize = new(1024, 1024, 64);
            MaxGridSize = new(int.MaxValue, 65535, 65535);
            MaxSharedMemoryPerGroup = sm switch { 90 => 227 * 1024, 80 or 87 => 163 * 1024, 86 or 89 => 99 * 1024, _ => 64 * 1024 };
            MemorySize = memoryBytes;
        }

        public override Accelerator CreateAccelerator(Context context) => throw new NotSupportedException();
    }

    private sealed class EmulatedBuffer : MemoryBuffer
    {
        private readonly EmulatorAccelerator _owner;

        public EmulatedBuffer(EmulatorAccelerator owner, long length, int elementSize) : base(owner, length, elementSize)
        {
            _owner = owner;
            NativePtr = (nint)owner.Memory.Allocate(LengthInBytes);
        }

        protected override void MemSet(AcceleratorStream stream, byte value, in ArrayView<byte> targetView)
        {
            (ulong target, int bytes) = ((ulong)Address(targetView), checked((int)targetView.LengthInBytes));
            _owner.Do(stream, () => _owner.Memory.Span(target, bytes).Fill(value));
        }

        protected override void CopyTo(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
            Copy(stream, sourceView, targetView);

        protected override void CopyFrom(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
            Copy(stream, sourceView, targetView);

        protected override void DisposeAcceleratorObject(bool disposing)
        {
            if (NativePtr == 0) return;
            _owner.Memory.Free((ulong)NativePtr);
            NativePtr = 0;
        }

        private static nint Address(ArrayView<byte> view) => view.LoadEffectiveAddressAsPtr();

        private static bool IsOnDevice(ArrayView<byte> view) => ((IArrayView)view).Buffer is EmulatedBuffer;

        private unsafe void Copy(AcceleratorStream stream, ArrayView<byte> source, ArrayView<byte> target)
        {
            (nint from, nint to, int bytes) = (Address(source), Address(target), checked((int)target.LengthInBytes));
            EmulatedMemory memory = _owner.Memory;
            _owner.Do(stream, (IsOnDevice(source), IsOnDevice(target)) switch
            {
                (true, true) => () => memory.Copy((ulong)from, (ulong)to, bytes),
                (true, false) => () => memory.Read((ulong)from, new Span<byte>((void*)to, bytes)),
                _ => () => memory.Write((ulong)to, new ReadOnlySpan<byte>((void*)from, bytes)),
            });
        }
    }

    private sealed class EmulatedStream(EmulatorAccelerator accelerator) : AcceleratorStream(accelerator)
    {
        public override void Synchronize()
        {
        }

        protected override ProfilingMarker AddProfilingMarkerInternal() => throw new NotSupportedException();

        protected override void DisposeAcceleratorObject(bool disposing)
        {
        }
    }

    private sealed class EmulatedKernel : LoadedKernel
    {
        private readonly EmulatorAccelerator _accelerator;
        private readonly PtxEntry _entry;

        private EmulatedKernel(EmulatorAccelerator accelerator, CompiledKernel compiled, PtxEntry entry)
            : base(accelerator, accelerator.Properties, compiled,
                new KernelAttributes(Registers: 0, entry.LocalBytes, entry.StaticSharedBytes,
                (int)(entry.MaximumThreads ?? accelerator.Properties.MaxThreadsPerGroup)))
        {
            _accelerator = accelerator;
            _entry = entry;
        }

        public static EmulatedKernel Load(EmulatorAccelerator accelerator, CompiledKernel compiled) =>
            new(accelerator, compiled, PtxModule.Parse(compiled.Ptx)[compiled.EntryPoint]);

        protected override unsafe void LaunchCore(AcceleratorStream stream, in KernelConfig config, nint block, bool overlapsPrevious)
        {
            // a captured launch outlives its caller's stack
            byte[] arguments = new ReadOnlySpan<byte>((void*)block, Compiled.ParameterBytes).ToArray();
            Dim3 grid = new(config.GridDim.X, config.GridDim.Y, config.GridDim.Z),
                group = new(config.GroupDim.X, config.GroupDim.Y, config.GroupDim.Z);
            int shared = SharedBytes(in config);
            _accelerator.Do(stream, () => _accelerator.LastLaunch = _accelerator.Emulator.Launch(_entry, grid, group, shared, arguments));
        }

        protected override void DisposeAcceleratorObject(bool disposing)
        {
        }
    }

    private sealed class EmulatedEvent(EmulatorAccelerator accelerator) : AcceleratorEvent(accelerator)
    {
        private long _mark;

        public override bool IsCompleted => true;

        public void Mark() => _mark = Stopwatch.GetTimestamp();

        public override void Synchronize()
        {
        }

        public override double MillisecondsSince(AcceleratorEvent start) =>
            Stopwatch.GetElapsedTime(((EmulatedEvent)start)._mark, _mark).TotalMilliseconds;

        protected override void DisposeAcceleratorObject(bool disposing)
        {
        }
    }

    private sealed class EmulatedGraph(EmulatorAccelerator accelerator, List<Action> work) : AcceleratorGraph(accelerator)
    {
        public override void Launch(AcceleratorStream stream)
        {
            foreach (Action step in work) accelerator.Do(stream, step);
        }

        protected override void DisposeAcceleratorObject(bool disposing)
        {
        }
    }

    // What is emulated reads host memory as it is.
    private sealed class HostMemory<T> : PageLockScope<T> where T : unmanaged
    {
        public HostMemory(Accelerator accelerator, IntPtr pinned, long numElements) : base(accelerator, numElements) =>
            AddrOfLockedObject = pinned;

        protected override void DisposeAcceleratorObject(bool disposing)
        {
        }
    }
}
