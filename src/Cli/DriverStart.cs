using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Lia.Gpu.Cuda;
using Lia.Network.Cuda;

namespace Lia.Cli;

/// <summary>Starts the driver of a GPU on a thread of its own, beside everything that comes before the device is asked for.</summary>
internal static partial class DriverStart
{
    /// <summary>How many queues a context of CUDA makes to a device, where nobody says so; an environment variable of the driver.</summary>
    internal const string Connections = "CUDA_DEVICE_MAX_CONNECTIONS";

    private const string Device = "--device";
    private const int CoresToSpare = 4; // below, what is compiled ahead of its turn keeps others from theirs

    /// <summary>Whether words are of a command that animates, on a device that may be a GPU of CUDA. They may be wrong: what is told here
    /// is no more than where it is worth a thread.</summary>
    public static bool IsWorthwhile(ReadOnlySpan<string> arguments)
    {
        if (arguments.IsEmpty || arguments[0] is not ("animate" or "manipulate" or "demo")) return false;
        for (int i = 1; i < arguments.Length; i++)
        {
            string word = arguments[i];
            if (word is "--help" or "-h" or "-?" or "help") return false;
            if (!word.StartsWith(Device, StringComparison.Ordinal)) continue;
            // --device NAME, --device=NAME and --device:NAME
            string? name = word.Length > Device.Length ? word[(Device.Length + 1)..] : i + 1 < arguments.Length ? arguments[i + 1] : null;
            return name is not null && (name.StartsWith("cuda", StringComparison.OrdinalIgnoreCase)
                || name.Equals("auto", StringComparison.OrdinalIgnoreCase));
        }
        return true;
    }

    /// <summary>Begins. What goes wrong is told to whoever opens a device.</summary>
    public static void Begin()
    {
        // A context makes eight queues, and a clip's streams, whose work waits for each other's, need no more than one: the context then
        // opens and closes in half of the time. The runtime has a copy of the environment, which the driver does not read.
        if (OperatingSystem.IsLinux()) _ = SetUnlessSet(Connections, "1", overwrite: 0);
        _ = Task.Run(Start);
        if (Environment.ProcessorCount >= CoresToSpare && HasDriver) _ = Task.Run(Rehearse);
    }

    // Whether it looks like it: elsewhere nothing of the GPU's is to be loaded at all.
    private static bool HasDriver => OperatingSystem.IsWindows()
        ? File.Exists(Path.Combine(Environment.SystemDirectory, "nvcuda.dll"))
        : File.Exists("/dev/nvidiactl") || File.Exists("/dev/dxg"); // of WSL

    // A method of its own: nothing of the GPU's is loaded by the thread that begins.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Start() => _ = CudaDeviceInfo.DriverVersion;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Rehearse() => GpuOpening.Rehearse();

    [SupportedOSPlatform("linux"), LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetUnlessSet(string name, string value, int overwrite);
}
