using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Runtime;

/// <summary>What a loaded kernel takes of a multiprocessor.</summary>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="LocalBytes">Bytes of local memory of a thread: register spills and arrays that could not be kept in registers.</param>
/// <param name="StaticSharedBytes">Bytes of shared memory of a group, without the dynamic part.</param>
/// <param name="MaxThreadsPerGroup">Threads a group may have, given the registers and the kernel's launch bounds.</param>
public readonly record struct KernelAttributes(int Registers, int LocalBytes, int StaticSharedBytes, int MaxThreadsPerGroup);

/// <summary>
/// A kernel of our compiler, loaded on an accelerator. Typed launchers come from <see cref="KernelLoader.Load{TLauncher}"/>.
/// </summary>
public abstract class LoadedKernel : AcceleratorObject
{
    private const int AutoGroupSize = 256;

    /// <summary>Describes a loaded kernel.</summary>
    protected LoadedKernel(Accelerator accelerator, AcceleratorProperties properties, CompiledKernel compiled,
        KernelAttributes attributes) : base(accelerator)
    {
        Properties = properties;
        Compiled = compiled;
        Attributes = attributes;
    }

    /// <summary>The PTX and its parameters.</summary>
    public CompiledKernel Compiled { get; }

    /// <summary>Registers, local memory and limits.</summary>
    public KernelAttributes Attributes { get; }

    /// <summary>The limits of the device it is loaded on.</summary>
    protected AcceleratorProperties Properties { get; }

    /// <summary>
    /// Launches with arguments laid out as <see cref="CompiledKernel.Parameters"/> says: see <see cref="KernelArguments.Flatten"/>.
    /// Allocates nothing.
    /// </summary>
    /// <param name="stream">A stream of the accelerator.</param>
    /// <param name="config">Groups, threads and dynamic shared memory, of which more than 48 KiB needs nothing further, up to
    /// <see cref="AcceleratorProperties.MaxSharedBytesPerGroup"/>.</param>
    /// <param name="arguments">All parameters.</param>
    /// <param name="overlapsPrevious">
    /// Whether the launch may begin before those ahead of it in the stream have ended: as soon as all their groups have called
    /// <see cref="Intrinsics.AllowNextLaunch"/> or ended. The kernel must call <see cref="Intrinsics.WaitForPreviousLaunches"/> before it
    /// touches what they read or write. Needs compute capability 9.0; captured launches keep it.
    /// </param>
    /// <exception cref="ArgumentException">The arguments have another size, the stream is another accelerator's, or the shape exceeds a
    /// limit.</exception>
    public unsafe void Launch(AcceleratorStream stream, KernelConfig config, ReadOnlySpan<byte> arguments, bool overlapsPrevious = false)
    {
        if (arguments.Length != Compiled.ParameterBytes)
            throw new ArgumentException(
                $"{Compiled.EntryPoint} takes {Compiled.ParameterBytes} bytes of arguments, not {arguments.Length}");
        fixed (byte* block = arguments)
            LaunchBlock(stream, config, (nint)block, overlapsPrevious);
    }

    /// <summary>
    /// Launches with the argument block at <paramref name="block"/>, in the default stream if none is given. Allocates nothing.
    /// </summary>
    internal void LaunchBlock(AcceleratorStream? stream, KernelConfig config, nint block, bool overlapsPrevious)
    {
        stream ??= Accelerator.DefaultStream;
        if (!ReferenceEquals(stream.Accelerator, Accelerator)
            || config.GroupDim.X < 1 || config.GroupDim.Y < 1 || config.GroupDim.Z < 1
                || config.GroupDim.LongSize > Attributes.MaxThreadsPerGroup
            || config.GridDim.X < 1 || config.GridDim.Y < 1 || config.GridDim.Z < 1 || config.GridDim.Y > 65535 || config.GridDim.Z > 65535
            || (uint)config.SharedMemoryConfig.ArraySize > (uint)MostDynamicShared)
            throw new ArgumentException(Refusal(stream, config), nameof(config));
        if (overlapsPrevious && Compiled.Target.Sm < 90) // such a kernel cannot wait
            throw new NotSupportedException(
                $"{Compiled.EntryPoint}: overlapping launches need compute capability 9.0, it is compiled for {Compiled.Target.Name}");
        LaunchCore(stream, in config, block, overlapsPrevious);
    }

    /// <summary>Launches <paramref name="extent"/> threads of an implicitly grouped kernel; none at all for an empty extent.</summary>
    internal void LaunchExtent(AcceleratorStream? stream, Index1D extent, nint block)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(extent.X, nameof(extent));
        if (extent.X == 0)
            return;
        int group = Math.Min(AutoGroupSize, Attributes.MaxThreadsPerGroup);
        LaunchBlock(stream, new KernelConfig(new Index1D((int)(((long)extent.X + group - 1) / group)), new Index1D(group)), block, false);
    }

    private int MostDynamicShared =>
        Properties.MaxSharedBytesPerGroup - Attributes.StaticSharedBytes - Compiled.DynamicSharedPadding;

    /// <summary>Bytes of dynamic shared memory that a launch takes.</summary>
    protected int SharedBytes(in KernelConfig config) => config.SharedMemoryConfig.ArraySize + Compiled.DynamicSharedPadding;

    /// <summary>Launches a shape within the limits.</summary>
    protected abstract void LaunchCore(AcceleratorStream stream, in KernelConfig config, nint block, bool overlapsPrevious);

    private string Refusal(AcceleratorStream stream, KernelConfig config)
    {
        if (!ReferenceEquals(stream.Accelerator, Accelerator))
            return $"{Compiled.EntryPoint} is loaded on {Accelerator.Name}, the stream is of {stream.Accelerator.Name}";
        string shape =
            $"{Compiled.EntryPoint}: grid {config.GridDim}, group {config.GroupDim}, {config.SharedMemoryConfig.ArraySize} bytes of " +
            "dynamic shared memory";
        return $"{shape}: a grid is at least 1 and at most 65535 along Y and Z, a group has 1 to {Attributes.MaxThreadsPerGroup} threads"
            + $" ({Attributes.Registers} registers a thread), and {MostDynamicShared} " +
                "bytes are left for dynamic shared memory";
    }
}
