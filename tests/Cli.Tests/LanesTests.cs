using System.Text.Json;
using Lia.Cli.Commands;
using Lia.Cli.Manifests;
using Lia.Loading;
using Lia.Network.Cuda;
using Lia.PtxEmulator;
using Lia.Weights;

namespace Lia.Cli.Tests;

/// <summary>The rows of a manifest over emulated devices: a lane each, with a network of its own, and the bits of one.</summary>
public sealed class LanesTests(Workspace files) : IClassFixture<Workspace>, IDisposable
{
    private static readonly ModelArchitecture Small = new(16, 24, 5, [12, 8, 8]);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<Device, int> _opened = [];
    private readonly StringWriter _output = new(), _error = new();

    [Theory]
    [InlineData("cuda:0,2", "cuda:0 cuda:2")]
    [InlineData("cuda:all", "cuda:0 cuda:1 cuda:2")]
    [InlineData("cuda", "cuda")]
    [InlineData("cpu", "cpu")]
    [InlineData("cuda:2,0 cuda cuda:0 cpu", "cuda:2 cuda:0 cpu")] // cuda is the first of them
    [InlineData("", "")]
    public void There_is_a_lane_for_each_device_that_rows_name(string named, string lanes)
    {
        IReadOnlyList<Lane> found = Lanes.Of(Parse(named), Machine, (_, _) => throw new NotSupportedException());
        Assert.Equal(Parse(lanes).Select(device => device.ToString()), found.Select(lane => lane.Name));
        foreach (Device device in Parse(named))
            Assert.Equal(found.Count == 1 ? [found[0].Name] : Machine(device).Select(one => one.ToString()),
                found.Where(lane => lane.Does(device)).Select(lane => lane.Name).OrderBy(name =>
                    Array.IndexOf([.. Machine(device).Select(one => one.ToString())], name)));

        static Device[] Parse(string names) =>
            [.. names.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => Device.Parse(name))];
    }

    [Fact]
    public void What_may_be_several_devices_is_taken_apart()
    {
        IReadOnlyList<Device> all = DeviceSelection.Each(Device.CudaAll);
        Assert.True(all is [{ } one] && one == Device.CudaAll || all.All(device => device.Ordinals.Length == 1), "not single devices");
        Assert.Equal([Device.CudaAt(0), Device.CudaAt(2)], DeviceSelection.Each(Device.CudaAt(0, 2)));
        Assert.Equal([Device.Cpu], DeviceSelection.Each(Device.Cpu));
        Assert.Equal([Device.Auto], DeviceSelection.Each(Device.Auto));
    }

    [Fact]
    public void Rows_are_dealt_to_the_devices_and_have_the_bits_of_one()
    {
        ManifestWorkspace space = new(files, "lanes");
        string clip = space.Clip("short", 3);
        using CountdownEvent together = new(2);
        Assert.Equal(0, Batch(space, "one", "cuda:0", clip, Open));
        // Each device waits for the other with its first row.
        Assert.Equal(0, Batch(space, "several", "cuda:0,2", clip, (model, stop) =>
        {
            Animator animator = Open(model, stop);
            together.Signal();
            Assert.True(together.Wait(Patience, stop));
            return animator;
        }));
        Assert.Equal("", _error.ToString());
        Assert.Equal((2, 1), (_opened[Device.CudaAt(0)], _opened[Device.CudaAt(2)]));
        AssertSame(space);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_device_that_fails_gives_its_row_to_the_others_in_one_line(bool isAtWork)
    {
        ManifestWorkspace space = new(files, $"failing-{isAtWork}");
        string clip = space.Clip("short", 3);
        Assert.Equal(0, Batch(space, "one", "cuda:0", clip, Open));
        long tooLittle = Taken();
        using ManualResetEventSlim failed = new();
        string status = space.At("s.jsonl");
        Assert.Equal(0, Batch(space, "several", "cuda:0,1", clip, (model, stop) =>
        {
            if (model.Device == Device.CudaAt(0))
            {
                // There is work left when the other comes to it.
                Assert.True(failed.Wait(Patience, stop));
                return Open(model, stop);
            }
            int opened;
            lock (_gate) opened = _opened[model.Device] = _opened.GetValueOrDefault(model.Device) + 1;
            if (opened == 2) failed.Set();
            if (!isAtWork)
            {
                failed.Set();
                throw new GpuUnavailableException("it is\nlost", isAbsent: false);
            }
            return Emulated(model, tooLittle);
        }, status));
        string[] told = _error.ToString().Split(_error.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(told);
        Assert.All(told, line => Assert.Matches(isAtWork ? "^lia: warning: the device cuda:1 failed.*memory were asked for"
            : "^lia: warning: the device cuda:1 failed( and is given up)?: it is lost$", line));
        Assert.All(ManifestWorkspace.Lines(status).Where(line => line.GetProperty("event").GetString() == "device"),
            line => Assert.Equal("cuda:1", line.GetProperty("device").GetString()));
        Assert.Equal([1, 2, 3, 4], ManifestWorkspace.Computed(status).Order());
        AssertSame(space);
    }

    [Fact]
    public void Scores_over_several_devices_are_summed_as_those_of_one()
    {
        ManifestWorkspace space = new(files, "scores");
        string manifest = space.Manifest(["clip,device", .. Enumerable.Range(2, 5).Select(i => $"{space.Clip($"{i}", i)},\"cuda:0,1\"")]);
        string one = Sums("one.jsonl", devices: 1, Open), several = Sums("several.jsonl", devices: 2, (model, stop) =>
        {
            // The first row is done last.
            if (model.Device == Device.CudaAt(1)) return Open(model, stop);
            Assert.True(SpinWait.SpinUntil(() => ManifestWorkspace.Lines(space.At("several.jsonl")).Count(IsDone) == 4, Patience));
            return Open(model, stop);
        });
        Assert.Equal(one, several);

        static bool IsDone(JsonElement line) => line.GetProperty("event").GetString() == "done";

        string Sums(string status, int devices, Func<ModelOptions, CancellationToken, Animator> open)
        {
            using WarningLog log = new(_error);
            EvaluateRows rows = new(manifest, EvaluateCommand.Create(Context).Parse(["-m", files.Model]), null, null, log);
            int outcome = new ManifestRun(Context, manifest, Shard.All, space.At(status), isQuiet: true, isJson: false).Run("evaluate",
                rows, jobs => Lanes.Of(jobs.Select(job => job.Model.Device), device => [.. Machine(device).Take(devices)], open), false,
                (lines, _) => lines.Write("sums", rows.Sums.Write));
            Assert.Equal((0, ""), (outcome, _error.ToString()));
            JsonElement sums = ManifestWorkspace.Lines(space.At(status)).Single(line => line.GetProperty("event").GetString() == "sums");
            Assert.Equal(5, sums.GetProperty("clips").GetInt32());
            return string.Join(' ', sums.EnumerateObject().Where(member => member.Name is not ("time" or "run")));
        }
    }

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }

    private CliContext Context => new(_output, _error, ErrorIsTerminal: false, TestContext.Current.CancellationToken);

    /// <summary>Works off four rows, of which three have one motion.</summary>
    private int Batch(
        ManifestWorkspace space, string folder, string device, string clip, Func<ModelOptions, CancellationToken, Animator> open,
        string? status = null)
    {
        string manifest = space.Manifest("source,driving,output,strength", $"SOURCE,{clip},OUT/{folder}/a.png,",
            $"SOURCE,{clip},OUT/{folder}/b.png,2", $"SOURCE,{clip},OUT/{folder}/c.png,0.5", $"SOURCE,SOURCE,OUT/{folder}/d.png,");
        using WarningLog log = new(_error);
        using AnimateRows rows = new(manifest, BatchCommand.Create(Context).Parse(["-m", files.Model, "--device", device]), null, null,
            log);
        return new ManifestRun(Context, manifest, Shard.All, status, isQuiet: true, isJson: false)
            .Run("animate", rows, jobs => Lanes.Of(jobs.Select(job => job.Model.Device), Machine, open), overwrite: false);
    }

    /// <summary>What a machine with three GPUs says.</summary>
    private static IReadOnlyList<Device> Machine(Device device) =>
        device == Device.CudaAll ? [Device.CudaAt(0), Device.CudaAt(1), Device.CudaAt(2)]
        : device == Device.Cuda ? [Device.CudaAt(0)] : DeviceSelection.Each(device);

    private Animator Open(ModelOptions model, CancellationToken stop)
    {
        lock (_gate) _opened[model.Device] = _opened.GetValueOrDefault(model.Device) + 1;
        return Emulated(model);
    }

    private static Animator Emulated(ModelOptions model, long? bytes = null)
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        return new(new LoadedModel(new CudaExecutor(bytes is { } most ? EmulatorAccelerator.CreateLoader(memoryBytes: most)
            : EmulatorAccelerator.CreateLoader(), weights, Small, CudaPrecision.Fast, ownsLoader: true), MotionMode.Relative, "emulated",
            new("")), model, null);
    }

    /// <summary>Bytes that hold a network, and nothing it computes.</summary>
    private static long Taken()
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        Gpu.Runtime.KernelLoader loader = EmulatorAccelerator.CreateLoader();
        using CudaExecutor executor = new(loader, weights, Small, CudaPrecision.Fast, ownsLoader: true);
        return ((EmulatorAccelerator)loader.Accelerator).Memory.LiveBytes + 4096;
    }

    private static void AssertSame(ManifestWorkspace space)
    {
        string[] one = [.. Directory.GetFiles(space.At("one"), "*.png").Order(StringComparer.Ordinal)];
        Assert.Equal(["a.png", "b.png", "c.png", "d.png"], one.Select(Path.GetFileName));
        Assert.All(one, file => Assert.Equal(File.ReadAllBytes(file),
            File.ReadAllBytes(space.At(Path.Combine("several", Path.GetFileName(file))))));
    }
}
