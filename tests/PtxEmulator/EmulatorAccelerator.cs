using System.Diagnostics;
using System.Runtime.InteropServices;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.PtxEmulator;

/// <summary>
/// An accelerator whose kernels the emulator executes, on the calling thread: work is done when the call that asked for it returns. Memory has guard
/// gaps and starts poisoned, and every rule the emulator checks is an exception of the launch.
/// </summary>
public sealed class EmulatorAccelerator : Accelerator
{
    private const long DefaultBytes = 4L << 30;

    /// <summary>An accelerator that compiles for <paramref name="sm"/>; for 90, as on a device, sm_90a.</summary>
    /// <param name="sm">Compute capability times ten.</param>
    /// <param name="options">What the emulator checks; everything by default.</param>
    /// <param name="memoryBytes">Bytes of device memory.</param>
    /// <param name="cache">Where compiled kernels are kept; null for nowhere.</param>
    /// <param name="target">What it compiles for instead.</param>
    public EmulatorAccelerator(
        int sm = 90, EmulatorOptions? options = null, long memoryBytes = DefaultBytes, KernelCache? cache = null, CompileTarget? target = null)
        : base(Describe(sm, memoryBytes), target ?? (sm == 90 ? new CompileTarget(sm, true, 8, 3) : new CompileTarget(sm)), cache) =>
        Emulator = new Emulator(Memory, (options ?? new EmulatorOptions()) with { SharedMemoryLimit = Properties.MaxSharedBytesPerGroup });

    /// <summary>The device memory.</summary>
    public EmulatedMemory Memory { get; } = new();

    /// <summary>What executes the kernels.</summary>
    public Emulator Emulator { get; }

    /// <summary>What the last launch executed; null before the first.</summary>
    public LaunchStatistics? LastLaunch { get; private set; }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.Emulator;

    /// <inheritdoc/>
    public override (long Free, long Total) MemoryInfo => (Properties.MemoryBytes - Memory.LiveBytes, Properties.MemoryBytes);

    /// <inheritdoc/>
    public override AcceleratorStream CreateStream() => new EmulatorStream(this);

    /// <inheritdoc/>
    public override AcceleratorEvent CreateEvent(bool timed = true) => new EmulatorEvent();

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    protected override DeviceMemory AllocateDevice(long bytes)
    {
        (long free, long total) = MemoryInfo;
        if (bytes > free)
            throw new AcceleratorOutOfMemoryException(Name, "device", bytes, free, total);
        return new EmulatorDeviceMemory(this, (nint)Memory.Allocate(bytes), bytes);
    }

    /// <inheritdoc/>
    protected override unsafe DeviceMemory AllocatePageLocked(long bytes) => new EmulatorHostMemory(this, (nint)NativeMemory.AllocZeroed((nuint)bytes), bytes);

    /// <inheritdoc/>
    protected override TensorMap Encode(TensorMapDescription description) => EmulatedTensorMap.Encode(description);

    /// <inheritdoc/>
    protected override Kernel Load(CompiledKernel compiled) => EmulatorKernel.Load(this, compiled);

