using System.Diagnostics;

namespace Lia.Cli.Tests;

/// <summary>
/// A run on the processor loads nothing of ILGPU: it starts as fast as if there were no GPU code. Where a GPU may be meant, its driver is
/// told to make one queue, unless somebody has said how many.
/// </summary>
public sealed class LoadedAssembliesTests(Workspace files) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData("cpu", null, "")]
    [InlineData("auto", null, "1")]
    [InlineData("auto", "4", "4")]
    public async Task A_run_on_the_processor_loads_no_assembly_of_ILGPU(string device, string? given, string connections)
    {
        string list = files.At($"{device}.txt");
        string[] arguments = ["animate", files.Source, files.Driving, "-o", files.At($"{device}.png"), "-m", files.Model,
            "--frames", "0:1", "--device", device, "--quiet"];
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "lia.dll"), .. arguments])
            { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location;
        start.Environment[StartupHook.Variable] = list;
        start.Environment["CUDA_VISIBLE_DEVICES"] = ""; // Where there is a GPU, auto finds none either.
        start.Environment[DriverStart.Connections] = given; // null: not there
        using Process lia = Process.Start(start)!;
        Task<string> said = lia.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await lia.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await lia.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(lia.ExitCode == 0, await said);
        string[] loaded = await File.ReadAllLinesAsync(list, TestContext.Current.CancellationToken);
        Assert.Contains("Lia.Native", loaded); // The list is one.
        Assert.DoesNotContain(loaded, name => name.StartsWith("ILGPU", StringComparison.Ordinal));
        if (OperatingSystem.IsLinux()) Assert.Equal($"{DriverStart.Connections}={connections}", loaded[^1]);
        // What reads manifests is loaded with the first.
        Assert.DoesNotContain(loaded, name => name is "Parquet" or "CsvHelper");
    }
}
