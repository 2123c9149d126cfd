using System.Reflection;
using System.Reflection.Metadata;
using Lia.Gpu.Compiler;

namespace Lia.Gpu.Cache;

/// <summary>
/// Compiled kernels on disk, from one process to the next: PTX, so that C# is not compiled again, and the machine code that a driver made
/// of it. What is found was made by the same compiler from the same assemblies, for the same target or driver and device; a hit reads one
/// file. The folder may be deleted at any time and used by several processes at once, and nothing fails for want of it. A folder that
/// somebody else owns or may write to is not used (<see cref="Problem"/> says so): what is in it runs on the device. All members may be
/// called from several threads.
/// </summary>
public sealed class KernelCache
{
    /// <summary>The environment variable that names the default folder, or is <c>off</c>.</summary>
    public const string Variable = "LIA_KERNEL_CACHE";

    /// <summary>Bytes of files a folder holds at most, unless told otherwise.</summary>
    public const long DefaultMostBytes = 256L << 20;

    private static readonly Lock s_gate = new();
    private static KernelCache? s_default;

    private readonly CacheFolder? _folder;

    /// <summary>A cache in a folder, which is made when the first kernel is stored.</summary>
    /// <param name="folder">The folder. Of other files in it nothing is read, written or deleted.</param>
    /// <param name="mostBytes">When the cache's files hold more than this, those not used for the longest time are deleted.</param>
    /// <exception cref="ArgumentException">The folder is no path.</exception>
    public KernelCache(string folder, long mostBytes = DefaultMostBytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegative(mostBytes);
        _folder = new CacheFolder(Path.GetFullPath(folder), mostBytes);
    }

    private KernelCache()
    {
    }

    /// <summary>No cache: every process compiles.</summary>
    public static KernelCache Off { get; } = new();

    /// <summary>
    /// The cache of accelerators that are not given one. Unless set: the folder that <see cref="Variable"/> names, or none where it is
    /// <c>off</c>; without the variable <c>lia-native/kernels</c> in <c>$XDG_CACHE_HOME</c> or <c>~/.cache</c> (Windows:
    /// <c>%LOCALAPPDATA%</c>).
    /// </summary>
    public static KernelCache Default
    {
        get
        {
            lock (s_gate) return s_default ??= FromEnvironment();
        }
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            lock (s_gate) s_default = value;
        }
    }

    /// <summary>The folder; null for <see cref="Off"/>.</summary>
    public string? Folder => _folder?.FullName;

    /// <summary>
    /// The first thing that kept the cache from working, in one line; null while it works. Kernels are then compiled as without a cache.
    /// </summary>
    public string? Problem => _folder?.Problem;

    /// <summary>Files in the folder now, and their bytes.</summary>
    public (int Files, long Bytes) Usage => _folder?.Usage ?? default;

    /// <summary>The kernel as PTX, from the cache or compiled and kept.</summary>
    /// <exception cref="KernelCompilationException">The kernel has to be compiled and cannot.</exception>
    internal CompiledKernel Kernel(MethodInfo method, CompileTarget target)
    {
        if (_folder is null || KernelKey.Of(method, target) is not { } key) return KernelCompiler.Compile(method, target);
        if (_folder.Find(key) is { } content)
        {
            if (KernelFormat.Read(content, method, target) is { } kept) return kept;
            _folder.Remove(key);
        }
        CompiledKernel compiled = KernelCompiler.Compile(method, target);
        _folder.Store(key, KernelFormat.Write(compiled));
        return compiled;
    }

    /// <summary>The machine code of a kernel, or null when it is not known.</summary>
    /// <param name="compiled">The kernel.</param>
    /// <param name="machine">The driver and the device, in words that differ where the machine code may.</param>
    internal byte[]? MachineCode(CompiledKernel compiled, string machine) => _folder?.Find(KernelKey.Of(compiled, machine));

    /// <summary>Forgets machine code that the driver does not take, whatever its checksum says.</summary>
    internal void ForgetMachineCode(CompiledKernel compiled, string machine) => _folder?.Remove(KernelKey.Of(compiled, machine));

    /// <summary>Keeps machine code for <see cref="MachineCode"/>.</summary>
    internal void KeepMachineCode(CompiledKernel compiled, string machine, ReadOnlySpan<byte> code) =>
        _folder?.Store(KernelKey.Of(compiled, machine), code);

    /// <summary>Where the default cache lies; null where there is no place for it.</summary>
    /// <param name="isWindows">Which convention holds.</param>
    /// <param name="localData">Windows: the folder for data that stays on this machine.</param>
    /// <param name="xdgCache">$XDG_CACHE_HOME; a relative path does not count.</param>
    /// <param name="home">The user's home folder.</param>
    internal static string? DefaultFolder(bool isWindows, string? localData, string? xdgCache, string? home)
    {
        string? root = isWindows ? localData
            : Path.IsPathRooted(xdgCache) ? xdgCache
            : string.IsNullOrEmpty(home) ? null
            : Path.Combine(home, ".cache");
        return string.IsNullOrEmpty(root) ? null : Path.Combine(root, "lia-native", "kernels");
    }

    private static KernelCache FromEnvironment()
    {
        // A debugger's edits change a method and not its assembly's identity; a dump of the compiler's stages wants them to run.
        if (MetadataUpdater.IsSupported || Dump.IsWanted) return Off;
        string? folder = Environment.GetEnvironmentVariable(Variable);
        if (folder == "off") return Off;
        if (string.IsNullOrEmpty(folder))
        {
            folder = DefaultFolder(
                OperatingSystem.IsWindows(), Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData),
                Environment.GetEnvironmentVariable("XDG_CACHE_HOME"), Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));
        }
        return folder is null ? Off : new KernelCache(folder);
    }
}
