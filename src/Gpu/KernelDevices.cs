using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;

namespace Lia.Gpu;

/// <summary>Every kind of device there is here: another one is added to <see cref="Of"/>.</summary>
internal sealed class KernelDevices : IKernelDevices
{
    // Whoever makes a loader need not have touched a device before. Nothing of ILGPU is loaded by it.
#pragma warning disable CA2255 // It sets a field, whatever the program is.
    [ModuleInitializer]
    internal static void Register() => IKernelDevices.Known = new KernelDevices();
#pragma warning restore CA2255

    public IKernelDevice Of(Accelerator accelerator) => accelerator switch
    {
        IKernelDevice device => device,
        CudaAccelerator cuda => new Cuda.CudaKernelDevice(cuda),
        _ => throw new NotSupportedException($"{accelerator.Name} runs no PTX: kernels are loaded on CUDA accelerators"),
    };

    public IKernelDevice OfStock(Accelerator accelerator) => new StockKernelDevice(accelerator);

    public Exception? Explain(AcceleratorException failure, string name) =>
        failure is CudaException cuda ? new Cuda.CudaException("ILGPU", cuda, name) : null;
}
