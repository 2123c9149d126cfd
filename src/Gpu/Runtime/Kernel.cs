using Lia.Gpu.Compiler;

namespace Lia.Gpu.Runtime;

/// <summary>What a loaded kernel takes of a multiprocessor.</summary>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="LocalBytes">Bytes of local memory of a thread: register spills and arrays that could not be kept in registers.</param>
/// <param name="StaticSharedBytes">Bytes of shared memory of a group, without the dynamic part.</param>
/// <param name="MaxThreadsPerGroup">Threads a group may have, given the registers and the kernel's launch bounds.</param>
public readonly record struct KernelAttributes(int Registers, int LocalBytes, int StaticSharedBytes, int MaxThreadsPerGroup);

/// <summary>A compiled kernel loaded on an accelerator. Typed launchers come from <see cref="Accelerator"/>'s Load methods.</summary>
public abstract class Kernel
{
    private const int AutoGroupSize = 256;

    /// <summary>Describes a loaded kernel.</summary>
    protected Kernel(Accelerator accelerator, CompiledKernel compiled, KernelAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        Accelerator = accelerator;
        Compiled = compiled;
        Attributes = attributes;
    }

    /// <summary>The accelerator the kernel is loaded on.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>The PTX and its parameters.</summary>
    public CompiledKernel Compiled { get; }

    /// <summary>Registers, local memory and limits.</summary>
    public KernelAttributes Attributes { get; }

    /// <summary>Launches with arguments laid out as <see cref="CompiledKernel.Parameters"/> says.</summary>
    /// <exception cref="ArgumentException">The arguments have another size, the stream is another accelerator's, or the shape exceeds a limit.</exception>
    public unsafe void Launch(AcceleratorStream stream, KernelConfig config, ReadOnlySpan<byte> arguments)
    {
        if (arguments.Length != Compiled.ParameterBytes)
            throw new ArgumentException($"{Compiled.EntryPoint} takes {Compiled.ParameterBytes} bytes of arguments, not {arguments.Length}");
        fixed (byte* block = arguments)
            LaunchBlock(stream, config, (nint)block);
    }

    /// <summary>Launches with the argument block at <paramref name="block"/>, in the default stream if none is given. Allocates nothing.</summary>
    internal void LaunchBlock(AcceleratorStream? stream, KernelConfig config, nint block)
    {
        stream ??= Accelerator.DefaultStream;
        if (!ReferenceEquals(stream.Accelerator, Accelerator)
            || config.GroupDim.X < 1 || config.GroupDim.Y < 1 || config.GroupDim.Z < 1 || config.ThreadsPerGroup > Attributes.MaxThreadsPerGroup
            || config.GridDim.X < 1 || config.GridDim.Y < 1 || config.GridDim.Z < 1 || config.GridDim.Y > 65535 || config.GridDim.Z > 65535
            || (uint)config.SharedMemoryConfig.Bytes > (uint)(Accelerator.Properties.MaxSharedBytesPerGroup - Attributes.StaticSharedBytes))
            throw new ArgumentException(Refusal(stream, config), nameof(config));
        if (config.OverlapsPrevious && Compiled.Target.Sm < 90) // such a kernel cannot wait
            throw new NotSupportedException($"{Compiled.EntryPoint}: overlapping launches need compute capability 9.0, it is compiled for {Compiled.Target.Name}");
        LaunchCore(stream, in config, block);
    }

    /// <summary>Launches <paramref name="extent"/> threads of an implicitly grouped kernel; none at all for an empty extent.</summary>
    internal void LaunchExtent(AcceleratorStream? stream, Index1D extent, nint block)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(extent.X, nameof(extent));
        if (extent.X == 0)
            return;
        int group = Math.Min(AutoGroupSize, Attributes.MaxThreadsPerGroup);
        LaunchBlock(stream, new KernelConfig(new Index1D((int)(((long)extent.X + group - 1) / group)), new Index1D(group)), block);
    }

    /// <summary>Launches a shape within the limits.</summary>
    protected abstract void LaunchCore(AcceleratorStream stream, in KernelConfig config, nint block);

    private string Refusal(AcceleratorStream stream, KernelConfig config)
    {
        if (!ReferenceEquals(stream.Accelerator, Accelerator))
            return $"{Compiled.EntryPoint} is loaded on {Accelerator.Name}, the stream is of {stream.Accelerator.Name}";
        string shape = $"{Compiled.EntryPoint}: grid {config.GridDim}, group {config.GroupDim}, {config.SharedMemoryConfig.Bytes} bytes of dynamic shared memory";
        return $"{shape}: a grid is at least 1 and at most 65535 along Y and Z, a group has 1 to {Attributes.MaxThreadsPerGroup} threads"
            + $" ({Attributes.Registers} registers a thread), and {Accelerator.Properties.MaxSharedBytesPerGroup - Attributes.StaticSharedBytes} bytes are left for dynamic shared memory";
    }
}
