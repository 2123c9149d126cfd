using Lia.Gpu.Compiler;

namespace Lia.Gpu.Cuda;

/// <summary>
/// What kernels are compiled for on a CUDA device: the newest architecture that it runs, or an older one that the environment names, so
/// that the kernels of older GPUs can be run on a newer one.
/// </summary>
public static class CudaTarget
{
    /// <summary>
    /// The environment variable that names an architecture, for example <c>sm_80</c>; unset or empty for the device's own.
    /// </summary>
    public const string Variable = "LIA_CUDA_TARGET";

    // Architectures that the compiler's kernels differ for, or that have a name of their own.
    private static readonly string[] Known = ["sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90a"];

    /// <summary>What <see cref="Variable"/> says; null where it says nothing.</summary>
    public static string? Forced => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } name ? name : null;

    /// <summary>The target of a device: what <see cref="Variable"/> names, else the newest it runs.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="NotSupportedException">The variable names no architecture, or one that the device or its driver cannot
    /// run.</exception>
    public static CompileTarget Of(CudaDeviceInfo device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return Choose(Forced, device.Properties.Name, device.Properties.Sm, CudaDeviceInfo.DriverVersion);
    }

    /// <summary>Refuses a value of <see cref="Variable"/> that no device could take; for where there is none.</summary>
    /// <exception cref="NotSupportedException">It names no architecture.</exception>
    public static void CheckName(string name)
    {
        if (!Known.Contains(name))
            throw new NotSupportedException($"{Variable} is '{name}', which is none of {string.Join(", ", Known)}");
    }

    /// <inheritdoc cref="Of"/>
    /// <param name="forced">What the variable says; null for nothing.</param>
    /// <param name="device">The device's name.</param>
    /// <param name="sm">Its compute capability times ten.</param>
    /// <param name="driverVersion">The newest CUDA version its driver serves, as <see cref="CudaDeviceInfo.DriverVersion"/>.</param>
    internal static CompileTarget Choose(string? forced, string device, int sm, int driverVersion)
    {
        CompileTarget newest = CudaDeviceInfo.NewestTarget(sm, driverVersion);
        if (forced == null) return newest;
        CheckName(forced);
        if (forced == newest.Name) return newest;
        if (forced == "sm_90a")
        {
            string reason = sm == 90 ? "the driver is older than CUDA 12.0" : $"it runs on sm_90 alone, and {device} is sm_{sm}";
            throw new NotSupportedException($"{Variable} is 'sm_90a', which cannot be used: {reason}");
        }
        CompileTarget target = new(int.Parse(forced.AsSpan(3), System.Globalization.CultureInfo.InvariantCulture));
        return target.Sm <= sm ? target
            : throw new NotSupportedException($"{Variable} is '{forced}', which is newer than {device} (sm_{sm})");
    }
}
