using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using Lia.Gpu.Runtime;

namespace Lia.Gpu.Cuda;

/// <summary>
/// Finds and starts the CUDA driver, once per process and only when CUDA is asked for. The driver's library belongs to the display
/// driver, so nothing else needs to be installed.
/// </summary>
internal sealed class CudaDriver
{
    /// <summary>CUDA 11.8, the first whose assembler accepts the PTX we emit (ISA 7.8).</summary>
    public const int OldestVersion = 11080;

    private static readonly string[] Candidates = OperatingSystem.IsWindows()
        ? [Path.Combine(Environment.SystemDirectory, "nvcuda.dll")] // not one that lies among somebody's pictures
        : ["libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1"];

    private static readonly Lazy<CudaDriver> Process = new(() =>
    {
        CudaDriver driver = Start(Candidates);
        if (driver.Library != 0)
            NativeLibrary.SetDllImportResolver(typeof(CudaDriver).Assembly, (name, _, _) => name == CudaApi.Library ? driver.Library : 0);
        return driver;
    });

    private static readonly Lazy<string> LazyIdentity = new(() =>
    {
        const string KernelModule = "/proc/driver/nvidia/version"; // names the release: NVRM version: ... 580.159.04 ...
        string release = "";
        try
        {
            release = OperatingSystem.IsWindows()
                ? FileVersionInfo.GetVersionInfo(Candidates[0]).FileVersion ?? ""
                : File.ReadLines(KernelModule).FirstOrDefault("");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not told here (WSL); the version of CUDA that the driver serves remains.
        }
        return $"CUDA {Format(Current.Version)} {release}".TrimEnd();
    });

    private static readonly Lock s_sharing = new();
    private static bool s_isShared;

    private CudaDriver(nint library, int version, CudaUnavailableException? problem)
    {
        Library = library;
        Version = version;
        Problem = problem;
    }

    /// <summary>The loaded library, or 0.</summary>
    public nint Library { get; }

    /// <summary>The newest CUDA version the driver serves: 13000 is 13.0.</summary>
    public int Version { get; }

    /// <summary>Why the driver cannot be used; null when it can.</summary>
    public CudaUnavailableException? Problem { get; }

    /// <summary>The driver of this process, started or with the problem that it has.</summary>
    public static CudaDriver Current => Process.Value;

    /// <summary>Throws when the driver cannot be used.</summary>
    /// <exception cref="CudaUnavailableException">The message says why.</exception>
    public static void Demand()
    {
        if (Current.Problem is { } problem) throw new CudaUnavailableException(problem.Reason, problem.Message);
    }

    /// <summary>
    /// Has ILGPU call the library that was found here: by itself it asks for libcuda.so, which only development packages bring. On WSL
    /// ILGPU looks where that system keeps it. To be called before anything of ILGPU's CUDA is touched.
    /// </summary>
    public static void ShareWithIlgpu()
    {
        if (OperatingSystem.IsWindows() || IsWsl) return;
        lock (s_sharing)
        {
            if (s_isShared) return;
            s_isShared = true;
            try
            {
                NativeLibrary.SetDllImportResolver(typeof(ILGPU.Context).Assembly, static (name, _, _) => name switch
                {
                    "cuda" or "libcuda" => Current.Library,
                    // libOpenCL.so, too, comes with development packages
                    "OpenCL" => NativeLibrary.TryLoad("libOpenCL.so.1", out nint library) ? library : 0,
                    _ => 0,
                });
            }
            catch (InvalidOperationException)
            {
                // The program that uses this library has a resolver of its own, which then finds the driver.
            }
        }
    }

    /// <summary>The driver's exact release in words, as far as it can be told, for what depends on its assembler.</summary>
    public static string Identity => LazyIdentity.Value;

    /// <summary>Loads the first of the libraries that is there and initializes it.</summary>
    internal static unsafe CudaDriver Start(IReadOnlyList<string> candidates)
    {
        using Activity? starting = Activities.Begin("driver started");
        nint library = 0;
        string? found = candidates.FirstOrDefault(name => NativeLibrary.TryLoad(name, out library));
        if (found is null)
            return Unusable(CudaUnavailableReason.NoDriver,
                $"no NVIDIA driver: {string.Join(", ", candidates)} could not be loaded; install the driver of the GPU, or use another " +
                "device");
        string? missing = CudaApi.Functions.FirstOrDefault(name => !NativeLibrary.TryGetExport(library, name, out _));
        bool canAsk = NativeLibrary.TryGetExport(library, nameof(CudaApi.cuDriverGetVersion), out nint getVersion);
        int version = 0;
        if (canAsk && ((delegate* unmanaged<int*, CudaResult>)getVersion)(&version) == CudaResult.Success
            && DemandVersion(version) is { } tooOld)
            return new(0, version, tooOld);
        if (missing is not null)
            return Unusable(CudaUnavailableReason.UnusableDriver, $"{found} is not a usable NVIDIA driver: it has no function {missing}");
        var initialize = (delegate* unmanaged<uint, CudaResult>)NativeLibrary.GetExport(library, nameof(CudaApi.cuInit));
        return new(library, version, Explain(initialize(0)));
    }

    /// <summary>What a status of cuInit means to the user; null for success.</summary>
    internal static CudaUnavailableException? Explain(CudaResult initialized) => initialized switch
    {
        CudaResult.Success => null,
        CudaResult.NoDevice =>
            new(CudaUnavailableReason.NoDevice, "the NVIDIA driver sees no CUDA device: there is no GPU, or CUDA_VISIBLE_DEVICES hides it"),
        _ => new(CudaUnavailableReason.InitializationFailed,
            $"the NVIDIA driver could not start: cuInit returned {(int)initialized}; `nvidia-smi` may say more"),
    };

    /// <summary>The problem with a driver of that version; null when it is new enough.</summary>
    internal static CudaUnavailableException? DemandVersion(int version) => version >= OldestVersion
        ? null
        : new(CudaUnavailableReason.DriverTooOld,
            $"the NVIDIA driver is too old: it serves CUDA {Format(version)}, and {Format(OldestVersion)} or later is needed (driver " +
            "520 or later)");

    /// <summary>13000 as 13.0.</summary>
    internal static string Format(int version) => string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}");

    // As ILGPU tells it.
    private static bool IsWsl
    {
        get
        {
            try
            {
                return Directory.Exists("/usr/lib/wsl/lib") && File.ReadAllText("/proc/version")
                    .Contains("Microsoft", StringComparison.OrdinalIgnoreCase);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private static CudaDriver Unusable(CudaUnavailableReason reason, string message) => new(0, 0, new(reason, message));
}
