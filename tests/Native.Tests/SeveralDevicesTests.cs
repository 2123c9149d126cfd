using System.Collections.Immutable;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;
using Lia.Network;
using Lia.Network.Cuda;
using Lia.Network.Pool;
using Lia.PtxEmulator;
using Lia.Weights;

namespace Lia.Tests;

using static Examples;

/// <summary>Several devices do what one does, bit for bit, whichever of them fails meanwhile.</summary>
public class SeveralDevicesTests
{
    private const int MostClips = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly ModelArchitecture Small = new(16, 24, 5, [12, 8, 8]);

    private readonly List<string> _told = [];

    private static readonly Dictionary<string, AnimationOptions> AllOutputs = new(Outputs)
    {
        { "from the best start", new() { StartFrame = StartFrame.Best } },
        { "stretched", new() { Normalization = Normalization.MinMax } },
    };

    public static MatrixTheoryData<string, int> OutputsAndDevices => new([.. AllOutputs.Keys], [1, 2, 3]);

    [Theory, MemberData(nameof(OutputsAndDevices))]
    public void A_clip_is_bit_for_bit_that_of_one_device(string output, int devices)
    {
        FakeExecutor[] fakes = [.. Enumerable.Range(0, devices).Select(_ => new FakeExecutor(64))];
        using Animator several = Open(fakes).Share().Animator(batch: 4), one = new FakeExecutor(64).Animator(batch: 4);
        RgbImage[] driving = Driving(42); // ten batches and a half
        Assert.Equal(one.All(Face, driving, AllOutputs[output]).Pixels(), several.All(Face, driving, AllOutputs[output]).Pixels());
        several.Dispose();
        Assert.All(fakes, fake => Assert.Equal((true, 0), (fake.IsDisposed, fake.LiveSources)));
        Assert.Empty(_told);
    }

    [Fact]
    public void A_clip_whose_source_changes_is_that_of_one_device_and_each_source_is_encoded_once()
    {
        FakeExecutor[] fakes = [new(64), new(64)];
        using Animator several = Open(fakes).Share().Animator(), one = new FakeExecutor(64).Animator();
        RgbImage[] sources = Driving(6);
        int before = fakes.Sum(fake => fake.Sources);
        Assert.Equal(one.All(sources, Driving(6)).Pixels(), several.All(sources, Driving(6)).Pixels());
        Assert.Equal(6, fakes.Sum(fake => fake.Sources) - before);
    }

