using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU.Runtime;
using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;
using Lia.PtxEmulator;
using Xunit.Sdk;
using Xunit.v3;

namespace Lia.Gpu.Tests;

/// <summary>
/// Runs a test once on every accelerator of this machine: the emulator always, each with its name as the argument; CUDA where there is a
/// device.
/// </summary>
/// <param name="arguments">What the test is given behind the name; the attribute once for each case.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EveryAcceleratorAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. TestAccelerators.Names.Select(name => new TheoryDataRow([name, .. arguments]))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

/// <summary>
/// As <see cref="EveryAcceleratorAttribute"/>, and with the kernels compiled by ILGPU itself on its processor accelerator, as PTX on the
/// emulator, and on CUDA: for kernels of plain ILGPU and the intrinsics that <see cref="Stock.StockIntrinsics"/> makes known to it.
/// </summary>
/// <param name="arguments">What the test is given behind the name; the attribute once for each case.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EveryEngineAttribute(params object[] arguments) : DataAttribute
{
    /// <summary>Whether ILGPU's processor accelerator is one of them; false only with the reason beside it.</summary>
    public bool OnProcessor { get; set; } = true;

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. TestAccelerators.EngineNames.Where(name => OnProcessor || name != TestAccelerators.StockProcessorName)
            .Select(name => new TheoryDataRow([name, .. arguments]))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

/// <summary>As <see cref="EveryAcceleratorAttribute"/>, where kernels for CUDA devices are compiled for compute capability 9.0.</summary>
/// <param name="arguments">What the test is given behind the name; the attribute once for each case.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EveryHopperAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. TestAccelerators.HopperNames.Select(name => new TheoryDataRow([name, .. arguments]))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

/// <summary>
/// As <see cref="EveryHopperAttribute"/>, on emulators alone whose warps take turns and whose copies arrive in orders that kernels may not
/// rely on, drawn from a seed each.
/// </summary>
/// <param name="arguments">What the test is given behind the names; the attribute once for each case.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EveryOrderAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. TestAccelerators.OrderNames.Select(name => new TheoryDataRow([name, .. arguments]))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

/// <summary>A test of what only a CUDA device shows. Without a device there is no such test.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(CudaFactDiscoverer))]
public sealed class CudaFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : FactAttribute(file, line);

/// <summary>Finds the tests of <see cref="CudaFactAttribute"/> where there is a device.</summary>
public sealed class CudaFactDiscoverer : FactDiscoverer
{
    public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        TestAccelerators.Names.Contains(TestAccelerators.CudaName) ? base.Discover(discoveryOptions, testMethod, factAttribute) : new([]);
}

/// <summary>A test of what several CUDA devices show. Where there are fewer than two, there is no such test.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(SeveralCudaFactDiscoverer))]
public sealed class SeveralCudaFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
    : FactAttribute(file, line);

/// <summary>Finds the tests of <see cref="SeveralCudaFactAttribute"/> where there are devices for them.</summary>
public sealed class SeveralCudaFactDiscoverer : FactDiscoverer
{
    public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        CudaDeviceInfo.TryEnumerate(out var devices, out _) && devices.Length > 1
            ? base.Discover(discoveryOptions, testMethod, factAttribute) : new([]);
}

internal static partial class TestAccelerators
{
    /// <summary>The environment variable that says which CUDA device the tests run on, as <c>lia info</c> counts; unset for the
    /// first.</summary>
    public const string DeviceVariable = "LIA_TEST_DEVICE";

    public const string EmulatorName = "emulator";
    public const string CudaName = "cuda";

    public const string StockProcessorName = "ILGPU on the processor";
    public const string StockCudaName = "ILGPU on cuda";

    private const string SeedPrefix = EmulatorName + ", seed ";
    private const int Seeds = 3;

    private static readonly Dictionary<string, Lazy<KernelLoader>> Stock = new()
    {
        [StockProcessorName] = new(() => StockAccelerators.Open(AcceleratorType.CPU)),
        [StockCudaName] = new(() => StockAccelerators.Open(AcceleratorType.Cuda, CudaDevice.Ordinal)),
    };

    private static readonly Lazy<KernelLoader?> Device =
        new(() => CudaDeviceInfo.TryEnumerate(out _, out _) ? CudaDevice.Open() : null);

    /// <summary>The CUDA device that tests run on. One that is named and not there fails them all, rather than leave them out.</summary>
    public static CudaDeviceInfo CudaDevice => Environment.GetEnvironmentVariable(DeviceVariable) is { Length: > 0 } number
        ? CudaDeviceInfo.Enumerate().Single(device => device.Ordinal == int.Parse(number, CultureInfo.InvariantCulture))
        : CudaDeviceInfo.Enumerate()[0];

    public static IEnumerable<string> Names => Device.Value is null ? [EmulatorName] : [EmulatorName, CudaName];

    private static readonly Dictionary<string, Func<KernelLoader>> OwnEngines = [];

    static TestAccelerators() => AddEngines(OwnEngines);

    public static IEnumerable<string> EngineNames =>
        [.. Names, StockProcessorName, .. OwnEngines.Keys, .. Device.Value is null ? Array.Empty<string>() : [StockCudaName]];

    public static IEnumerable<string> HopperNames => Device.Value is { Target.Sm: 90 } ? [EmulatorName, CudaName] : [EmulatorName];

    /// <summary>Emulators with an <see cref="EmulatorOptions.ScheduleSeed"/>.</summary>
    public static IEnumerable<string> OrderNames => Enumerable.Range(1, Seeds).Select(seed => $"{SeedPrefix}{seed}");

    /// <summary>What the network's kernels are written for, as far as the CUDA device runs it: Turing's, Ampere's, its own.</summary>
    public static IEnumerable<CompileTarget> CudaTargets =>
        new[] { new CompileTarget(75), new CompileTarget(80),
            Device.Value!.Target }.Where(target => target.Sm <= Device.Value!.Properties.Sm).Distinct();

    /// <summary>Adds what a suite alone has: emulators, by their names.</summary>
    static partial void AddEngines(Dictionary<string, Func<KernelLoader>> engines);

    /// <summary>Runs a program that launches kernels and returns what they computed; the program must release what it allocates.</summary>
    public static T Run<T>(string name, Func<KernelLoader, T> program)
    {
        if (name == CudaName)
            return program(Device.Value!);
        if (Stock.TryGetValue(name, out Lazy<KernelLoader>? stock))
        {
            // One after the other: a group of the processor accelerator is hundreds of threads.
            lock (stock)
            {
                T computed = program(stock.Value);
                Assert.Equal(0, stock.Value.Live.Count);
                return computed;
            }
        }
        using KernelLoader emulator = Open(name);
        T result = program(emulator);
        Assert.Equal(0, emulator.Live.Count);
        Assert.Equal(0, ((EmulatorAccelerator)emulator.Accelerator).Memory.LiveAllocations);
        return result;
    }

    /// <summary>A new accelerator of that name. <see cref="Run"/> shares one CUDA accelerator between all tests.</summary>
    public static KernelLoader Open(string name) => name == CudaName
        ? CudaDevice.Open()
        : OwnEngines.TryGetValue(name, out Func<KernelLoader>? engine) ? engine()
            : EmulatorAccelerator.CreateLoader(options: new EmulatorOptions { DetectGlobalRaces = true, ScheduleSeed = SeedOf(name) });

    private static int? SeedOf(string name) => name.StartsWith(SeedPrefix, StringComparison.Ordinal)
        ? int.Parse(name.AsSpan(SeedPrefix.Length), CultureInfo.InvariantCulture) : null;

    /// <summary>As <see cref="Run"/>, for exact arithmetic: a CUDA device must give the bits the emulator gives.</summary>
    public static T[] RunExact<T>(string name, Func<KernelLoader, T[]> program) where T : unmanaged
    {
        T[] result = Run(name, program);
        if (name == CudaName)
            Assert.Equal(Bytes(Run(EmulatorName, program)), Bytes(result));
        return result;
    }

    private static byte[] Bytes<T>(T[] values) where T : unmanaged => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    /// <summary>Reproducible numbers in [-1, 1).</summary>
    public static float[] RandomFloats(int length, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)(2 * random.NextDouble() - 1))];
    }

    /// <summary>
    /// Reproducible integers in [-magnitude, magnitude] as floats: their sums and products are exact while they stay below 2^24.
    /// </summary>
    public static float[] RandomIntegers(int length, int magnitude, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)random.Next(-magnitude, magnitude + 1))];
    }
}
