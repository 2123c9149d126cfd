namespace Lia.Tests;

/// <summary>A clip moved by another.</summary>
public class SourceVideoTests
{
    private static readonly RgbImage[] Sources = [.. Enumerable.Range(0, 6).Select(i => Pictures.Noise(70, 64, 100 + i))];
    private static readonly RgbImage[] Driving = [.. Enumerable.Range(0, 6).Select(i => Pictures.Noise(64, 64, 200 + i))];

    private static Animator Animator() => new FakeExecutor(64).Animator();

    /// <summary>Frame i is what source frame i alone would be with the motion from driving frame 0 to i.</summary>
    [Theory]
    [InlineData(MotionMode.Relative)]
    [InlineData(MotionMode.Absolute)]
    public void Every_source_frame_is_encoded_anew_and_takes_the_motion_of_its_number(MotionMode mode)
    {
        using Animator animator = Animator();
        AnimationOptions options = new() { Mode = mode, MotionStrength = 1.3f };
        IReadOnlyList<RgbImage> frames = animator.All(Sources, Driving, options);
        Assert.Equal(6, frames.Count);
        for (int i = 0; i < 6; i++) Assert.Equal(animator.All(Sources[i], [Driving[0], Driving[i]], options)[1].Pixels, frames[i].Pixels);
        Assert.NotEqual(frames[1].Pixels, animator.All(Sources[0], Driving, options)[1].Pixels);
    }

    [Theory]
    [InlineData(6, 4, 4)]
    [InlineData(3, 6, 3)]
    [InlineData(1, 6, 1)]
    public void The_shorter_of_the_two_ends_it(int source, int driving, int expected)
    {
        List<AnimationProgress> told = [];
        using Animator animator = new FakeExecutor(64).Animator(batch: 4);
        IReadOnlyList<RgbImage> frames = animator.All(Sources[..source], Driving[..driving], null, new Synchronous(told.Add));
        Assert.Equal(animator.All(Sources, Driving).Take(expected).Pixels(), frames.Pixels());
        Assert.Equal(Enumerable.Range(1, expected), told.Select(progress => progress.Frames));
        Assert.All(told, progress => Assert.Equal(expected, progress.Total));
    }

    [Fact]
    public void Recorded_motion_moves_a_clip_as_well()
    {
        using Animator animator = Animator();
        AnimationOptions options = new() { PingPong = true };
        RgbImage[] driving = [.. Driving[..3], Driving[1]];
        Assert.Equal(animator.All(Sources, driving).Pixels(), animator.All(Sources, Driving[..3], options).Pixels());
    }

    [Fact]
    public void A_frame_range_is_of_the_driving_clip()
    {
        using Animator animator = Animator();
        Assert.Equal(animator.All(Sources, Driving[2..5]).Pixels(), animator.All(Sources, Driving, new() { Frames = 2..5 }).Pixels());
    }

    [Fact]
    public void One_source_is_held_at_a_time()
    {
        int most = 0;
        FakeExecutor? executor = null;
        executor = new FakeExecutor(64) { BeforeSynthesis = _ => most = Math.Max(most, executor!.LiveSources) };
        using Animator animator = executor.Animator();
        animator.All(Sources, Driving);
        Assert.Equal((1, 6, 0), (most, executor.Sources, executor.LiveSources));
        animator.All(Sources[0], Driving); // a picture is encoded once
        Assert.Equal((1, 7, 0), (most, executor.Sources, executor.LiveSources));
    }

    [Fact]
    public async Task Files_are_taken_as_clips_when_asked_for_and_shown_with_their_frames()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=90x70:rate=25 -frames:v 5", folder["source.mp4"]);
        Ff.Mpeg("-f lavfi -i testsrc=size=80x80:rate=25 -frames:v 7", folder["driving.mp4"]);
        RgbImage[] source = Frames("source.mp4", 90, 70), driving = Frames("driving.mp4", 80, 80);
        using Animator animator = Animator();
        AnimationOptions options = new() { SideBySide = true };
        byte[] expected = animator.All(source, driving, options).Pixels();
        AnimationSummary summary = animator.Animate(Source.Clip(folder["source.mp4"]), folder["driving.mp4"], folder["out.png"], options);
        Assert.Equal((5, new FrameRate(25)), (summary.Frames, summary.FrameRate));
        Assert.Equal(expected, Ff.Decode(folder["out.png"], "rgb24"));
        List<RgbImage> frames = [];
        await foreach (RgbImage frame in animator.FramesAsync(Source.Clip(folder["source.mp4"]), folder["driving.mp4"],
            options)) frames.Add(frame);
        Assert.Equal(expected, frames.Pixels());
        frames.Clear();
        await foreach (RgbImage frame in animator.FramesAsync(Source.Clip(source), driving, options)) frames.Add(frame);
        Assert.Equal(expected, frames.Pixels());

        // Not asked for, a clip stands still at its first frame.
        Assert.Equal(animator.All(source[0], driving).Pixels(), Pixels(folder["source.mp4"], new()));
        // The pictures of a stretched clip wait on the disk with the source frame that belongs to them.
        byte[] stretched = Pixels(Source.Clip(folder["source.mp4"]), options with { Normalization = Normalization.MinMax });
        for (int y = 0; y < 64; y++) Assert.Equal(expected.AsSpan(4 * 3 * 192 * 64 + 576 * y, 192),
            stretched.AsSpan(4 * 3 * 192 * 64 + 576 * y, 192));