    [Theory]
    [InlineData(CudaPrecision.Exact)]
    [InlineData(CudaPrecision.Fast)]
    public void Three_emulated_devices_give_the_bits_of_one(CudaPrecision precision)
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        AnimationOptions options = new() { MotionStrength = 1.5f, SmoothingWindow = 3 };
        RgbImage[] driving = Driving(7);
        FaultyExecutor[] devices = [.. Enumerable.Range(0, 3).Select(_ => new FaultyExecutor(Emulated(weights, precision), 1000, Lost))];
        using Animator one = Emulated(weights, precision).Animator(batch: 2), several = Open(devices, 2).Share().Animator(batch: 2);
        Assert.StartsWith("3 x ", several.DeviceName);
        int[] tried = [.. devices.Select(device => device.Batches)];
        Assert.Equal(one.All(Face, driving, options).Pixels(), several.All(Face, driving, options).Pixels());
        Assert.Equal(8, devices.Sum(device => device.Batches) - tried.Sum()); // 7 frames in batches of 2, twice
        Assert.All(devices.Zip(tried), pair => Assert.True(pair.First.Batches > pair.Second, "a device had nothing to do"));
    }

    [Fact]
    public void Two_accelerators_of_ILGPU_give_the_bits_of_one()
    {
        ModelArchitecture smallest = new(8, 4, 2, [2, 2]); // a group is 512 threads of the operating system
        using SyntheticCheckpoint weights = new(smallest, 1);
        RgbImage[] driving = Driving(2);
        IExecutor Stock() => new CudaExecutor(StockAccelerators.Open(AcceleratorType.CPU), weights, smallest, ownsLoader: true);
        using Animator one = Stock().Animator(batch: 1), several = Open([Stock(), Stock()], 1).Share().Animator(batch: 1);
        Assert.Equal(one.All(Face, driving).Pixels(), several.All(Face, driving).Pixels());
    }

    private static readonly Func<Exception> Full = () => new AcceleratorOutOfMemoryException("the GPU", "device", 8, 4, 16),
        Lost = () => new RawFailure("the device\nis lost");

    public static MatrixTheoryData<string, int, bool> Failures => new(["full", "lost"], [0, 1, 4], [false, true]);

    [Theory, MemberData(nameof(Failures))]
    public void What_a_failing_device_had_taken_goes_to_the_others_and_that_is_told_once(string kind, int batches, bool isLate)
    {
        FakeExecutor fake = new(64);
        FaultyExecutor failing = new(new FakeExecutor(64), batches, kind == "full" ? Full : Lost, isLate);
        using Animator several = Open([failing, fake], joins: false).Share().Animator(batch: 3),
            one = new FakeExecutor(64).Animator(batch: 3);
        // A device takes what it is quick enough for: on a busy machine the failing one may not come to its fault in the first clip.
        for (int clip = 0; clip == 0 || (_told.Count == 0 && clip < MostClips); clip++)
            Assert.Equal(one.All(Face, Driving(40)).Pixels(), several.All(Face, Driving(40)).Pixels());
        string told = Assert.Single(_told);
        Assert.StartsWith("device 0 is not used any more: ", told);
        Assert.Contains(kind == "full" ? "memory were asked for" : "the fake device failed: the device is lost", told);
        Assert.EndsWith("; the others do its work", told);
        Assert.DoesNotContain('\n', told);
        Assert.True(failing.IsDisposed);
        Assert.Equal("fake", several.DeviceName);
        Assert.Equal(3, several.All(Face, Driving(3)).Count); // and goes on without it
    }

    [Fact]
    public void When_the_last_device_fails_the_error_is_that_of_one()
    {
        FaultyExecutor[] devices = [new(new FakeExecutor(64), 2, Full), new(new FakeExecutor(64), 9, Lost)];
        using Animator several = Open(devices, joins: false).Share().Animator(batch: 3);
        Exception failure = Assert.ThrowsAny<Exception>(() => several.All(Face, Driving(40)));
        Assert.True(failure is NotSupportedException { Message: "the fake device failed: the device\nis lost" }
            or AcceleratorOutOfMemoryException, failure.ToString());
        Assert.InRange(_told.Count, 0, 1); // the last one is no warning, and they may fail at once
        Assert.Equal(failure.GetType(), Assert.ThrowsAny<Exception>(() => several.All(Face, Driving(4))).GetType());
        several.Dispose();
        Assert.All(devices, device => Assert.True(device.IsDisposed));
    }

    [Fact]
    public void A_fault_that_is_not_the_devices_reaches_the_caller_and_no_device_is_lost()
    {
        FaultyExecutor device = new(new FakeExecutor(64), 2, () => new InvalidDataException("odd"));
        using Animator several = Open([device]).Share().Animator(batch: 3);
        Assert.Equal("odd", Assert.Throws<InvalidDataException>(() => several.All(Face, Driving(40))).Message);
        Assert.Empty(_told);
        Assert.Equal("fake", several.DeviceName);
    }

    [Fact]
    public void A_device_that_does_not_open_is_told_and_the_next_is_waited_for()
    {
        DevicePool pool = DevicePool.Open(
            [new("cuda:0", () => throw new GpuUnavailableException("it is full", false)), new("cuda:1", () => new FakeExecutor(64))],
            3, Tell);
        using Animator several = pool.Share().Animator(batch: 3), one = new FakeExecutor(64).Animator(batch: 3);
        Assert.Equal(one.All(Face, Driving(10)).Pixels(), several.All(Face, Driving(10)).Pixels());
        Assert.Equal(["cuda:0 is not used: it is full; the others do its work"], _told);
    }

    [Fact]
    public void When_no_device_opens_the_first_ones_reason_is_told()
    {
        Assert.Equal("full", Assert.Throws<GpuUnavailableException>(() => DevicePool.Open(
            [new("cuda:0", () => throw new GpuUnavailableException("full", false)),
                new("cuda:1", () => throw new GpuUnavailableException("gone", false))], 3, Tell)).Message);
        Assert.Throws<WeightsException>(() => DevicePool.Open([new("cuda:0", () => throw new WeightsException("damaged")),
            new("cuda:1", () => throw new WeightsException("damaged"))], 3, Tell));
        Assert.Single(_told);
    }

    [Fact]
    public async Task The_first_frames_do_not_wait_for_the_second_device()
    {
        using ManualResetEventSlim open = new();
        FakeExecutor second = new(64);
        DevicePool pool = DevicePool.Open([new("cuda:0", () => new FakeExecutor(64)), new("cuda:1", () =>
        {
            Assert.True(open.Wait(Patience));
            return second;
        })], 3, Tell);
        using (Animator several = pool.Share().Animator(batch: 3))
        {
            Assert.Equal(20, several.All(Face, Driving(20)).Count);
            Assert.False(pool.Opened.IsCompleted);
            open.Set();
            await pool.Opened.WaitAsync(Patience, TestContext.Current.CancellationToken);
            int tried = second.DrivingFrames;
            for (int clip = 0; second.DrivingFrames == tried && clip < MostClips; clip++) several.All(Face, Driving(60));
            Assert.True(second.DrivingFrames > tried, "the second device had nothing to do");
        }
        Assert.True(second.IsDisposed);
    }

    [Fact]
    public void A_device_whose_memory_is_too_short_for_a_batch_leaves_it_to_the_others_whole()
    {
        using SyntheticCheckpoint weights = new(Small, 1);
        long room = (Taken(1) + Taken(8)) / 2;
        RgbImage[] driving = Driving(9);
        using Animator plenty = Emulated(weights, CudaPrecision.Fast).Animator(batch: 8),
            several = Open([Emulated(weights, CudaPrecision.Fast), Emulated(weights, CudaPrecision.Fast, room)], 8).Share()
                .Animator(batch: 8);
        Assert.Equal(plenty.All(Face, driving).Pixels(), several.All(Face, driving).Pixels());
        string told = Assert.Single(_told);
        Assert.StartsWith("device 1 is not used: ", told);
        Assert.Contains("memory were asked for", told);

        long Taken(int frames)
        {
            KernelLoader loader = EmulatorAccelerator.CreateLoader();
            using CudaExecutor executor = new(loader, weights, Small, CudaPrecision.Fast, ownsLoader: true);
            using IMotionPipe motion = executor.OpenMotion(8);
            using IPicturePipe pictures = executor.OpenPictures(8);
            using EncodedSource source = executor.EncodeSource(new float[3 * 16 * 16]);
            executor.EncodeMotion(new float[frames * 3 * 16 * 16], frames, new float[frames * 5]);
            executor.Synthesize(source, new float[frames * 24], frames, new float[frames * 3 * 16 * 16]);
            return ((EmulatorAccelerator)loader.Accelerator).Memory.LiveBytes;
        }
    }

    [Fact]
    public void A_frame_that_is_not_finite_is_named()
    {
        using Animator several = Open([new FakeExecutor(64) { Poison = 5 }]).Share().Animator(batch: 2);
        Assert.Contains("frame 6 came out",
            Assert.Throws<WeightsException>(() => several.All(Face, Driving(9), new() { Frames = 1.. })).Message);
        Assert.Equal(3, several.All(Face, Driving(3)).Count);
    }

    [Fact]
    public async Task Leaving_early_frees_the_devices()
    {
        FakeExecutor[] fakes = [new(64), new(64)];
        using Animator several = Open(fakes).Share().Animator(batch: 2);
        CancellationToken stop = TestContext.Current.CancellationToken;
        await foreach (RgbImage _ in several.FramesAsync(Face, Driving(40), cancellationToken: stop)) break;
        Assert.Equal(3, several.All(Face, Driving(3)).Count);
        several.Dispose();
        Assert.All(fakes, fake => Assert.Equal((true, 0), (fake.IsDisposed, fake.LiveSources)));
    }

    [Fact]
    public void Many_sources_are_animated_side_by_side_in_their_order()
    {
        using TempFolder folder = new();
        AnimationJob[] jobs = [.. Enumerable.Range(0, 9).Select(i => new AnimationJob(folder[$"{i}.png"], folder[$"out/{i}.png"]))];
        foreach ((int i, AnimationJob job) in jobs.Index().Where(job => job.Index != 4)) Pictures.Noise(64, 64, i).Save(job.Source);
        using Barrier together = new(2);
        bool met = false;
        void Meet() => met |= met || together.SignalAndWait(Patience); // two clips are decoded at the same time
        using Animator one = new FakeExecutor(64).Animator(batch: 3),
            several = Open([new FakeExecutor(64) { BeforeSynthesis = _ => Meet() }, new FakeExecutor(64) { BeforeSynthesis = _ => Meet() }],
                joins: false).Share().Animator(batch: 3);
        List<int> told = [];
        AnimationOptions options = new() { SideBySide = true };
        AnimationJobResult[] results = [.. several.AnimateMany(jobs, Driving(7), options: options, progress: new Synchronous(progress =>
        {
            lock (told) told.Add(progress.Frames);
        }))];
        Assert.Equal(jobs, results.Select(result => result.Job));
        Assert.Contains("there is no such file", results[4].Failure!.Message);
        foreach (AnimationJobResult result in results.Where(result => result.Failure is null))
        {
            one.Animate(result.Job.Source, Driving(7), folder["one.png"], options);
            Assert.Equal(File.ReadAllBytes(folder["one.png"]), File.ReadAllBytes(result.Job.Output));
            File.Delete(folder["one.png"]);
        }
        Assert.True(met);
        Assert.NotEmpty(told);
    }

    [Fact]
    public void Several_animators_share_what_was_loaded_once()
    {
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 4, 2, [2, 2, 2, 2, 2]), 1);
        ModelOptions model = new() { Weights = weights, Device = Device.Cpu };
        using Animator one = new(model);
        byte[][] expected = [.. Enumerable.Range(0, 3).Select(i => one.All(Pictures.Noise(64, 64, i), Driving(4)).Pixels().ToArray())];
        IReadOnlyList<Animator> animators = Animator.OpenSeveral(model, 3);
        Assert.Equal(3, animators.Count);
        byte[][] frames = new byte[3][];
        Parallel.For(0, 3, i => frames[i] = [.. animators[i].All(Pictures.Noise(64, 64, i), Driving(4)).Pixels()]);
        Assert.Equal(expected, frames);
        animators[0].Dispose();
        animators[1].Dispose();
        Assert.Equal(expected[2], animators[2].All(Pictures.Noise(64, 64, 2), Driving(4)).Pixels());
        animators[2].Dispose();
        Assert.Single(Animator.OpenSeveral(model)).Dispose(); // one a device
    }

    [Fact]
    public void A_number_that_is_not_there_is_told_with_those_that_are()
    {
        ImmutableArray<string> two = ["0 NVIDIA H200", "1 NVIDIA H200"];
        Assert.Equal(two, Find());
        Assert.Equal([two[1], two[0]], Find(1, 0));
        Assert.Equal("there is no device 7 that can be used, but 0 (NVIDIA H200), 1 (NVIDIA H200)",
            Assert.Throws<GpuUnavailableException>(() => Find(0, 7)).Message);

        ImmutableArray<string> Find(params int[] ordinals) =>
            GpuOpening.Find(two, [.. ordinals], device => (device[0] - '0', device[2..]));
    }

    private static CudaExecutor Emulated(ITensorSource weights, CudaPrecision precision, long? bytes = null) =>
        new(bytes is { } most ? EmulatorAccelerator.CreateLoader(memoryBytes: most) : EmulatorAccelerator.CreateLoader(), weights, Small,
            precision, ownsLoader: true);

    private void Tell(string line)
    {
        lock (_told) _told.Add(line);
    }

    /// <summary>A pool of devices, all of which have opened.</summary>
    private DevicePool Open(IReadOnlyList<IExecutor> devices, int batch = 4, bool joins = true)
    {
        DevicePool pool = DevicePool.Open([.. devices.Select((one, place) => new PoolDevice($"device {place}", () => one))], batch, Tell);
        if (joins) Assert.True(pool.Opened.Wait(Patience));
        return pool;
    }
}