    /// <inheritdoc/>
    protected override void Unload(Kernel kernel)
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing && Live.Count == 0) // buffers that outlive the accelerator keep their memory
            Memory.Dispose();
    }

    private static AcceleratorProperties Describe(int sm, long memoryBytes) => new()
    {
        Name = $"PTX emulator (sm_{sm})",
        Sm = sm,
        Multiprocessors = 2,
        MaxThreadsPerGroup = 1024,
        MaxSharedBytesPerGroup = sm switch { 90 => 227 * 1024, 80 or 87 => 163 * 1024, 86 or 89 => 99 * 1024, _ => 64 * 1024 },
        MemoryBytes = memoryBytes,
        L2Bytes = 1 << 20,
    };

    private sealed class EmulatorDeviceMemory(EmulatorAccelerator owner, nint address, long bytes) : DeviceMemory(owner.Live, address, bytes, "device memory")
    {
        protected override bool Free(nint handle)
        {
            owner.Memory.Free((ulong)handle);
            return true;
        }
    }

    private sealed class EmulatorHostMemory(EmulatorAccelerator owner, nint address, long bytes) : DeviceMemory(owner.Live, address, bytes, "page-locked memory")
    {
        protected override unsafe bool Free(nint handle)
        {
            NativeMemory.Free((void*)handle);
            return true;
        }
    }

    private sealed class EmulatorKernel : Kernel
    {
        private readonly EmulatorAccelerator _accelerator;
        private readonly PtxEntry _entry;

        private EmulatorKernel(EmulatorAccelerator accelerator, CompiledKernel compiled, PtxEntry entry)
            : base(accelerator, compiled, new KernelAttributes(Registers: 0, entry.LocalBytes, entry.StaticSharedBytes, (int)(entry.MaximumThreads ?? accelerator.Properties.MaxThreadsPerGroup)))
        {
            _accelerator = accelerator;
            _entry = entry;
        }

        public static EmulatorKernel Load(EmulatorAccelerator accelerator, CompiledKernel compiled) =>
            new(accelerator, compiled, PtxModule.Parse(compiled.Ptx)[compiled.EntryPoint]);

        protected override unsafe void LaunchCore(AcceleratorStream stream, in KernelConfig config, nint block)
        {
            byte[] arguments = new ReadOnlySpan<byte>((void*)block, Compiled.ParameterBytes).ToArray(); // a captured launch outlives its caller's stack
            Dim3 grid = new(config.GridDim.X, config.GridDim.Y, config.GridDim.Z), group = new(config.GroupDim.X, config.GroupDim.Y, config.GroupDim.Z);
            int shared = config.SharedMemoryConfig.Bytes;
            ((EmulatorStream)stream).Do(() => _accelerator.LastLaunch = _accelerator.Emulator.Launch(_entry, grid, group, shared, arguments));
        }
    }

    private sealed class EmulatorStream(EmulatorAccelerator accelerator) : AcceleratorStream(accelerator)
    {
        private List<Action>? _captured;

        public override bool IsCompleted => true;

        /// <summary>Does the work, or keeps it while a graph is captured.</summary>
        public void Do(Action work)
        {
            if (_captured is { } captured)
                captured.Add(work);
            else
                work();
        }

        public override void Synchronize()
        {
        }

        public override void Record(AcceleratorEvent mark) => Do(((EmulatorEvent)mark).Mark);

        public override void Wait(AcceleratorEvent mark)
        {
        }

        protected override void StartCapture() => _captured = [];

        protected override AcceleratorGraph FinishCapture()
        {
            List<Action> captured = _captured!;
            _captured = null;
            return new EmulatorGraph(captured);
        }

        protected override unsafe void CopyFromHost(nint target, nint source, long bytes) =>
            Do(() => accelerator.Memory.Write((ulong)target, new ReadOnlySpan<byte>((void*)source, checked((int)bytes))));

        protected override unsafe void CopyToHost(nint target, nint source, long bytes) =>
            Do(() => accelerator.Memory.Read((ulong)source, new Span<byte>((void*)target, checked((int)bytes))));

        protected override void CopyOnDevice(nint target, nint source, long bytes) =>
            Do(() => accelerator.Memory.Copy((ulong)source, (ulong)target, bytes));

        protected override void Fill(nint target, byte value, long bytes) =>
            Do(() => accelerator.Memory.Span((ulong)target, checked((int)bytes)).Fill(value));

        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class EmulatorEvent : AcceleratorEvent
    {
        private long _mark;

        public override bool IsCompleted => true;

        public void Mark() => _mark = Stopwatch.GetTimestamp();

        public override void Synchronize()
        {
        }

        public override double MillisecondsSince(AcceleratorEvent start) => Stopwatch.GetElapsedTime(((EmulatorEvent)start)._mark, _mark).TotalMilliseconds;

        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class EmulatorGraph(List<Action> work) : AcceleratorGraph
    {
        public override void Launch(AcceleratorStream stream)
        {
            foreach (Action step in work)
                ((EmulatorStream)stream).Do(step);
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
