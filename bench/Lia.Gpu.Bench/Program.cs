using System.Diagnostics;
using Lia.Gpu.Bench;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;

// Times the runtime and the kernels of this folder on the first CUDA device and prints one line per figure, `name value unit`, which
// compare.py sets beside PyTorch's.
//   Lia.Gpu.Bench [ptx DIRECTORY]       with ptx: writes every kernel's PTX to DIRECTORY instead, for ptxas
if (args is ["ptx", var directory])
{
    PtxDump.Write(directory);
    return 0;
}
long start = Stopwatch.GetTimestamp();
if (!CudaDeviceInfo.TryEnumerate(out var devices, out string? problem))
{
    Console.Error.WriteLine(problem);
    return 1;
}
using KernelLoader loader = devices[0].Open();
Console.WriteLine(
    $"# {loader.Properties.Name}, sm_{loader.Properties.Sm}, driver for CUDA " +
    $"{CudaDeviceInfo.DriverVersion / 1000}.{CudaDeviceInfo.DriverVersion % 1000 / 10}, {loader.Properties.Multiprocessors} " +
    "multiprocessors");
loader.Accelerator.Synchronize();
Timing.Print("open_device", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
LoadTime.Run(loader);
LaunchCost.Run(loader);
CopyBandwidth.Run(loader);
MatrixProducts.Run(loader);
return 0;
