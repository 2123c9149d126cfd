using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>
/// A kernel with its shape and arguments, ready to be put into a stream any number of times. Every launcher makes these, and it is the only place
/// where kernels meet the runtime.
/// </summary>
internal abstract class KernelLaunch
{
    /// <summary>What it computes, for example a layer's name.</summary>
    public string Name { get; set; } = "";

    /// <summary>The loaded kernel; waits for it where it is still being compiled.</summary>
    public abstract Kernel Kernel { get; }

    /// <summary>Floating point operations, counting a multiply-add as two; 0 where bytes alone bound it.</summary>
    public double Operations { get; init; }

    /// <summary>Bytes read and written once.</summary>
    public double Bytes { get; init; }

    /// <summary>Puts the launch into a stream. Allocates nothing.</summary>
    public abstract void Enqueue(AcceleratorStream stream);

    /// <summary>Binds a kernel's arguments and starts to load it (once per accelerator): the kernels of a plan are compiled side by side.</summary>
    /// <typeparam name="TArguments">The kernel's only parameter.</typeparam>
    /// <param name="accelerator">Where it runs.</param>
    /// <param name="kernel">A static method in the dialect.</param>
    /// <param name="config">Groups and threads.</param>
    /// <param name="arguments">Passed by value.</param>
    /// <param name="operations">Floating point operations.</param>
    /// <param name="bytes">Bytes moved at least.</param>
    public static KernelLaunch Create<TArguments>(
        Accelerator accelerator, Action<TArguments> kernel, KernelConfig config, TArguments arguments, double operations = 0, double bytes = 0)
        where TArguments : unmanaged =>
        new Bound<TArguments>(accelerator.LoadKernelAsync(kernel.Method), config, arguments) { Operations = operations, Bytes = bytes };

    /// <summary>The same for a kernel that may be set up while the launch before it runs; it calls <see cref="Overlap.Begin"/>.</summary>
    public static KernelLaunch CreateOverlapping<TArguments>(
        Accelerator accelerator, Action<TArguments> kernel, KernelConfig config, TArguments arguments, double operations = 0, double bytes = 0)
        where TArguments : unmanaged =>
        Create(accelerator, kernel, config with { OverlapsPrevious = accelerator.Target.Sm >= 90 }, arguments, operations, bytes);

    /// <summary>A one-dimensional launch of at least <paramref name="threads"/> threads.</summary>
    public static KernelConfig Linear(long threads, int group = 256) =>
        new(new Index1D(checked((int)((threads + group - 1) / group))), new Index1D(group));

    private sealed class Bound<TArguments>(Task<Kernel> kernel, KernelConfig config, TArguments arguments) : KernelLaunch
        where TArguments : unmanaged
    {
        private readonly TArguments _arguments = arguments;

        public override Kernel Kernel => kernel.GetAwaiter().GetResult();

        public override void Enqueue(AcceleratorStream stream) =>
            Kernel.Launch(stream, config, MemoryMarshal.AsBytes(new ReadOnlySpan<TArguments>(in _arguments)));
    }
}
