using System.Collections.Immutable;
using System.Text;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A CUDA device of this machine.</summary>
public sealed class CudaDevice
{
    private readonly int _handle;

    private CudaDevice(int ordinal)
    {
        Ordinal = ordinal;
        CudaApi.cuDeviceGet(out _handle, ordinal).Check();
        CudaApi.cuDeviceTotalMem(out nuint bytes, _handle).Check();
        Properties = new AcceleratorProperties
        {
            Name = ReadName(_handle),
            Sm = 10 * Read(CudaDeviceAttribute.ComputeCapabilityMajor) + Read(CudaDeviceAttribute.ComputeCapabilityMinor),
            Multiprocessors = Read(CudaDeviceAttribute.MultiprocessorCount),
            MaxThreadsPerGroup = Read(CudaDeviceAttribute.MaxThreadsPerBlock),
            MaxSharedBytesPerGroup = Read(CudaDeviceAttribute.MaxSharedMemoryPerBlockOptIn),
            MemoryBytes = (long)bytes,
            L2Bytes = Read(CudaDeviceAttribute.L2CacheSize),
        };
    }

    /// <summary>Its index, as the driver counts.</summary>
    public int Ordinal { get; }

    /// <summary>Name and limits.</summary>
    public AcceleratorProperties Properties { get; }

    /// <summary>The newest CUDA version the driver serves: 13000 is 13.0.</summary>
    public static int DriverVersion => CudaDriver.Current.Version;

    /// <summary>The driver's release in words, as far as it can be told.</summary>
    public static string DriverRelease => CudaDriver.Identity;

    /// <summary>Lists the devices of this machine that can run our kernels (compute capability 7.5 and up). Never throws.</summary>
    /// <param name="devices">The devices; empty when there is none.</param>
    /// <param name="problem">Why there is none; null when there is one.</param>
    /// <returns>Whether there is a device.</returns>
    public static bool TryEnumerate(out ImmutableArray<CudaDevice> devices, out string? problem)
    {
        try
        {
            devices = Enumerate();
            problem = null;
            return true;
        }
        catch (Exception e) when (e is CudaUnavailableException or CudaException)
        {
            devices = [];
            problem = e.Message;
            return false;
        }
    }

    /// <summary>Lists the devices of this machine that can run our kernels (compute capability 7.5 and up).</summary>
    /// <exception cref="CudaUnavailableException">There is no driver, it is too old or does not start, or there is no device.</exception>
    public static ImmutableArray<CudaDevice> Enumerate()
    {
        if (CudaDriver.Current.Problem is { } problem)
            throw new CudaUnavailableException(problem.Reason, problem.Message);
        CudaApi.cuDeviceGetCount(out int count).Check();
        ImmutableArray<CudaDevice> all = [.. Enumerable.Range(0, count).Select(ordinal => new CudaDevice(ordinal))];
        ImmutableArray<CudaDevice> usable = [.. all.Where(device => device.Properties.Sm >= 75)];
        if (usable.IsEmpty)
        {
            string found = count == 0 ? "there is none" : string.Join(", ", all.Select(d => $"{d.Properties.Name} (sm_{d.Properties.Sm})"));
            throw new CudaUnavailableException(CudaUnavailableReason.NoDevice, $"no CUDA device of compute capability 7.5 or later: {found}");
        }
        return usable;
    }

    /// <summary>Opens the device. Several accelerators of one device share its primary context.</summary>
    /// <param name="target">What to compile kernels for; by default what <see cref="CudaTarget"/> says: the newest architecture that the device runs, or what the environment names.</param>
    /// <param name="cache">Where compiled kernels are kept; null for <see cref="KernelCache.Default"/>.</param>
    /// <exception cref="NotSupportedException">The environment names a target that the device cannot run.</exception>
    public Accelerator CreateAccelerator(CompileTarget? target = null, KernelCache? cache = null) =>
        new CudaAccelerator(this, _handle, target ?? CudaTarget.Of(this), cache ?? KernelCache.Default);

    // PTX ISA 7.8 names the plain ones; the driver compiles them for later devices too. sm_90a came with PTX 8.0 (CUDA 12.0); 8.3 (CUDA 12.3) has the fence of tensor maps.
    internal static CompileTarget NewestTarget(int sm, int driverVersion) => sm switch
    {
        90 when driverVersion >= 12030 => new(90, true, 8, 3),
        90 when driverVersion >= 12000 => new(90, true, 8, 0),
        >= 90 => new(90),
        89 => new(89),
        87 or 88 => new(87),
        86 => new(86),
        >= 80 => new(80),
        _ => new(75),
    };

    private int Read(CudaDeviceAttribute attribute)
    {
        CudaApi.cuDeviceGetAttribute(out int value, attribute, _handle).Check(attribute.ToString());
        return value;
    }

    private static unsafe string ReadName(int handle)
    {
        byte* name = stackalloc byte[256];
        CudaApi.cuDeviceGetName(name, 256, handle).Check();
        return Encoding.UTF8.GetString(System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
    }
}
