using ILGPU.Runtime;

namespace Lia.Gpu.Runtime;

/// <summary>What knows every kind of device. A loader is made of any accelerator, and devices load into loaders: neither knows the
/// other's rooms, and this stands above both.</summary>
internal interface IKernelDevices
{
    /// <summary>Set when the assembly is loaded, before anything else of it runs.</summary>
    static IKernelDevices Known { get; set; } = null!;

    /// <summary>What runs PTX of our compiler on an accelerator.</summary>
    /// <exception cref="NotSupportedException">The accelerator does not run PTX.</exception>
    IKernelDevice Of(Accelerator accelerator);

    /// <summary>What runs kernels of ILGPU's own compiler on an accelerator.</summary>
    IKernelDevice OfStock(Accelerator accelerator);

    /// <summary>A failure of ILGPU's runtime in the words of the device; null where it has none of its own.</summary>
    Exception? Explain(AcceleratorException failure, string name);
}
