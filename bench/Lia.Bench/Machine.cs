using System.Runtime.InteropServices;
using System.Text.Json;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;

namespace Lia.Bench;

/// <summary>What a measurement ran on.</summary>
internal static class Machine
{
    public static void Write(Utf8JsonWriter json, KernelLoader loader)
    {
        json.WriteStartObject("machine");
        json.WriteString("gpu", loader.Properties.Name);
        json.WriteNumber("multiprocessors", loader.Properties.Multiprocessors);
        json.WriteString("driver", CudaDeviceInfo.DriverRelease);
        json.WriteString("runtime", RuntimeInformation.FrameworkDescription);
        json.WriteString("system", RuntimeInformation.OSDescription);
        json.WriteNumber("cpuThreads", Environment.ProcessorCount);
        json.WriteString("time", DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", System.Globalization.CultureInfo.InvariantCulture));
        json.WriteEndObject();
    }
}
