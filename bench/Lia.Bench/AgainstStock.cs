using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;
using Lia.Kernels;
using Lia.PtxEmulator;
using Perfolizer.Horology;

namespace Lia.Bench;

/// <summary>
/// The exact kernels compiled by us and by ILGPU itself from the same source, on one CUDA accelerator and the same arrays, with
/// BenchmarkDotNet in this process. One invocation puts 20 launches into a stream and waits for it: the host's part of a launch is in the
/// time of both.
/// </summary>
internal static class AgainstStock
{
    public const int LaunchesAtOnce = 20;

    private const double ConvolutionGoal = 30;
    private const double LargestDifference = 1e-4; // of the largest value: ILGPU's Exp is one ex2.approx

    /// <summary>Launches before each wait: one in a dry run.</summary>
    public static int Launches { get; private set; } = LaunchesAtOnce;

    /// <summary>What the benchmarks take their launches from; set before they run, since BenchmarkDotNet makes their object.</summary>
    public static IReadOnlyList<StockPair> Pairs { get; private set; } = [];

    /// <param name="arguments"><c>--dry</c>: our kernels on the emulator, ILGPU's on its simulator, tiny and once: shows that it runs, and
    /// no times.</param>
    public static int Run(string[] arguments)
    {
        bool isDry = arguments.Contains("--dry");
        using KernelLoader stock = StockAccelerators.Open(isDry ? AcceleratorType.CPU : AcceleratorType.Cuda);
        using KernelLoader ours = isDry ? EmulatorAccelerator.CreateLoader() : new(stock.Accelerator);
        using ExactKernelCases cases = new(ours, isDry);
        using ExactKernelCases? others = isDry ? new(stock, isDry) : null; // on another accelerator, of the same content
        Launches = isDry ? 1 : LaunchesAtOnce;
        Pairs = [.. cases.All.Zip((others ?? cases).All, (mine, theirs) => new StockPair(mine, ours, theirs, stock))];
        Job job = isDry
            ? Job.Dry.WithToolchain(InProcessEmitToolchain.Instance).WithGcForce(false)
            : Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(1).WithIterationCount(5)
                .WithIterationTime(TimeInterval.FromMilliseconds(20))
                .WithUnrollFactor(1).WithEvaluateOverhead(false);
        IConfig config = ManualConfig.CreateEmpty().AddJob(job)
            .AddLogger(arguments.Contains("--verbose") ? ConsoleLogger.Default : NullLogger.Instance)
            .AddColumnProvider(BenchmarkDotNet.Columns.DefaultColumnProviders.Instance)
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.DisableOptimizationsValidator);
        Summary summary = BenchmarkRunner.Run<StockPairBenchmarks>(config);
        Row[] rows =
            [.. Pairs.Select(pair => new Row(pair, Time(summary, pair, nameof(StockPairBenchmarks.Ours)),
            Time(summary, pair, nameof(StockPairBenchmarks.Stock)), pair.Difference()))];
        Print(rows, ours, stock, isDry);
        if (arguments.Option("--json") is { } path) WriteJson(path, ours, rows);
        if (rows.Any(row => double.IsNaN(row.Ratio) || !(row.Difference <= LargestDifference)))
        {
            Console.WriteLine("FAILED: a kernel did not run, or the two disagree (--verbose tells more)");
            return 1;
        }
        return isDry || rows.All(row => row.MeetsGoal) ? 0 : 1;
    }

    private static double Time(Summary summary, StockPair pair, string method) => summary.Reports
        .SingleOrDefault(report => ReferenceEquals(report.BenchmarkCase.Parameters["Pair"], pair)
            && report.BenchmarkCase.Descriptor.WorkloadMethod.Name == method)
        ?.ResultStatistics?.Median * 1e-3 ?? double.NaN;

    private static void Print(IReadOnlyList<Row> rows, KernelLoader ours, KernelLoader stock, bool isDry)
    {
        Console.WriteLine(
            $"our compiler on {ours.Properties.Name}, ILGPU {typeof(Context).Assembly.GetName().Version?.ToString(3)}'s on " +
            $"{stock.Properties.Name}");
        Console.WriteLine("| kernel | ours, us | ILGPU, us | times | largest difference |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (Row row in rows)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {row.Pair} | {row.Ours:0.0} | {row.Stock:0.0} | {row.Ratio:0.0}{(isDry || row.MeetsGoal ? "" : " (goal missed)")} | " +
                $"{row.Difference:0.0e0} |"));
        if (isDry) return; // of two simulators
        double convolutions = rows.Where(row => row.Pair.Mine.IsConvolution).Min(row => row.Ratio), all = rows.Min(row => row.Ratio);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{rows.Count} kernels: every convolution at least {convolutions:0.0} times as fast (goal {ConvolutionGoal}), every kernel " +
            $"at least {all:0.00} times (goal 1)"));
    }

    private static void WriteJson(string path, KernelLoader loader, IEnumerable<Row> rows)
    {
        using FileStream file = File.Create(path);
        using Utf8JsonWriter json = new(file, new() { Indented = true });
        json.WriteStartObject();
        Machine.Write(json, loader);
        json.WriteStartArray("kernels");
        foreach (Row row in rows)
        {
            json.WriteStartObject();
            json.WriteString("kernel", row.Pair.ToString());
            json.WriteNumber("microseconds", row.Ours);
            json.WriteNumber("ilgpuMicroseconds", row.Stock);
            json.WriteNumber("largestDifference", row.Difference);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private sealed record Row(StockPair Pair, double Ours, double Stock, double Difference)
    {
        public double Ratio => Stock / Ours;

        public bool MeetsGoal => Ratio >= (Pair.Mine.IsConvolution ? ConvolutionGoal : 1);
    }
}

/// <summary>A kernel by our compiler and by ILGPU's.</summary>
internal sealed class StockPair(KernelCase mine, KernelLoader ours, KernelCase theirs, KernelLoader stock)
{
    public KernelCase Mine => mine;

    public KernelLaunch Ours { get; } = mine.Bind(ours);

    public KernelLaunch Stock { get; } = theirs.Bind(stock);

    /// <summary>By how much the two results differ, as a part of the largest value.</summary>
    public double Difference()
    {
        double[] expected = Once(Ours, mine), actual = Once(Stock, theirs);
        double largest = expected.Max(Math.Abs), difference = expected.Zip(actual, (x, y) => Math.Abs(x - y)).Max();
        return difference / largest; // no number if both wrote zeros: then nothing was computed

        static double[] Once(KernelLaunch launch, KernelCase read)
        {
            read.Reset?.Invoke();
            launch.Enqueue(launch.Loader.Accelerator.DefaultStream);
            return read.Read();
        }
    }

    public override string ToString() => mine.Kernel;
}

/// <summary>Launches of a kernel, and a wait.</summary>
public class StockPairBenchmarks
{
    private AcceleratorStream _ours = null!;
    private AcceleratorStream _stock = null!;

    /// <summary>Every kernel.</summary>
    public static IEnumerable<object> Pairs => AgainstStock.Pairs;

    /// <summary>The one that is timed.</summary>
    [ParamsSource(nameof(Pairs))]
    public object Pair { get; set; } = null!;

    /// <summary>Makes the streams.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _ours = ((StockPair)Pair).Ours.Loader.CreateStream();
        _stock = ((StockPair)Pair).Stock.Loader.CreateStream();
    }

    /// <summary>Frees them.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _ours.Dispose();
        _stock.Dispose();
    }

    /// <summary>By our compiler.</summary>
    [Benchmark(OperationsPerInvoke = AgainstStock.LaunchesAtOnce)]
    public void Ours() => Launch(((StockPair)Pair).Ours, _ours);

    /// <summary>By ILGPU's.</summary>
    [Benchmark(OperationsPerInvoke = AgainstStock.LaunchesAtOnce)]
    public void Stock() => Launch(((StockPair)Pair).Stock, _stock);

    private static void Launch(KernelLaunch launch, AcceleratorStream stream)
    {
        for (int i = 0; i < AgainstStock.Launches; i++) launch.Enqueue(stream);
        stream.Synchronize();
    }
}
