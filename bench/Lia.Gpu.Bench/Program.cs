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
if (!CudaDevice.TryEnumerate(out var devices, out string? problem))
{
    Console.Error.WriteLine(problem);
    return 1;
}
using Accelerator accelerator = devices[0].CreateAccelerator();
Console.WriteLine($"# {accelerator.Name}, sm_{accelerator.Properties.Sm}, driver for CUDA {CudaDevice.DriverVersion / 1000}.{CudaDevice.DriverVersion % 1000 / 10}, {accelerator.Properties.Multiprocessors} multiprocessors");
accelerator.Synchronize();
Timing.Print("open_device", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
LoadTime.Run(accelerator);
LaunchCost.Run(accelerator);
CopyBandwidth.Run(accelerator);
MatrixProducts.Run(accelerator);
return 0;
