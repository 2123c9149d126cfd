using System.Collections.Immutable;
using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Lia.Gpu.Cache;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;
using Lia.Media.Ffmpeg;
using Lia.Weights;

namespace Lia.Cli.Commands;

/// <summary><c>lia info</c></summary>
internal static class InfoCommand
{
    public static Command Create(CliContext context)
    {
        Option<bool> json = Options.Json();
        Command command = new("info", "Tells what this program is and what it finds on this machine.") { json };
        command.SetAction(parsed =>
        {
            (string Key, string Value)[] facts = [.. Facts()];
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(context.Output, writer =>
                {
                    foreach ((string key, string value) in facts) writer.WriteString(key, value);
                });
            }
            else
            {
                foreach ((string key, string value) in facts) context.Output.WriteLine($"{key,-10}{value}");
            }
            return ExitCode.Success;
        });
        return command;
    }

    private static IEnumerable<(string Key, string Value)> Facts()
    {
        yield return ("lia", typeof(InfoCommand)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]);
        yield return ("runtime", $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}");
        yield return ("system", RuntimeInformation.OSDescription);
        yield return ("cpu", $"{Processor()}, {Nouns.Count(Environment.ProcessorCount, "thread")}, vectors "
            + $"of {VectorBits()} bits");
        yield return ("memory", Files.Bytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        if (CudaDeviceInfo.TryEnumerate(out ImmutableArray<CudaDeviceInfo> devices, out string? problem))
        {
            foreach (CudaDeviceInfo device in devices)
            {
                AcceleratorProperties properties = device.Properties;
                yield return (
                    $"{Device.CudaAt(device.Ordinal)}",
                    $"{properties.Name}, sm_{properties.Sm}, {properties.Multiprocessors} multiprocessors, "
                        + $"{Files.Bytes(properties.MemoryBytes)}, driver for CUDA "
                        + $"{CudaDeviceInfo.DriverVersion / 1000}.{CudaDeviceInfo.DriverVersion % 1000 / 10}; {Target(device)}");
            }
            yield return ("device", HowToName([.. devices.Select(device => device.Ordinal)]));
        }
        else
        {
            yield return ("cuda", problem!);
            if (CudaTarget.Forced is not null) yield return ("target", Target(null));
        }
        foreach ((int place, string accelerator) in StockAccelerators.Describe().Index()) yield return ($"ilgpu {place}", accelerator);
        KernelCache cache = KernelCache.Default;
        yield return ("kernels", cache.Folder is { } folder
            ? $"kept in {folder}: {Nouns.Count(cache.Usage.Files, "file")}, {Files.Bytes(cache.Usage.Bytes)}"
            : $"not kept ({KernelCache.Variable} names a folder)");
        foreach (string tool in new[] { "ffmpeg", "ffprobe" })
            yield return (tool, Programs.Find(tool) ?? "not found: PNG works without; the Debian package is ffmpeg");
        yield return ("models", string.Join(", ",
            ModelManifest.Variants.Select(variant => $"{variant.Name} ({variant.Architecture.Size})")));
        yield return ("reads", "safetensors; PyTorch files (zip and older stream); PNG and animated PNG; with ffmpeg any picture or video");
        yield return ("writes", "png, apng, folders of png; with ffmpeg mp4, gif, webp");
    }

    /// <summary>What <c>--device</c> may say of the GPUs of this machine.</summary>
    internal static string HowToName(int[] ordinals) => ordinals.Length == 1
        ? $"--device {Device.CudaAt(ordinals)} names the GPU"
        : $"--device {Device.CudaAt(ordinals[^1])} names one GPU, {Device.CudaAt(ordinals)} several, {Device.CudaAll} each of them";

    /// <summary>What kernels are compiled for on a device, or would be, and who says so.</summary>
    private static string Target(CudaDeviceInfo? device)
    {
        string? forced = CudaTarget.Forced;
        try
        {
            if (device is null) CudaTarget.CheckName(forced!);
            string name = device is null ? forced! : CudaTarget.Of(device).Name;
            return $"kernels for {name}{(forced is null ? "" : $", which {CudaTarget.Variable} names")}";
        }
        catch (NotSupportedException e)
        {
            return e.Message;
        }
    }

    private static string Processor()
    {
        const string CpuInfo = "/proc/cpuinfo";
        string? line = File.Exists(CpuInfo)
            ? File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':') + 1)..].Trim() ?? $"{RuntimeInformation.ProcessArchitecture}";
    }

    private static int VectorBits() => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
}
