using System.Diagnostics;
using System.Text;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A kernel's module and its entry.</summary>
internal sealed unsafe class CudaKernel : LoadedKernel
{
    private readonly CudaKernelDevice _device;
    private readonly CudaModule _module;
    private readonly nint _function;
    private readonly nuint _parameterBytes;

    private CudaKernel(CudaKernelDevice device, CompiledKernel compiled, KernelAttributes attributes, CudaModule module, nint function)
        : base(device.Accelerator, device.Properties, compiled, attributes)
    {
        _device = device;
        _module = module;
        _function = function;
        _parameterBytes = (nuint)compiled.ParameterBytes;
    }

    public static CudaKernel Load(CudaKernelDevice device, KernelCache cache, CompiledKernel compiled)
    {
        using Activity? loading = Activities.Begin("kernels onto the device");
        device.Enter();
        CudaModule module = CudaModule.Load(device.Properties, cache, compiled);
        try
        {
            nint function;
            fixed (byte* name = Encoding.UTF8.GetBytes(compiled.EntryPoint + '\0'))
                CudaApi.cuModuleGetFunction(out function, module.Handle, name).Check(compiled.EntryPoint);
            var attributes = new KernelAttributes(
                Read(function, CudaFunctionAttribute.Registers),
                Read(function, CudaFunctionAttribute.LocalSizeBytes),
                Read(function, CudaFunctionAttribute.SharedSizeBytes),
                Read(function, CudaFunctionAttribute.MaxThreadsPerBlock));
            if (compiled.UsesDynamicShared)
            {
                // The limit is 48 KiB until it is raised; raising it to all the device grants costs nothing, a launch takes what it asks
                // for.
                int most = device.Properties.MaxSharedBytesPerGroup - attributes.StaticSharedBytes;
                CudaApi.cuFuncSetAttribute(function, CudaFunctionAttribute.MaxDynamicSharedSizeBytes, most)
                    .Check($"{most} bytes for {compiled.EntryPoint}");
            }
            return new CudaKernel(device, compiled, attributes, module, function);
        }
        catch
        {
            module.Unload();
            throw;
        }
    }

    protected override void LaunchCore(AcceleratorStream stream, in KernelConfig config, nint block, bool overlapsPrevious)
    {
        // The argument block goes to the driver as it is: CU_LAUNCH_PARAM_BUFFER_POINTER, _BUFFER_SIZE, _END.
        nuint bytes = _parameterBytes;
        void** extra = stackalloc void*[] { (void*)1, (void*)block, (void*)2, &bytes, null };
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (overlapsPrevious)
        {
            LaunchOverlapping(_device.Enter(stream), in config, extra);
            return;
        }
        CudaResult result = CudaApi.cuLaunchKernel(
            _function,
            (uint)config.GridDim.X, (uint)config.GridDim.Y, (uint)config.GridDim.Z,
            (uint)config.GroupDim.X, (uint)config.GroupDim.Y, (uint)config.GroupDim.Z,
            (uint)SharedBytes(in config), _device.Enter(stream), null, extra);
        if (result != CudaResult.Success)
            throw CudaStatus.Failure(result, Describe(in config), nameof(CudaApi.cuLaunchKernel));
    }

    private void LaunchOverlapping(nint stream, in KernelConfig config, void** extra)
    {
        var attribute = new CudaLaunchAttribute { Id = CudaLaunchAttribute.ProgrammaticStreamSerialization, Value = 1 };
        var launch = new CudaLaunchConfig
        {
            GridX = (uint)config.GridDim.X,
            GridY = (uint)config.GridDim.Y,
            GridZ = (uint)config.GridDim.Z,
            BlockX = (uint)config.GroupDim.X,
            BlockY = (uint)config.GroupDim.Y,
            BlockZ = (uint)config.GroupDim.Z,
            SharedBytes = (uint)SharedBytes(in config),
            Stream = stream,
            Attributes = &attribute,
            AttributeCount = 1,
        };
        CudaResult result = CudaApi.cuLaunchKernelEx(&launch, _function, null, extra);
        if (result != CudaResult.Success)
            throw CudaStatus.Failure(result, Describe(in config), nameof(CudaApi.cuLaunchKernelEx));
    }

    protected override void DisposeAcceleratorObject(bool disposing) => _module.Unload();

    private string Describe(in KernelConfig config) =>
        $"{Compiled.EntryPoint}, grid {config.GridDim}, group {config.GroupDim}, {config.SharedMemoryConfig.ArraySize} bytes of dynamic " +
            "shared memory";

    private static int Read(nint function, CudaFunctionAttribute attribute)
    {
        CudaApi.cuFuncGetAttribute(out int value, attribute, function).Check(attribute.ToString());
        return value;
    }
}
