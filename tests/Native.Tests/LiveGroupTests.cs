using Lia.Network;
using Lia.Network.Cpu;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>Many sessions on one network. The fake one can be made to wait, so that what gathers meanwhile is known.</summary>
public sealed class LiveGroupTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly SemaphoreSlim _reached = new(0), _gate = new(0);
    private int _held;

    public void Dispose()
    {
        _gate.Release(1000);
        _reached.Dispose();
        _gate.Dispose();
    }

    /// <summary>A network that waits at its first so many frames until it is let go.</summary>
    private FakeExecutor Holding(int frames = 1, int poison = -1, int poisonedCode = -1)
    {
        _held = frames;
        return new(32)
        {
            Poison = poison,
            PoisonedCode = poisonedCode,
            BeforeSynthesis = _ =>
            {
                if (Interlocked.Decrement(ref _held) < 0) return;
                _reached.Release();
                _gate.Wait();
            },
        };
    }

    private static RgbImage Source(int i) => Pictures.Noise(32, 32, 100 + i);

    private static RgbImage Driving(int i) => Pictures.Noise(32, 32, 200 + i);

    public static TheoryData<string> Networks => ["fake", "fake, two under way", "processor"];

    private static Animator Open(string network)
    {
        if (network != "processor") return (network == "fake" ? (IExecutor)new FakeExecutor(32) : new FakePixelExecutor(32)).Animator();
        ModelArchitecture architecture = new(32, 24, 5, [10, 12, 7, 6]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        return new CpuExecutor(weights, architecture, new() { Threads = 1 }).Animator();
    }

    [Theory, MemberData(nameof(Networks))]
    public async Task Every_session_gets_bit_for_bit_what_it_gets_alone(string network)
    {
        AnimationOptions[] options =
        [
            new() { MotionStrength = 0.7f }, new() { SideBySide = true, Fit = Fit.Pad }, new() { Mode = MotionMode.Absolute },
            new() { Crop = new(4, 2, 20, 20), PasteBack = true, DrivingCrop = new(3, 2, 20, 21) }, new(),
        ];
        using Animator animator = Open(network);
        List<byte[][]> expected = [];
        for (int i = 0; i < options.Length; i++)
            expected.Add([.. animator.All(Source(i), Enumerable.Range(i, 6).Select(Driving), options[i]).Select(frame => frame.Pixels)]);

        using LiveGroup group = animator.LiveGroup(new() { MostFrames = 4, GatherTime = TimeSpan.Zero });
        LiveSession[] sessions = await Task.WhenAll(options.Select((each, i) => group.OpenAsync(Source(i), each)));
        Assert.Equal(options.Length, group.Sessions);
        List<byte[][]> actual = [.. await Task.WhenAll(sessions.Select(async (session, i) =>
        {
            RgbImage?[] frames = await Task.WhenAll(Enumerable.Range(i, 6).Select(j => session.ProcessAsync(Driving(j))));
            Assert.All(frames, frame => Assert.Equal((session.Width, session.Height), (frame!.Width, frame.Height)));
            return frames.Select(frame => frame!.Pixels).ToArray();
        }))];
        Assert.Equal(expected, actual);
        Assert.Equal(30, group.Frames);
        Assert.InRange(group.Passes, 8, 30); // of four frames at most
        Assert.Equal((30, 6), (group.Latency!.Value.Frames, sessions[0].Latency!.Value.Frames));
        foreach (LiveSession session in sessions) session.Dispose();
        Assert.Equal(0, group.Sessions);
    }

    [Theory, MemberData(nameof(Networks))]
    public async Task Edits_are_what_a_manipulated_picture_is_whatever_frames_came_before(string network)
    {
        using Animator animator = Open(network);
        MotionEdit[] edits = [new(0, 0.4f), new(2, -0.3f), new(0, 0.1f)];
        RgbImage expected = animator.Manipulate(Source(0), edits), unmoved = animator.Manipulate(Source(0), []);
        using LiveGroup group = animator.LiveGroup(new() { MostFrames = 2 });
        using LiveSession session = await group.OpenAsync(Source(0), new() { MotionStrength = 3 });
        Assert.Equal(expected.Pixels, (await session.ProcessAsync(edits))!.Pixels);
        await session.ProcessAsync(Driving(1));
        Assert.Equal(expected.Pixels, (await session.ProcessAsync(edits))!.Pixels);
        Assert.Equal(unmoved.Pixels, (await session.ProcessAsync([]))!.Pixels);
        Assert.NotEqual(unmoved.Pixels, expected.Pixels);
        await Assert.ThrowsAsync<ArgumentException>(() => session.ProcessAsync([new(5, 1)]));
        await Assert.ThrowsAsync<ArgumentException>(() => session.ProcessAsync([new(0, float.NaN)]));
        using LiveSession beside = await group.OpenAsync(Source(0), new() { SideBySide = true });
        await Assert.ThrowsAsync<ArgumentException>(() => beside.ProcessAsync(edits));
    }

    [Fact]
    public async Task The_first_frame_starts_at_once_and_those_that_come_meanwhile_go_together()
    {
        using Animator animator = Holding().Animator();
        using LiveGroup group = animator.LiveGroup(new() { MostFrames = 8 });
        LiveSession[] sessions = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => group.OpenAsync(Source(i))));
        Task<RgbImage?> first = sessions[0].ProcessAsync(Driving(0));
        await _reached.WaitAsync().WaitAsync(Patience);
        Task<RgbImage?>[] others = [.. sessions.Select(session => session.ProcessAsync(Driving(1)))];
        _gate.Release();
        await first.WaitAsync(Patience);
        await Task.WhenAll(others).WaitAsync(Patience);
        Assert.Equal((2L, 7L), (group.Passes, group.Frames));

        // One of a session in each pass, the others' in between: a session that asks for much keeps nobody waiting.
        Task<RgbImage?>[] many = [.. Enumerable.Range(0, 3).Select(i => sessions[0].ProcessAsync(Driving(i)))];
        await Task.WhenAll(many).WaitAsync(Patience);
        Assert.Equal((5L, 10L), (group.Passes, group.Frames));
    }

    [Fact]
    public async Task On_the_processor_no_frame_waits_for_another_unless_that_is_asked_for()
    {
        using Animator animator = Holding().Animator();
        using LiveGroup group = animator.LiveGroup();
        LiveSession[] sessions = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => group.OpenAsync(Source(i))));
        Task<RgbImage?>[] results = [.. sessions.Select(session => session.ProcessAsync(Driving(1)))];
        _gate.Release();
        await Task.WhenAll(results).WaitAsync(Patience);
        Assert.Equal((3L, 3L), (group.Passes, group.Frames));
    }

    [Fact]
    public async Task A_newer_frame_takes_the_place_of_one_that_waits_and_a_restart_is_not_lost_with_it()
    {
        RgbImage[] driving = Pictures.Brightening(6);
        using Animator animator = Holding(frames: 1).Animator();
        using LiveGroup group = animator.LiveGroup(new() { MostFrames = 4 });
        using LiveSession newest = await group.OpenAsync(Source(0), newestOnly: true), all = await group.OpenAsync(Source(0));
        Task<RgbImage?> first = newest.ProcessAsync(driving[0]);
        await _reached.WaitAsync().WaitAsync(Patience);
        newest.Restart();
        Task<RgbImage?>[] stale = [newest.ProcessAsync(driving[1]), newest.ProcessAsync([new(0, 1)])];
        Task<RgbImage?> last = newest.ProcessAsync(driving[3]);
        Task<RgbImage?>[] kept = [all.ProcessAsync(driving[1]), all.ProcessAsync(driving[2])];
        Assert.Equal(new RgbImage?[2], await Task.WhenAll(stale).WaitAsync(Patience));
        _gate.Release();
        Assert.NotNull(await first.WaitAsync(Patience));
        Assert.All(await Task.WhenAll(kept).WaitAsync(Patience), Assert.NotNull);
        RgbImage started = (await last.WaitAsync(Patience))!, next = (await newest.ProcessAsync(driving[5]).WaitAsync(Patience))!;
        group.Dispose();
        byte[][] after = [started.Pixels, next.Pixels];
        Assert.Equal(animator.All(Source(0), [driving[3], driving[5]]).Select(frame => frame.Pixels), after);
    }

    [Fact]
    public async Task A_cancelled_frame_is_not_computed_and_what_was_to_start_with_it_starts_with_the_next()
    {
        RgbImage[] driving = Pictures.Brightening(6);
        using CancellationTokenSource cancelled = new();
        using Animator animator = Holding().Animator();
        using LiveGroup group = animator.LiveGroup(new() { MostFrames = 4 });
        using LiveSession session = await group.OpenAsync(Source(0)), other = await group.OpenAsync(Source(1));
        Task<RgbImage?> first = session.ProcessAsync(driving[0], cancelled.Token);
        await _reached.WaitAsync().WaitAsync(Patience);
        session.Restart();
        Task<RgbImage?> waits = session.ProcessAsync(driving[1], cancelled.Token), last = session.ProcessAsync(driving[3]),
            beside = other.ProcessAsync(driving[0]);
        cancelled.Cancel();
        foreach (Task<RgbImage?> task in new[] { first, waits })
        {
            var told = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.WaitAsync(Patience));
            Assert.Equal(cancelled.Token, told.CancellationToken);
        }
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => session.ProcessAsync(driving[1], cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => group.OpenAsync(Source(1), cancellationToken: cancelled.Token));
        _gate.Release();
        Assert.NotNull(await beside.WaitAsync(Patience));
        RgbImage started = (await last.WaitAsync(Patience))!, next = (await session.ProcessAsync(driving[5]).WaitAsync(Patience))!;
        Assert.Equal(4, group.Frames);
        group.Dispose();
        byte[][] after = [started.Pixels, next.Pixels];
        Assert.Equal(animator.All(Source(0), [driving[3], driving[5]]).Select(frame => frame.Pixels), after);
    }

    [Theory]
    [InlineData(2, -1)]
    [InlineData(-1, 2)]
    public async Task A_frame_that_is_not_finite_touches_no_other(int poison, int poisonedCode)
    {
        using Animator animator = Holding(poison: poison, poisonedCode: poisonedCode).Animator();
        using LiveGroup group = animator.LiveGroup(new() { MostFrames = 4 });
        LiveSession[] sessions = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => group.OpenAsync(Source(i))));
        Task<RgbImage?> first = sessions[0].ProcessAsync(Driving(0));
        await _reached.WaitAsync().WaitAsync(Patience);
        Task<RgbImage?>[] results = [.. sessions.Select(session => session.ProcessAsync(Driving(0)))];
        _gate.Release();
        await first.WaitAsync(Patience);
        WeightsException told = await Assert.ThrowsAsync<WeightsException>(() => results[1].WaitAsync(Patience));
        Assert.Contains("fake model: a frame came out of the network with values that are not finite numbers", told.Message);
        // The motion starts with the first frame that has one.
        RgbImage after = (await sessions[1].ProcessAsync(Driving(1)).WaitAsync(Patience))!;
        RgbImage[] others = [(await results[0].WaitAsync(Patience))!, (await results[2].WaitAsync(Patience))!];
        group.Dispose();
        using Animator sound = new FakeExecutor(32).Animator();
        Assert.Equal(sound.All(Source(0), [Driving(0)])[0].Pixels, others[0].Pixels);
        Assert.Equal(sound.All(Source(2), [Driving(0)])[0].Pixels, others[1].Pixels);
        Assert.Equal(sound.All(Source(1), poison >= 0 ? [Driving(0), Driving(1)] : [Driving(1)])[^1].Pixels, after.Pixels);
    }

    [Fact]
    public async Task A_frame_that_does_not_fit_and_one_too_many_are_refused_where_they_come()
    {
        using Animator animator = Holding().Animator();
        using LiveGroup group = animator.LiveGroup();
        using LiveSession session = await group.OpenAsync(Source(0), new() { DrivingCrop = new(0, 0, 32, 32) });
        Task<RgbImage?> first = session.ProcessAsync(Driving(0));
        await _reached.WaitAsync().WaitAsync(Patience);
        Assert.Contains("the driving frame: the crop 0,0,32,32 reaches beyond",
            (await Assert.ThrowsAsync<MediaException>(() => session.ProcessAsync(Pictures.Noise(31, 32, 1)))).Message);
        Task<RgbImage?>[] waiting = [.. Enumerable.Range(0, LiveSession.MostWaiting).Select(i => session.ProcessAsync(Driving(i)))];
        await Assert.ThrowsAsync<InvalidOperationException>(() => session.ProcessAsync(Driving(1)));
        _gate.Release();
        Assert.All(await Task.WhenAll(waiting).WaitAsync(Patience), Assert.NotNull);
        Assert.NotNull(await first);
    }

    [Fact]
    public async Task A_device_that_fails_is_told_to_all_in_our_words_and_nothing_is_left_behind()
    {
        int frames = 0;
        FakeExecutor executor = new(32)
        {
            BeforeSynthesis = _ =>
            {
                if (++frames == 2) throw new RawFailure("the cable was pulled");
            },
        };
        using Animator animator = executor.Animator();
        LiveGroup group = animator.LiveGroup();
        LiveSession session = await group.OpenAsync(Source(0)), other = await group.OpenAsync(Source(1));
        Assert.NotNull(await session.ProcessAsync(Driving(0)).WaitAsync(Patience));
        foreach (LiveSession each in new[] { session, other, session })
        {
            Assert.Equal("the fake device failed: the cable was pulled",
                (await Assert.ThrowsAsync<NotSupportedException>(() => each.ProcessAsync(Driving(1)).WaitAsync(Patience))).Message);
        }
        await Assert.ThrowsAsync<NotSupportedException>(() => group.OpenAsync(Source(2)).WaitAsync(Patience));
        session.Dispose();
        group.Dispose();
        Assert.Equal(0, executor.LiveSources);
        Assert.Single(animator.All(Source(0), [Driving(0)]));
    }

    [Fact]
    public async Task A_group_that_is_disposed_ends_what_is_under_way_refuses_the_rest_and_frees_the_animator()
    {
        FakeExecutor executor = Holding();
        using Animator animator = executor.Animator();
        LiveGroup group = animator.LiveGroup();
        LiveSession session = await group.OpenAsync(Source(0)), other = await group.OpenAsync(Source(1)), third = await group.OpenAsync(
            Source(2)), probe = await group.OpenAsync(Source(3), newestOnly: true);
        Assert.Throws<InvalidOperationException>(() => animator.All(Source(0), [Driving(0)]));
        Task<RgbImage?> underWay = session.ProcessAsync(Driving(0));
        await _reached.WaitAsync().WaitAsync(Patience);
        Task<RgbImage?> waits = other.ProcessAsync(Driving(0)), closed = third.ProcessAsync(Driving(0));
        session.Dispose(); // with its frame under way, which is done
        third.Dispose(); // with its frame waiting, which is refused
        await Assert.ThrowsAsync<ObjectDisposedException>(() => closed.WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => session.ProcessAsync(Driving(0)));
        Task disposing = Task.Run(group.Dispose);
        // Until the group has begun to end.
        while (probe.ProcessAsync([]).Exception?.InnerException is not ObjectDisposedException) await Task.Delay(1);
        _gate.Release();
        await disposing.WaitAsync(Patience);
        Assert.NotNull(await underWay.WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waits.WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => other.ProcessAsync(Driving(0)));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => group.OpenAsync(Source(0)));
        other.Dispose();
        group.Dispose();
        Assert.Equal(0, executor.LiveSources);
        Assert.Single(animator.All(Source(0), [Driving(0)]));
    }

    [Fact]
    public async Task An_animator_that_is_disposed_ends_its_group_and_goes_with_it()
    {
        FakeExecutor executor = new(32);
        Animator animator = executor.Animator();
        LiveGroup group = animator.LiveGroup();
        LiveSession session = await group.OpenAsync(Source(0));
        animator.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => session.ProcessAsync(Driving(0)).WaitAsync(Patience));
        Assert.False(executor.IsDisposed);
        group.Dispose();
        Assert.True(executor.IsDisposed);
        Assert.Equal(0, executor.LiveSources);
    }

    [Fact]
    public async Task Thousands_of_sessions_come_and_go()
    {
        FakeExecutor executor = new(32);
        using Animator animator = executor.Animator();
        using LiveGroup group = animator.LiveGroup();
        using LiveSession stays = await group.OpenAsync(Source(0));
        RgbImage source = Source(1);
        for (int i = 0; i < 2000; i++)
        {
            using LiveSession session = await group.OpenAsync(source, newestOnly: true);
            if (i % 50 != 0) continue;
            // Some with a frame still to come.
            _ = session.ProcessAsync(Driving(0)).ContinueWith(task => task.Exception, TaskScheduler.Default);
            Assert.NotNull(await stays.ProcessAsync([]).WaitAsync(Patience));
        }
        Assert.NotNull(await stays.ProcessAsync([]).WaitAsync(Patience));
        Assert.NotNull(await stays.ProcessAsync([]).WaitAsync(Patience)); // what was to be done before it is done
        Assert.Equal((1, 1, 2001), (group.Sessions, executor.LiveSources, executor.Sources));
    }

    [Fact]
    public async Task What_needs_frames_to_come_and_what_is_out_of_range_is_refused()
    {
        FakeExecutor executor = new(32);
        using Animator animator = executor.Animator();
        foreach (LiveGroupOptions options in new LiveGroupOptions[]
        {
            new() { MostFrames = 33 }, new() { MostFrames = -1 }, new() { GatherTime = TimeSpan.FromSeconds(2) },
            new() { GatherTime = TimeSpan.FromTicks(-1) },
        }) Assert.Throws<ArgumentException>(() => animator.LiveGroup(options));
        using LiveGroup group = animator.LiveGroup();
        foreach (AnimationOptions options in new AnimationOptions[]
        {
            new() { Normalization = Normalization.MinMax }, new() { AutoDrivingCrop = true }, new() { StartFrame = StartFrame.Best },
            new() { Loops = 2 }, new() { SmoothingWindow = 3 }, new() { MotionStrength = float.NaN },
        }) await Assert.ThrowsAsync<ArgumentException>(() => group.OpenAsync(Source(0), options));
        await Assert.ThrowsAsync<ArgumentException>(() => group.OpenAsync(Lia.Source.Clip([Source(0)])));
        await Assert.ThrowsAsync<MediaException>(() => group.OpenAsync("no such file.png"));
        await Assert.ThrowsAsync<MediaException>(() => group.OpenAsync(Source(0), new() { Crop = new(30, 0, 5, 5) }));
        Assert.Equal((0, 0), (group.Sessions, executor.LiveSources));
    }
}
