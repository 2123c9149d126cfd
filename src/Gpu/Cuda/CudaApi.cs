using System.Reflection;
using System.Runtime.InteropServices;

namespace Lia.Gpu.Cuda;

/// <summary>
/// The functions of the CUDA driver that ILGPU does not call for us, with the driver's names and argument order
/// (https://docs.nvidia.com/cuda/cuda-driver-api). Handles and device addresses are nint. <see cref="CudaDriver"/> must have started first.
/// </summary>
internal static unsafe partial class CudaApi
{
    public const string Library = "cuda";

    /// <summary>The exported names of all functions below.</summary>
    public static IEnumerable<string> Functions =>
        from method in typeof(CudaApi).GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        let import = method.GetCustomAttribute<DllImportAttribute>()
        where import is not null
        select import.EntryPoint is { Length: > 0 } name ? name : method.Name;

    // Driver and errors
    [LibraryImport(Library)] internal static partial CudaResult cuInit(uint flags);
    [LibraryImport(Library)] internal static partial CudaResult cuDriverGetVersion(out int version);
    [LibraryImport(Library)] internal static partial CudaResult cuGetErrorName(CudaResult result, out byte* text);
    [LibraryImport(Library)] internal static partial CudaResult cuGetErrorString(CudaResult result, out byte* text);

    // Devices
    [LibraryImport(Library)] internal static partial CudaResult cuDeviceGetCount(out int count);
    [LibraryImport(Library)] internal static partial CudaResult cuDeviceGet(out int device, int ordinal);
    [LibraryImport(Library)] internal static partial CudaResult cuDeviceGetName(byte* name, int length, int device);
    [LibraryImport(Library)] internal static partial CudaResult cuDeviceGetAttribute(out int value, CudaDeviceAttribute attribute,
        int device);
    [LibraryImport(Library, EntryPoint = "cuDeviceTotalMem_v2")] internal static partial CudaResult cuDeviceTotalMem(out nuint bytes,
        int device);

    // The context is ILGPU's
    [LibraryImport(Library)][SuppressGCTransition] internal static partial CudaResult cuCtxSetCurrent(nint context);

    // Memory
    [LibraryImport(Library)] internal static partial CudaResult cuMemHostAlloc(out nint address, nuint bytes, uint flags);
    [LibraryImport(Library)] internal static partial CudaResult cuMemFreeHost(nint address);
    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")] internal static partial CudaResult cuMemGetInfo(out nuint free,
        out nuint total);

    // Streams and events
    [LibraryImport(Library)] internal static partial CudaResult cuStreamQuery(nint stream);
    [LibraryImport(Library)] internal static partial CudaResult cuStreamWaitEvent(nint stream, nint mark, uint flags);
    [LibraryImport(Library)] internal static partial CudaResult cuEventCreate(out nint mark, uint flags);
    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")] internal static partial CudaResult cuEventDestroy(nint mark);
    [LibraryImport(Library)] internal static partial CudaResult cuEventRecord(nint mark, nint stream);
    [LibraryImport(Library)] internal static partial CudaResult cuEventSynchronize(nint mark);
    [LibraryImport(Library)] internal static partial CudaResult cuEventQuery(nint mark);
    [LibraryImport(Library)] internal static partial CudaResult cuEventElapsedTime(out float milliseconds, nint start, nint end);

    // Modules and launches
    [LibraryImport(Library)] internal static partial CudaResult cuModuleLoadDataEx(out nint module, byte* image, uint count,
        CudaJitOption* options, nint* values);
    [LibraryImport(Library)] internal static partial CudaResult cuModuleUnload(nint module);
    [LibraryImport(Library, EntryPoint = "cuLinkCreate_v2")] internal static partial CudaResult cuLinkCreate(uint count,
        CudaJitOption* options, nint* values, out nint linker);
    [LibraryImport(Library, EntryPoint = "cuLinkAddData_v2")]
    internal static partial CudaResult cuLinkAddData(
        nint linker, CudaJitInput kind, byte* data, nuint bytes, byte* name, uint count, CudaJitOption* options, nint* values);
    [LibraryImport(Library)] internal static partial CudaResult cuLinkComplete(nint linker, out byte* image, out nuint bytes);
    [LibraryImport(Library)] internal static partial CudaResult cuLinkDestroy(nint linker);
    [LibraryImport(Library)] internal static partial CudaResult cuModuleGetFunction(out nint function, nint module, byte* name);
    [LibraryImport(Library)] internal static partial CudaResult cuFuncGetAttribute(out int value, CudaFunctionAttribute attribute,
        nint function);
    [LibraryImport(Library)] internal static partial CudaResult cuFuncSetAttribute(nint function, CudaFunctionAttribute attribute,
        int value);
    [LibraryImport(Library)]
    internal static partial CudaResult cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream,
        void** parameters, void** extra);
    [LibraryImport(Library)] internal static partial CudaResult cuLaunchKernelEx(CudaLaunchConfig* config, nint function, void** parameters,
        void** extra);

    // Graphs
    [LibraryImport(Library, EntryPoint = "cuStreamBeginCapture_v2")] internal static partial CudaResult cuStreamBeginCapture(nint stream,
        int mode);
    [LibraryImport(Library)] internal static partial CudaResult cuStreamEndCapture(nint stream, out nint graph);
    [LibraryImport(Library)] internal static partial CudaResult cuGraphInstantiateWithFlags(out nint executable, nint graph, ulong flags);
    [LibraryImport(Library)] internal static partial CudaResult cuGraphLaunch(nint executable, nint stream);
    [LibraryImport(Library)] internal static partial CudaResult cuGraphExecDestroy(nint executable);
    [LibraryImport(Library)] internal static partial CudaResult cuGraphDestroy(nint graph);
}

/// <summary>CUlaunchConfig.</summary>
internal unsafe struct CudaLaunchConfig
{
    public uint GridX, GridY, GridZ, BlockX, BlockY, BlockZ, SharedBytes;
    public nint Stream;
    public CudaLaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>CUlaunchAttribute: a number and, at byte 8, a value of up to 64 bytes, of which we use the first four.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct CudaLaunchAttribute
{
    /// <summary>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION.</summary>
    public const int ProgrammaticStreamSerialization = 6;

    [FieldOffset(0)] public int Id;
    [FieldOffset(8)] public int Value;
}

/// <summary>CUdevice_attribute.</summary>
internal enum CudaDeviceAttribute
{
    MaxThreadsPerBlock = 1,
    MultiprocessorCount = 16,
    L2CacheSize = 38,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaxSharedMemoryPerBlockOptIn = 97,
}

/// <summary>CUfunction_attribute.</summary>
internal enum CudaFunctionAttribute
{
    MaxThreadsPerBlock = 0,
    SharedSizeBytes = 1,
    LocalSizeBytes = 3,
    Registers = 4,
    MaxDynamicSharedSizeBytes = 8,
}

/// <summary>CUjit_option.</summary>
internal enum CudaJitOption
{
    InfoLogBuffer = 3,
    InfoLogBufferSizeBytes = 4,
    ErrorLogBuffer = 5,
    ErrorLogBufferSizeBytes = 6,
    Target = 9,
    LogVerbose = 12,
}

/// <summary>CUjitInputType.</summary>
internal enum CudaJitInput
{
    Ptx = 1,
}
