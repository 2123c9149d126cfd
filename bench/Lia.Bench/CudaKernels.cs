using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Network.Cuda;
using Perfolizer.Horology;

namespace Lia.Bench;

/// <summary>
/// Every launch of the network alone on a GPU, with BenchmarkDotNet in this process. One invocation replays a graph of 64 launches, which
/// go through copies of the network in turn, and waits for it: the time is the host's, but what the host adds is spread over 64 launches,
/// and a graph's launches follow each other without it.
/// </summary>
internal static class CudaKernels
{
    public const int LaunchesOfAGraph = 64;

    private static readonly string[] Own = ["--size", "--precision", "--batches", "--copies", "--peaks", "--json"];

    /// <summary>What the benchmark takes its launches from; set before it runs, since BenchmarkDotNet makes the object.</summary>
    public static IReadOnlyList<NetworkLaunch> Launches { get; private set; } = [];

    public static int Run(string[] arguments)
    {
        if (arguments.Contains("--against-stock")) return AgainstStock.Run(arguments);
        using KernelLoader loader = CudaDeviceInfo.Enumerate()[0].Open();
        int size = arguments.Number("--size", 256);
        CudaPrecision precision = arguments.Precisions(CudaPrecision.Fast).Single();
        using NetworkLaunches network =
            new(loader, size, precision, arguments.Number("--copies", 8), arguments.Numbers("--batches", 1, 32));
        Launches = network.All;
        Peaks peaks = Peaks.Of(loader, arguments.Option("--peaks"));
        Job job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(9)
            .WithIterationTime(TimeInterval.FromMilliseconds(40));
        IConfig config = ManualConfig.CreateEmpty().AddJob(job).AddLogger(ConsoleLogger.Default)
            .AddColumn(
                new NetworkColumn("Frames", "Frames that run together", launch => $"{launch.Frames}"),
                new NetworkColumn("Layer", "The layer, by its name in the checkpoint", launch => launch.Layer),
                new NetworkColumn("Kernel", "The kernel and its type arguments", launch => launch.Kernel))
            .AddColumn(StatisticColumn.Median, StatisticColumn.StdDev)
            .AddColumn(
                new RateColumn("TFLOP/s", "Operations of the layer in the median, a multiply-add counted as two",
                    (launch, seconds) => launch.Operations / seconds / 1e12, "0.0"),
                new RateColumn("GB/s", "Bytes that must be read and written, once each, in the median",
                    (launch, seconds) => launch.Bytes / seconds / 1e9, "0"),
                new RateColumn("% of peak",
                    "Of the measured ceiling it comes nearer to: fp16 products for kernels with mma, float32 products for others, or " +
                    "the copy", (launch, seconds) => PercentOfPeak(launch, seconds, peaks), "0"),
                new NetworkColumn("L2", "cold: the copies it goes through hold more than twice the L2 cache; warm: they may stay in it",
                    launch => launch.IsCold ? "cold" : "warm"))
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.DisableOptimizationsValidator)
            .WithSummaryStyle(SummaryStyle.Default.WithTimeUnit(TimeUnit.Microsecond).WithMaxParameterColumnWidth(80));
        Console.WriteLine(
            $"{loader.Properties.Name}, {CudaDeviceInfo.DriverRelease}; size {size}, {precision.ToString().ToLowerInvariant()}; peaks " +
            $"by {peaks.Origin}: {peaks.Tensor:0} TFLOP/s fp16, {peaks.Single:0.0} TFLOP/s float32, {peaks.Memory:0} GB/s");
        string[] forwarded = arguments.Without(Own);
        Summary[] summaries = [.. BenchmarkSwitcher.FromTypes([typeof(NetworkKernelBenchmarks)])
            .Run(forwarded.Length == 0 ? ["--filter", "*"] : forwarded, config)];
        if (arguments.Option("--json") is { } path) WriteJson(path, loader, size, precision, peaks, summaries);
        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }

    /// <summary>Of the ceiling that bounds the launch: arithmetic or memory, whichever it comes nearer to.</summary>
    private static double PercentOfPeak(NetworkLaunch launch, double seconds, Peaks peaks) => 100 * Math.Max(
        launch.Operations / seconds / 1e12 / (launch.UsesTensorCores ? peaks.Tensor : peaks.Single),
        launch.Bytes / seconds / 1e9 / peaks.Memory);

    private static void WriteJson(
        string path, KernelLoader loader, int size, CudaPrecision precision, Peaks peaks, IEnumerable<Summary> summaries)
    {
        using FileStream file = File.Create(path);
        using Utf8JsonWriter json = new(file, new() { Indented = true });
        json.WriteStartObject();
        Machine.Write(json, loader);
        json.WriteNumber("size", size);
        json.WriteString("precision", precision.ToString().ToLowerInvariant());
        json.WriteString("peaksBy", peaks.Origin);
        json.WriteNumber("peakTflopsFp16", peaks.Tensor);
        json.WriteNumber("peakTflopsFloat32", peaks.Single);
        json.WriteNumber("peakGBps", peaks.Memory);
        json.WriteStartArray("launches");
        foreach (BenchmarkReport report in summaries.SelectMany(summary => summary.Reports)
            .Where(report => report.ResultStatistics is not null))
        {
            NetworkLaunch launch = NetworkColumn.LaunchOf(report.BenchmarkCase);
            double seconds = report.ResultStatistics!.Median * 1e-9;
            json.WriteStartObject();
            json.WriteNumber("frames", launch.Frames);
            json.WriteNumber("index", launch.Index);
            json.WriteString("layer", launch.Layer);
            json.WriteString("kernel", launch.Kernel);
            json.WriteNumber("microseconds", seconds * 1e6);
            json.WriteNumber("tflops", launch.Operations / seconds / 1e12);
            json.WriteNumber("gbps", launch.Bytes / seconds / 1e9);
            json.WriteNumber("percentOfPeak", PercentOfPeak(launch, seconds, peaks));
            json.WriteBoolean("l2Cold", launch.IsCold);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

/// <summary>A launch of the network, 64 times in a graph.</summary>
public class NetworkKernelBenchmarks
{
    private AcceleratorStream _stream = null!;
    private AcceleratorGraph _graph = null!;

    /// <summary>Every launch of the network.</summary>
    public static IEnumerable<object> Launches => CudaKernels.Launches;

    /// <summary>The one that is timed.</summary>
    [ParamsSource(nameof(Launches))]
    public object Launch { get; set; } = null!;

    /// <summary>Captures the graph.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var launch = (NetworkLaunch)Launch;
        KernelLoader loader = launch.Copies[0].Loader;
        _stream = loader.CreateStream();
        _graph = loader.Capture(_stream, () =>
        {
            for (int i = 0; i < CudaKernels.LaunchesOfAGraph; i++) launch.Copies[i % launch.Copies.Count].Enqueue(_stream);
        });
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _graph.Dispose();
        _stream.Dispose();
    }

    /// <summary>Replays it.</summary>
    [Benchmark(OperationsPerInvoke = CudaKernels.LaunchesOfAGraph)]
    public void Run()
    {
        _graph.Launch(_stream);
        _stream.Synchronize();
    }
}

/// <summary>A column that follows from the launch.</summary>
internal class NetworkColumn(string name, string legend, Func<NetworkLaunch, string> value) : IColumn
{
    public string Id => name;

    public string ColumnName => name;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public virtual bool IsNumeric => false;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => legend;

    public static NetworkLaunch LaunchOf(BenchmarkCase benchmarkCase) => (NetworkLaunch)benchmarkCase.Parameters["Launch"];

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public virtual string GetValue(Summary summary, BenchmarkCase benchmarkCase) => value(LaunchOf(benchmarkCase));

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}

/// <summary>A column that follows from the launch and its time.</summary>
internal sealed class RateColumn(string name, string legend, Func<NetworkLaunch, double, double> rate, string format)
    : NetworkColumn(name, legend, _ => "")
{
    public override bool IsNumeric => true;

    public override string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
        summary[benchmarkCase]?.ResultStatistics is { } statistics
            && rate(LaunchOf(benchmarkCase), statistics.Median * 1e-9) is var value and > 0
            ? value.ToString(format, CultureInfo.InvariantCulture) : "-";
}
