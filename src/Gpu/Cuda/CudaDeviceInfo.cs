using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Lia.Gpu.Cache;
using Lia.Gpu.Compiler;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>A CUDA device of this machine, as the driver describes it: looking touches nothing of ILGPU, opening does.</summary>
public sealed class CudaDeviceInfo
{
    private CudaDeviceInfo(int ordinal)
    {
        Ordinal = ordinal;
        Properties = Describe(ordinal);
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
    public static bool TryEnumerate(out ImmutableArray<CudaDeviceInfo> devices, out string? problem)
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
    public static ImmutableArray<CudaDeviceInfo> Enumerate()
    {
        CudaDriver.Demand();
        CudaApi.cuDeviceGetCount(out int count).Check();
        ImmutableArray<CudaDeviceInfo> all = [.. Enumerable.Range(0, count).Select(ordinal => new CudaDeviceInfo(ordinal))];
        ImmutableArray<CudaDeviceInfo> usable = [.. all.Where(device => device.Properties.Sm >= 75)];
        if (usable.IsEmpty)
        {
            string found = count == 0 ? "there is none" : string.Join(", ", all.Select(d => $"{d.Properties.Name} (sm_{d.Properties.Sm})"));
            throw new CudaUnavailableException(CudaUnavailableReason.NoDevice,
                $"no CUDA device of compute capability 7.5 or later: {found}");
        }
        return usable;
    }

    /// <summary>
    /// Has ILGPU call the driver's library that was found here, for programs that make a context of ILGPU themselves: by itself ILGPU asks
    /// for <c>libcuda.so</c>, and some systems have <c>libcuda.so.1</c> alone. To be called before anything of ILGPU's CUDA;
    /// <see cref="Open"/> does it. Without a driver, on Windows and on WSL it changes nothing.
    /// </summary>
    public static void ShareDriverWithIlgpu() => CudaDriver.ShareWithIlgpu();

    /// <summary>
    /// Opens the device: a context and a CUDA accelerator of ILGPU, which go with the loader. Costs some tenths of a second the first time,
    /// mostly ILGPU's just-in-time compilation: do it beside other work.
    /// </summary>
    /// <param name="target">What to compile kernels for; by default what <see cref="CudaTarget"/> says: the newest architecture that the
    /// device runs, or what the environment names.</param>
    /// <param name="cache">Where compiled kernels are kept; null for <see cref="KernelCache.Default"/>.</param>
    /// <exception cref="CudaException">The driver does not open the device.</exception>
    /// <exception cref="NotSupportedException">The environment names a target that the device cannot run.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has no memory left for a context.</exception>
    public KernelLoader Open(CompileTarget? target = null, KernelCache? cache = null)
    {
        Context? context = null;
        CudaAccelerator? accelerator = null;
        try
        {
            CudaDriver.ShareWithIlgpu();
            // This device alone, and none of ILGPU.Algorithms' registrations: kernels are compiled by our compiler.
            using (Activities.Begin("device found by ILGPU"))
                context = Context.Create(builder => builder.Cuda(device => device.DeviceId == Ordinal));
            using (Activities.Begin("device's context made")) accelerator = context.CreateCudaAccelerator(0);
            return new KernelLoader(accelerator, target, cache, [accelerator, context]);
        }
        catch (Exception e)
        {
            accelerator?.Dispose();
            context?.Dispose();
            if (e is ILGPU.Runtime.Cuda.CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) })
                throw new AcceleratorOutOfMemoryException(Properties.Name, "device", 0, 0, Properties.MemoryBytes);
            if (e is ILGPU.Runtime.Cuda.CudaException failure) throw new CudaException("cuCtxCreate", failure, Properties.Name);
            throw;
        }
    }

    // PTX ISA 7.8 names the plain ones; the driver compiles them for later devices too. sm_90a came with PTX 8.0 (CUDA 12.0); 8.3 (CUDA
    // 12.3) has the fence of tensor maps.
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

    /// <summary>Name and limits of a device.</summary>
    internal static AcceleratorProperties Describe(int ordinal)
    {
        CudaApi.cuDeviceGet(out int device, ordinal).Check();
        CudaApi.cuDeviceTotalMem(out nuint bytes, device).Check();
        return new AcceleratorProperties
        {
            Name = ReadName(device),
            Sm = 10 * Read(CudaDeviceAttribute.ComputeCapabilityMajor) + Read(CudaDeviceAttribute.ComputeCapabilityMinor),
            Multiprocessors = Read(CudaDeviceAttribute.MultiprocessorCount),
            MaxThreadsPerGroup = Read(CudaDeviceAttribute.MaxThreadsPerBlock),
            MaxSharedBytesPerGroup = Read(CudaDeviceAttribute.MaxSharedMemoryPerBlockOptIn),
            MemoryBytes = (long)bytes,
            L2Bytes = Read(CudaDeviceAttribute.L2CacheSize),
        };

        int Read(CudaDeviceAttribute attribute)
        {
            CudaApi.cuDeviceGetAttribute(out int value, attribute, device).Check(attribute.ToString());
            return value;
        }
    }

    private static unsafe string ReadName(int handle)
    {
        byte* name = stackalloc byte[256];
        CudaApi.cuDeviceGetName(name, 256, handle).Check();
        return Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
    }
}
