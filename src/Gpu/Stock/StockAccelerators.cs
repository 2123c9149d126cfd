using System.Collections.Immutable;
using System.Globalization;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Stock;

/// <summary>
/// The accelerators that ILGPU itself finds, for kernels compiled by ILGPU itself: NVIDIA's by CUDA, other makers' by OpenCL, and a
/// simulator on the processor.
/// </summary>
public static class StockAccelerators
{
    /// <summary>Lanes of a warp that kernels here are written for; an accelerator with another number is not opened.</summary>
    public const int Lanes = 32;

    private const int SimulatedWarps = 16; // of the largest group: 512 threads, each one of the operating system

    /// <summary>
    /// What <see cref="Open"/> may take, best first, each in words. Never throws. Looks at every driver and costs some tenths of a second
    /// the first time.
    /// </summary>
    public static ImmutableArray<string> Describe()
    {
        using Context context = CreateContext(static _ => true);
        return [.. Sort(context).Select(static device => string.Create(CultureInfo.InvariantCulture,
            $"{device.Name} ({Word(device.AcceleratorType)}, {device.NumMultiprocessors} " +
                $"multiprocessor{(device.NumMultiprocessors == 1 ? "" : "s")}, {device.WarpSize} " +
                $"lanes{(device.WarpSize == Lanes ? "" : $": not used, kernels are written for {Lanes}")})"))];
    }

    /// <summary>
    /// Opens the best accelerator: the first on CUDA, else on OpenCL, else the simulator, which takes minutes where a GPU takes a second.
    /// It goes with the loader.
    /// </summary>
    /// <param name="type">Only accelerators of this type; null for all.</param>
    /// <param name="place">Which of them, counted from 0, the best first.</param>
    /// <exception cref="NotSupportedException">There is no such accelerator, or it does not open.</exception>
    public static KernelLoader Open(AcceleratorType? type = null, int place = 0)
    {
        Context context = CreateContext(candidate => type is null || candidate == type);
        try
        {
            ILGPU.Runtime.Device device = Sort(context).Where(static device => device.WarpSize == Lanes).ElementAtOrDefault(place)
                ?? throw new NotSupportedException(
                    $"ILGPU finds no accelerator {(place == 0 ? "" : $"{place} ")}of {Lanes} lanes"
                        + (type is { } wanted ? $" on {Word(wanted)}" : ""));
            try
            {
                Accelerator accelerator = device.CreateAccelerator(context);
                return KernelLoader.CreateStock(accelerator, [accelerator, context]);
            }
            catch (Exception e) when (e is AcceleratorException or CapabilityNotSupportedException)
            {
                throw new NotSupportedException($"ILGPU does not open {device.Name}: {e.Message}", e);
            }
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    private static Context CreateContext(Predicate<AcceleratorType> includes)
    {
        CudaDriver.ShareWithIlgpu();
        return Context.Create(builder =>
        {
            if (includes(AcceleratorType.Cuda)) builder.Cuda();
            if (includes(AcceleratorType.OpenCL)) builder.OpenCL();
            if (includes(AcceleratorType.CPU)) builder.CPU(new CPUDevice(Lanes, SimulatedWarps, 1));
            Prepare(builder);
        });
    }

    /// <summary>What kernels compiled by ILGPU itself are compiled with here.</summary>
    internal static void Prepare(Context.Builder builder) =>
        builder.EnableAlgorithms().EnableLiaIntrinsics().Optimize(OptimizationLevel.O2);

    private static IEnumerable<ILGPU.Runtime.Device> Sort(Context context) =>
        context.Devices.OrderBy(static device => device.AcceleratorType switch
    {
        AcceleratorType.Cuda => 0,
        AcceleratorType.OpenCL => 1,
        _ => 2,
    });

    private static string Word(AcceleratorType type) => type == AcceleratorType.CPU ? "simulated on the processor" : type.ToString();
}
