using System.Diagnostics;
using System.Reflection;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Stock;
using Half = ILGPU.Half;

namespace Lia.Gpu.Runtime;

/// <summary>
/// Runs what opening a device and filling it runs on the host, before there is one. A driver takes two tenths of a second to start and to
/// open a device, and cores are idle meanwhile; what the runtime has to compile for what follows, ILGPU's generic types over numbers first
/// of all, which no compilation ahead covers, is compiled then.
/// </summary>
/// <remarks>It changes nothing but what is compiled, and nothing depends on it.</remarks>
public static class Rehearsal
{
    /// <summary>Has the parts run on the thread pool. What goes wrong there is nobody's concern.</summary>
    /// <param name="kernels">An assembly whose kernels will be loaded.</param>
    /// <param name="arguments">What they are launched with.</param>
    /// <param name="more">What the caller does with a device besides.</param>
    public static void Begin(Assembly kernels, IEnumerable<Type> arguments, params ReadOnlySpan<Action> more)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(arguments);
        foreach (Action part in (ReadOnlySpan<Action>)[.. Parts(kernels, arguments), .. more]) Task.Run(() => Try(part));
    }

    /// <summary>What is run.</summary>
    internal static IEnumerable<Action> Parts(Assembly kernels, IEnumerable<Type> arguments) =>
    [
        OpenContext, ListSets, FillArrays, () => KernelKey.Foresee(kernels),
        .. arguments.Select(static type => (Action)(() => KernelArguments.Foresee(type))),
    ];

    private static void Try(Action part)
    {
        using Activity? rehearsing = Activities.Begin("rehearsed");
        try
        {
            part();
        }
        catch (Exception)
        {
            // Told by the performance, if it is anything.
        }
    }

    // What ILGPU makes of a device of CUDA, but for the driver's part.
    private static void OpenContext()
    {
        using Context context = Context.Create(static _ => { });
        using PTXBackend backend = new(context, new CudaCapabilityContext(CudaArchitecture.SM_90), CudaArchitecture.SM_90,
            CudaInstructionSet.ISA_80, null);
    }

    // What it looks a device up in.
    private static void ListSets()
    {
        foreach (CudaInstructionSet known in PTXCodeGenerator.SupportedInstructionSets)
            _ = CudaDriverVersionUtils.GetMinimumDriverVersion(known);
        _ = CudaDriverVersionUtils.GetMinimumDriverVersion(CudaArchitecture.SM_90);
    }

    // On a device that ILGPU simulates: one thread, and no kernel runs.
    private static void FillArrays()
    {
        using Context context = Context.Create(static builder => builder.CPU(new CPUDevice(2, 1, 1)));
        using Accelerator accelerator = context.CreateCPUAccelerator(0);
        using KernelLoader loader = KernelLoader.CreateStock(accelerator);
        using AcceleratorStream stream = accelerator.CreateStream();
        Fill<float>(loader, stream);
        Fill<byte>(loader, stream);
        Fill<int>(loader, stream);
        Fill<Half>(loader, stream);
        Fill<double>(loader, stream);
        Fill<Int4>(loader, stream);
    }

    private static void Fill<T>(KernelLoader loader, AcceleratorStream stream) where T : unmanaged
    {
        T[] values = new T[4];
        using MemoryBuffer1D<T, Stride1D.Dense> array = loader.Allocate1D(values), other = loader.Allocate1D<T>(values.Length);
        using PageLockedMemory<T> locked = loader.AllocatePageLocked<T>(values.Length);
        locked.Span.Clear();
        array.MemSetToZero(stream);
        ArrayView<T> view = array.View.SubView(1, 2), all = array.View, from = other.View.SubView(0, 2);
        view.CopyFrom(stream, from);
        view.CopyTo(stream, from);
        view.CopyFromCPU(stream, (ReadOnlySpan<T>)values.AsSpan(0, 2));
        view.CopyToCPU(stream, values.AsSpan(0, 2));
        array.View.CopyToCPU(stream, values);
        all.SubView(1).SubView(0, 1).MemSet(stream, 0);
        List<ArrayView<T>> views = [view, all];
        _ = views[0].Length + views[^1].IntLength + locked.View.SubView(0, 1).Length;
        _ = array.View.AsContiguous().LengthInBytes;
        stream.Synchronize();
    }
}
