using System.Text;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A kernel's module and its entry.</summary>
internal sealed unsafe class CudaKernel : Kernel
{
    private readonly CudaHandle _module;
    private readonly nint _function;
    private readonly nuint _parameterBytes;

    private CudaKernel(CudaAccelerator accelerator, CompiledKernel compiled, KernelAttributes attributes, CudaHandle module, nint function)
        : base(accelerator, compiled, attributes)
    {
        _module = module;
        _function = function;
        _parameterBytes = (nuint)compiled.ParameterBytes;
    }

    public static CudaKernel Load(CudaAccelerator accelerator, CompiledKernel compiled)
    {
        accelerator.Context.Enter();
        var module = new CudaHandle(accelerator.Context, accelerator.Live, CudaModule.Load(accelerator, compiled), CudaObject.Module);
        try
        {
            nint function;
            fixed (byte* name = Encoding.UTF8.GetBytes(compiled.EntryPoint + '\0'))
                CudaApi.cuModuleGetFunction(out function, module.Value, name).Check(compiled.EntryPoint);
            var attributes = new KernelAttributes(
                Read(function, CudaFunctionAttribute.Registers),
                Read(function, CudaFunctionAttribute.LocalSizeBytes),
                Read(function, CudaFunctionAttribute.SharedSizeBytes),
                Read(function, CudaFunctionAttribute.MaxThreadsPerBlock));
            if (compiled.UsesDynamicShared)
            {
                // The limit is 48 KiB until it is raised; raising it to all the device grants costs nothing, a launch takes what it asks for.
                int most = accelerator.Properties.MaxSharedBytesPerGroup - attributes.StaticSharedBytes;
                CudaApi.cuFuncSetAttribute(function, CudaFunctionAttribute.MaxDynamicSharedSizeBytes, most).Check($"{most} bytes for {compiled.EntryPoint}");
            }
            return new CudaKernel(accelerator, compiled, attributes, module, function);
        }
        catch
        {
            module.Dispose();
            throw;
        }
    }

    public void Unload() => _module.Dispose();

    protected override void LaunchCore(AcceleratorStream stream, in KernelConfig config, nint block)
    {
        // The argument block goes to the driver as it is: CU_LAUNCH_PARAM_BUFFER_POINTER, _BUFFER_SIZE, _END.
        nuint bytes = _parameterBytes;
        void** extra = stackalloc void*[] { (void*)1, (void*)block, (void*)2, &bytes, null };
        ObjectDisposedException.ThrowIf(_module.IsClosed, this);
        if (config.OverlapsPrevious)
        {
            LaunchOverlapping(((CudaStream)stream).Enter(), in config, extra);
            return;
        }
        CudaResult result = CudaApi.cuLaunchKernel(
            _function,
            (uint)config.GridDim.X, (uint)config.GridDim.Y, (uint)config.GridDim.Z,
            (uint)config.GroupDim.X, (uint)config.GroupDim.Y, (uint)config.GroupDim.Z,
            (uint)config.SharedMemoryConfig.Bytes, ((CudaStream)stream).Enter(), null, extra);
        if (result != CudaResult.Success)
            throw CudaStatus.Failure(result, $"{Compiled.EntryPoint}, {config}", nameof(CudaApi.cuLaunchKernel));
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
            SharedBytes = (uint)config.SharedMemoryConfig.Bytes,
            Stream = stream,
            Attributes = &attribute,
            AttributeCount = 1,
        };
        CudaResult result = CudaApi.cuLaunchKernelEx(&launch, _function, null, extra);
        if (result != CudaResult.Success)
            throw CudaStatus.Failure(result, $"{Compiled.EntryPoint}, {config}", nameof(CudaApi.cuLaunchKernelEx));
    }

    private static int Read(nint function, CudaFunctionAttribute attribute)
    {
        CudaApi.cuFuncGetAttribute(out int value, attribute, function).Check(attribute.ToString());
        return value;
    }
}