        RgbImage[] Frames(string name, int width, int height) =>
            [.. Ff.Decode(folder[name], "rgb24").Chunk(3 * width * height).Select(pixels => new RgbImage(width, height, pixels))];

        byte[] Pixels(Source from, AnimationOptions options)
        {
            animator.Animate(from, folder["driving.mp4"], folder["again.png"], options);
            return Ff.Decode(folder["again.png"], "rgb24");
        }
    }

    /// <summary>A source clip of 50 frames a second plays as long as it lasts, whatever the rate of the motion.</summary>
    [Theory]
    [InlineData(25, null, 50, 2.0)]
    [InlineData(100, null, 200, 0.5)]
    [InlineData(25, 50, 100, 1.0)] // the driving clip twice as fast
    public async Task Rates_are_matched_by_time(int rate, int? asked, int expected, double step)
    {
        using TempFolder folder = new();
        Ff.Mpeg($"-f lavfi -i testsrc=size=64x64:rate={rate} -frames:v {expected + 10} -c:v ffv1", folder["driving.mkv"]);
        string path = Clip.Data("source-50.mp4"), driving = folder["driving.mkv"];
        RgbImage[] all = Clip.Read(path), moving = Clip.Read(driving);
        Assert.Equal((100, expected + 10), (all.Length, moving.Length));
        AnimationOptions options = new() { FrameRate = asked is { } fps ? new FrameRate(fps) : null };
        using Animator animator = Animator();
        byte[] shown = animator.All([.. Enumerable.Range(0, expected).Select(i => all[(int)(i * step)])], moving, options).Pixels();

        AnimationSummary summary = animator.Animate(Source.Clip(path), driving, folder["out.png"], options);
        Assert.Equal((expected, new FrameRate(asked ?? rate)), (summary.Frames, summary.FrameRate));
        Assert.Equal(2, summary.FrameRate.Seconds(summary.Frames), 0.001);
        Assert.Equal(shown, Ff.Decode(folder["out.png"], "rgb24"));
        Assert.Equal(shown, animator.Frames(Source.Clip(path), driving, options).Pixels());
        List<RgbImage> frames = [];
        await foreach (RgbImage frame in animator.FramesAsync(Source.Clip(path), driving, options)) frames.Add(frame);
        Assert.Equal(shown, frames.Pixels());
        AnimationJob job = new(path, folder["many.png"]) { SourceIsClip = true };
        Assert.Null(animator.AnimateMany([job], driving, options: options).Single().Failure);
        Assert.Equal(shown, Ff.Decode(folder["many.png"], "rgb24"));
        if (asked is not null) return;
        MotionClip motion = animator.ExtractMotion(driving);
        Assert.Equal(shown, animator.Frames(Source.Clip(path), motion).Pixels());
    }

    /// <summary>Pictures without time have numbers only.</summary>
    [Fact]
    public void What_has_no_time_is_matched_by_number()
    {
        using TempFolder folder = new();
        string path = Clip.Data("source-50.mp4");
        RgbImage[] all = Clip.Read(path)[..6];
        Directory.CreateDirectory(folder["pictures"]);
        for (int i = 0; i < 6; i++) Sources[i].Save(Path.Combine(folder["pictures"], $"{i}.png"));
        Ff.Mpeg("-f lavfi -i testsrc=size=64x64:rate=10 -frames:v 6 -c:v ffv1", folder["driving.mkv"]);
        RgbImage[] moving = Clip.Read(folder["driving.mkv"]);
        using Animator animator = Animator();
        Assert.Equal(animator.All(all, Driving).Pixels(), animator.Frames(Source.Clip(path), Driving).Take(6).Pixels());
        byte[] expected = animator.All(Sources, moving).Pixels();
        Assert.Equal(expected, animator.Frames(Source.Clip(folder["pictures"]), folder["driving.mkv"]).Pixels());
        Assert.Equal(expected, animator.Frames(Source.Clip(Sources), folder["driving.mkv"]).Pixels());
    }

    [Fact]
    public void Sources_that_are_no_clips_are_named()
    {
        using TempFolder folder = new();
        Pictures.Noise(64, 64, 1).Save(folder["one.png"]);
        File.WriteAllText(folder["text.mp4"], "no video");
        using Animator animator = Animator();
        Assert.Equal(1, animator.Animate(Source.Clip(folder["one.png"]), folder["one.png"], folder["out.png"]).Frames);
        Assert.Contains("text.mp4: ", Assert.Throws<MediaException>(() =>
            animator.Animate(Source.Clip(folder["text.mp4"]), folder["one.png"], folder["out.png"])).Message);
        Assert.Contains("the source frames: there is no frame in it",
            Assert.Throws<MediaException>(() => animator.All(Array.Empty<RgbImage>(), Driving)).Message);
        Assert.Contains("the driving frames: there is no frame in it",
            Assert.Throws<MediaException>(() => animator.All(Sources, [])).Message);
    }
}
