using ILGPU.Runtime;
using Lia.Gpu.Runtime;

namespace Lia.Kernels;

/// <summary>
/// A kernel with its shape and arguments, ready to be put into a stream any number of times. Every launcher of this project makes these, by
/// our compiler or by ILGPU's own.
/// </summary>
internal abstract class KernelLaunch
{
    /// <summary>What it computes, for example a layer's name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Where it runs.</summary>
    public required KernelLoader Loader { get; init; }

    /// <summary>The loaded kernel of our compiler; waits for it where it is still being compiled.</summary>
    /// <exception cref="NotSupportedException">ILGPU's own compiler compiled it.</exception>
    public abstract LoadedKernel Kernel { get; }

    /// <summary>Floating point operations, counting a multiply-add as two; 0 where bytes alone bound it.</summary>
    public double Operations { get; init; }

    /// <summary>Bytes read and written once.</summary>
    public double Bytes { get; init; }

    /// <summary>Puts the launch into a stream. Allocates nothing.</summary>
    public abstract void Enqueue(AcceleratorStream stream);

    /// <summary>
    /// Binds a kernel's arguments and starts to load it (once per loader): the kernels of a plan are compiled side by side.
    /// </summary>
    /// <typeparam name="TArguments">The kernel's only parameter.</typeparam>
    /// <param name="loader">Where it runs.</param>
    /// <param name="kernel">A static method.</param>
    /// <param name="config">Groups and threads.</param>
    /// <param name="arguments">Passed by value.</param>
    /// <param name="operations">Floating point operations.</param>
    /// <param name="bytes">Bytes moved at least.</param>
    public static KernelLaunch Create<TArguments>(
        KernelLoader loader, Action<TArguments> kernel, KernelConfig config, TArguments arguments, double operations = 0, double bytes = 0)
        where TArguments : struct => Bind(loader, kernel, config, arguments, operations, bytes, overlaps: false);

    /// <summary>The same for a kernel that may be set up while the launch before it runs; it calls <see cref="Overlap.Begin"/>.</summary>
    public static KernelLaunch CreateOverlapping<TArguments>(
        KernelLoader loader, Action<TArguments> kernel, KernelConfig config, TArguments arguments, double operations = 0, double bytes = 0)
        where TArguments : struct => Bind(loader, kernel, config, arguments, operations, bytes, overlaps: true);

    /// <summary>A one-dimensional launch of at least <paramref name="threads"/> threads.</summary>
    public static KernelConfig Linear(long threads, int group = 256) =>
        new(new Index1D(checked((int)((threads + group - 1) / group))), new Index1D(group));

    private static KernelLaunch Bind<TArguments>(
        KernelLoader loader, Action<TArguments> kernel, KernelConfig config, TArguments arguments, double operations, double bytes,
        bool overlaps)
        where TArguments : struct => loader.IsStock
        ? new StockBound<TArguments>(loader.LoadStock(kernel), config, arguments)
            { Loader = loader, Operations = operations, Bytes = bytes }
        : new Bound(loader.LoadAsync(kernel.Method), config, KernelArguments.Flatten(in arguments), overlaps && loader.Target.Sm >= 90)
        {
            Loader = loader,
            Operations = operations,
            Bytes = bytes,
        };

    // The arguments are laid out once, here: a launch only hands them on.
    private sealed class Bound(Task<LoadedKernel> kernel, KernelConfig config, byte[] arguments, bool overlapsPrevious) : KernelLaunch
    {
        public override LoadedKernel Kernel => kernel.GetAwaiter().GetResult();

        public override void Enqueue(AcceleratorStream stream) => Kernel.Launch(stream, config, arguments, overlapsPrevious);
    }

    // ILGPU's own compiler and launcher.
    private sealed class StockBound<TArguments>(
        Action<AcceleratorStream, KernelConfig, TArguments> kernel, KernelConfig config, TArguments arguments) : KernelLaunch
        where TArguments : struct
    {
        public override LoadedKernel Kernel => throw new NotSupportedException("ILGPU's own compiler compiled it");

        public override void Enqueue(AcceleratorStream stream) => kernel(stream, config, arguments);
    }
}
