using Lia.Gpu.Cuda;
using Lia.Network;
using Lia.Loading;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>The pipeline between pictures in memory. The fake network makes a frame of half the source plus the latent, so results can be
/// computed by hand.</summary>
public class MemoryAnimationTests
{
    private static readonly RgbImage Source = Pictures.Noise(64, 64, 4);

    private static byte[] Expected(IEnumerable<double> tints) =>
        [.. tints.SelectMany(tint => Source.Pixels.Select(value =>
            (byte)Math.Clamp(Math.Round((0.5 * (value / 127.5 - 1) + tint + 1) * 127.5), 0, 255)))];

    private static void AssertClose(byte[] expected, byte[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.First - pair.Second, -1, 1)); // float32 against double, then rounding
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.5f)]
    [InlineData(0)]
    [InlineData(-2)]
    public void Relative_motion_adds_what_the_driving_moved_since_its_first_frame(float strength)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage source = Pictures.Flat(64, 100, 100, 100), first = animator.All(source, Pictures.Brightening(5),
            new() { MotionStrength = strength })[3];
        double tint = 100 / 127.5 - 1 + strength * (3 * 4 / 127.5);
        Assert.InRange(first.Pixels[0] - Math.Round((0.5 * (100 / 127.5 - 1) + tint + 1) * 127.5), -1, 1);
    }

    [Fact]
    public void Absolute_motion_is_that_of_the_driving_frame()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        IReadOnlyList<RgbImage> frames = animator.All(Source, Pictures.Brightening(4), new() { Mode = MotionMode.Absolute });
        AssertClose(Expected(Enumerable.Range(0, 4).Select(i => (40 + 4 * i) / 127.5 - 1)), frames.Pixels());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    public void The_batch_does_not_change_the_result(int batch)
    {
        using Animator animator = new FakeExecutor(64).Animator(), batched = new FakeExecutor(64).Animator(batch: batch);
        RgbImage[] driving = [.. Enumerable.Range(0, 7).Select(i => Pictures.Noise(50 + i, 40, i))];
        Assert.Equal(animator.All(Source, driving).Pixels(), batched.All(Source, driving).Pixels());
    }

    [Fact]
    public void A_frame_range_starts_the_motion_at_its_first_frame()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = Pictures.Brightening(10);
        Assert.Equal(animator.All(Source, driving[3..7]).Pixels(), animator.All(Source, driving, new() { Frames = 3..7 }).Pixels());
        Assert.Equal(animator.All(Source, driving[8..]).Pixels(), animator.All(Source, driving, new() { Frames = 8.. }).Pixels());
        Assert.Equal(10, animator.All(Source, driving, new() { Frames = ..100 }).Count);
        Assert.Contains("it has 10 frames, so none from frame 10 on",
            Assert.Throws<MediaException>(() => animator.All(Source, driving, new() { Frames = 10..12 })).Message);
        Assert.Contains("there is no frame", Assert.Throws<MediaException>(() => animator.All(Source, [])).Message);
    }

    [Fact]
    public void Frames_behind_the_range_are_not_asked_for()
    {
        int asked = 0;
        IEnumerable<RgbImage> Endless()
        {
            for (; ; asked++) yield return Source;
        }
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Equal(5, animator.All(Source, Endless(), new() { Frames = ..5 }).Count);
        Assert.InRange(asked, 4, 5);
    }

    [Fact]
    public void Side_by_side_shows_source_driving_frame_and_result()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = [Pictures.Noise(64, 64, 8), Pictures.Noise(64, 64, 9)];
        IReadOnlyList<RgbImage> alone = animator.All(Source, driving), wide = animator.All(Source, driving, new() { SideBySide = true });
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal((192, 64), (wide[i].Width, wide[i].Height));
            for (int y = 0; y < 64; y++)
            {
                ReadOnlySpan<byte> row = wide[i].Pixels.AsSpan(576 * y, 576);
                Assert.Equal(Source.Pixels.AsSpan(192 * y, 192), row[..192]);
                Assert.Equal(driving[i].Pixels.AsSpan(192 * y, 192), row[192..384]);
                Assert.Equal(alone[i].Pixels.AsSpan(192 * y, 192), row[384..]);
            }
        }
    }

    [Fact]
    public void Minmax_stretches_the_whole_clip()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage source = Pictures.Flat(64, 127, 127, 127);
        RgbImage[] driving = [Pictures.Flat(64, 127, 127, 127), Pictures.Flat(64, 137, 137, 137), Pictures.Flat(64, 147, 147, 147)];
        IReadOnlyList<RgbImage> frames = animator.All(source, driving, new() { Normalization = Normalization.MinMax, SideBySide = true });
        Assert.Equal([0, 128, 255], frames.Select(frame => (int)frame.Pixels[^1]));
        Assert.Equal([127, 137, 147], frames.Select(frame => (int)frame.Pixels[3 * 64]));
    }

    [Fact]
    public void Values_that_are_not_numbers_are_an_error_that_names_model_and_frame()
    {
        RgbImage[] driving = Pictures.Brightening(3);
        using Animator animator = new FakeExecutor(64) { Poison = 2 }.Animator();
        Assert.Contains("fake model: frame 2 came out", Assert.Throws<WeightsException>(() => animator.All(Source, driving)).Message);
    }

    [Fact]
    public async Task Async_gives_what_sync_gives()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = [.. Enumerable.Range(0, 6).Select(i => Pictures.Noise(70, 60 + i, i))];
        List<RgbImage> frames = [];
        await foreach (RgbImage frame in animator.FramesAsync(Source, driving)) frames.Add(frame);
        Assert.Equal(animator.All(Source, driving).Pixels(), frames.Pixels());
    }

    [Fact]
    public async Task Leaving_an_async_loop_early_frees_the_animator()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        await foreach (RgbImage _ in animator.FramesAsync(Source, Pictures.Brightening(40))) break;
        Assert.Equal(2, animator.All(Source, Pictures.Brightening(2)).Count);
    }

    [Fact]
    public void Progress_is_told_after_every_batch()
    {
        List<AnimationProgress> told = [];
        using Animator animator = new FakeExecutor(64).Animator(batch: 4);
        animator.All(Source, Pictures.Brightening(10), new() { Frames = 1.. }, new Synchronous(told.Add));
        Assert.Equal([4, 8, 9], told.Select(progress => progress.Frames));
        Assert.All(told, progress => Assert.Equal(9, progress.Total));
        Assert.Equal(TimeSpan.Zero, told[^1].Remaining);
        Assert.All(told, progress => Assert.True(progress.FramesPerSecond > 0));
    }

    [Fact]
    public void An_animator_turns_a_second_clip_away_while_it_is_at_work()
    {
        Animator? animator = null;
        Exception? second = null;
        animator = new FakeExecutor(64) { BeforeSynthesis = _ =>
            second = Record.Exception(() => animator!.All(Source, [Source])) }.Animator();
        using (animator) animator.All(Source, [Source]);
        Assert.IsType<InvalidOperationException>(second);
    }

    [Fact]
    public void Disposing_at_work_stops_the_clip_and_frees_the_executor_after_it()
    {
        Animator? animator = null;
        FakeExecutor? executor = null;
        bool disposedAtWork = true;
        executor = new FakeExecutor(64) { BeforeSynthesis = _ => { animator!.Dispose(); disposedAtWork = executor!.IsDisposed; } };
        animator = executor.Animator();
        Assert.Throws<ObjectDisposedException>(() => animator.All(Source, Pictures.Brightening(30)));
        Assert.False(disposedAtWork);
        Assert.True(executor.IsDisposed);
        Assert.Throws<ObjectDisposedException>(() => animator.All(Source, [Source]));
    }

    [Fact]
    public void Cancelling_throws_with_the_callers_token_and_the_animator_goes_on()
    {
        using CancellationTokenSource source = new();
        int batches = 0;
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => { if (++batches == 3) source.Cancel(); } }.Animator();
        OperationCanceledException canceled = Assert.Throws<OperationCanceledException>(() =>
            animator.All(Source, Pictures.Brightening(30), cancellationToken: source.Token));
        Assert.Equal(source.Token, canceled.CancellationToken);
        Assert.InRange(batches, 3, 3);
        Assert.Equal(2, animator.All(Source, Pictures.Brightening(2)).Count);
    }

    [Fact]
    public void Errors_of_the_callers_frames_reach_the_caller()
    {
        static IEnumerable<RgbImage> Failing()
        {
            yield return Source;
            throw new InvalidTimeZoneException("mine");
        }
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Equal("mine", Assert.Throws<InvalidTimeZoneException>(() => animator.All(Source, Failing())).Message);
    }

    [Theory]
    [InlineData(Fit.Crop)]
    [InlineData(Fit.Stretch)]
    [InlineData(Fit.Pad)]
    public void A_picture_of_one_pixel_is_enough(Fit fit)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Single(animator.All(new RgbImage(1, 1, [1, 2, 3]), [new RgbImage(1, 1)], new() { Fit = fit }));
    }

    public static TheoryData<AnimationOptions> Senseless =>
    [
        new AnimationOptions { Frames = 5..5 }, new AnimationOptions { Frames = 5..2 }, new AnimationOptions { Frames = ^3.. },
        new AnimationOptions { Frames = ..^1 }, new AnimationOptions { MotionStrength = float.NaN },
        new AnimationOptions { MotionStrength = float.PositiveInfinity }, new AnimationOptions { Fit = (Fit)7 },
        new AnimationOptions { FrameRate = default(FrameRate) },
    ];

    [Theory, MemberData(nameof(Senseless))]
    public void Options_that_make_no_sense_are_refused_for_a_clip_and_as_defaults(AnimationOptions options)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Throws<ArgumentException>(() => animator.Frames(Source, new[] { Source }, options)); // before a frame is asked for
        Assert.Throws<ArgumentException>(() => new Animator(new ModelOptions { Model = "model" }, options));
    }

    public static TheoryData<ModelOptions> Unloadable =>
    [
        new ModelOptions(), new ModelOptions { Model = "" }, new ModelOptions { Model = "model", Batch = -1 },
        new ModelOptions { Model = "model", Batch = 1000 }, new ModelOptions { Model = "model", Threads = -1 },
        new ModelOptions { Model = "model", Precision = (Precision)9 },
    ];

    [Theory, MemberData(nameof(Unloadable))]
    public void Models_that_make_no_sense_are_refused(ModelOptions model) => Assert.Throws<ArgumentException>(() => new Animator(model));

    [Fact]
    public void A_model_is_a_file_or_tensors()
    {
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 8, 4, [4, 4, 4, 4, 4]), 1);
        Assert.Contains("two models", Assert.Throws<ArgumentException>(() =>
            new Animator(new ModelOptions { Model = "model", Weights = weights })).Message);
    }

    [Fact]
    public void Options_hold_for_a_clip_and_defaults_for_the_others()
    {
        RgbImage wide = Pictures.Noise(90, 64, 8);
        using Animator padding = new FakeExecutor(64).Animator(new() { Fit = Fit.Pad }), cropping = new FakeExecutor(64).Animator();
        Assert.Equal(padding.All(wide, [Source]).Pixels(), cropping.All(wide, [Source], cropping.Defaults with { Fit = Fit.Pad }).Pixels());
        Assert.NotEqual(padding.All(wide, [Source]).Pixels(), padding.All(wide, [Source], new()).Pixels());
    }

    [Fact]
    public void Cuda_is_used_where_there_is_a_device_and_else_refused_with_the_reason()
    {
        ModelArchitecture architecture = new(64, 8, 4, [4, 4, 4, 4, 4]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        IExecutor Open(Device device, Action<string>? onFallback = null)
        {
            using DeviceSelection selection = new(device, Precision.Auto, 1);
            return selection.Open(weights, architecture, onFallback);
        }
        List<string> reasons = [];
        using IExecutor any = Open(Device.Auto, reasons.Add);
        if (CudaDeviceInfo.TryEnumerate(out _, out string? problem))
        {
            using IExecutor cuda = Open(Device.Cuda);
            Assert.StartsWith("CUDA", cuda.DeviceName);
            Assert.StartsWith("CUDA", any.DeviceName);
            Assert.Empty(reasons);
        }
        else
        {
            Assert.Contains(problem!, Assert.Throws<NotSupportedException>(() => Open(Device.Cuda)).Message);
            Assert.StartsWith("CPU", any.DeviceName);
            Assert.All(reasons, reason => Assert.Contains(problem!, reason)); // None where there is no driver.
        }
    }
}
