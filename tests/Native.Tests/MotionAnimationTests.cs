using Lia.Network;
using Lia.Media.Imaging;
using Lia.Loading;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>
/// Motion apart from pictures: a clip's codes animate as the clip does, and are edited on the way. With the fake network a code is a
/// frame's mean colour, and in
/// absolute mode the result is tinted by it, which tells the driving frame.
/// </summary>
public class MotionAnimationTests
{
    private static readonly RgbImage Source = Pictures.Noise(64, 64, 4);
    private static readonly RgbImage[] Driving = [.. Enumerable.Range(0, 9).Select(i => Pictures.Noise(70 + i, 60, 30 + i))];

    private static Animator Real(out SyntheticCheckpoint weights, int batch = 0) =>
        new(new ModelOptions
        {
            Weights = weights = new SyntheticCheckpoint(new ModelArchitecture(64, 24, 5, [12, 10, 8, 6, 4]), 3),
            Device = Device.Cpu,
            Threads = 2,
            Batch = batch,
        });

    public static TheoryData<AnimationOptions, int> Edits => new()
    {
        { new AnimationOptions(), 0 },
        { new AnimationOptions(), 4 },
        { new AnimationOptions { MotionStrength = 1.5f, Fit = Fit.Crop }, 0 },
        { new AnimationOptions { Mode = MotionMode.Absolute, MotionStrength = 0.5f }, 0 },
        { new AnimationOptions { Frames = 2..7 }, 0 },
        { new AnimationOptions { SmoothingWindow = 5 }, 0 },
        { new AnimationOptions { SmoothingWindow = 25 }, 3 },
        { new AnimationOptions { StartFrame = StartFrame.Best }, 0 },
        { new AnimationOptions { StartFrame = StartFrame.At(4), Frames = 3.. }, 0 },
        { new AnimationOptions { Loops = 3 }, 2 },
        { new AnimationOptions { PingPong = true, Loops = 2, SmoothingWindow = 3, StartFrame = StartFrame.Best,
            Normalization = Normalization.MinMax }, 0 },
    };

    [Theory, MemberData(nameof(Edits))]
    public void A_motion_clip_gives_the_frames_of_the_driving_clip_bit_for_bit(AnimationOptions options, int batch)
    {
        using Animator animator = Real(out SyntheticCheckpoint weights, batch);
        using (weights)
        {
            MotionClip motion = animator.ExtractMotion(Driving);
            Assert.Equal((9, 5, FrameRate.Default), (motion.Count, motion.Directions, motion.FrameRate));
            byte[] expected = animator.All(Source, Driving, options).Pixels(), actual = animator.All(Source, motion, options).Pixels();
            Assert.Equal(expected, actual);
            Assert.NotEqual(expected[..(3 * 64 * 64)], expected[(3 * 64 * 64)..(2 * 3 * 64 * 64)]);
        }
    }

    public static TheoryData<AnimationOptions, int> Counts => new()
    {
        { new AnimationOptions(), 9 },
        { new AnimationOptions { Frames = 2..7 }, 5 },
        { new AnimationOptions { Frames = 3.. }, 6 },
        { new AnimationOptions { SmoothingWindow = 5 }, 9 },
        { new AnimationOptions { Loops = 3 }, 27 },
        { new AnimationOptions { Frames = 2..7, PingPong = true, Loops = 2 }, 16 },
        { new AnimationOptions { PingPong = true, Loops = int.MaxValue }, int.MaxValue },
    };

    /// <summary>How many frames go together is the device's choice, which is told how many there will be before it has to choose.</summary>
    [Theory, MemberData(nameof(Counts))]
    public void The_device_is_told_how_many_frames_there_will_be(AnimationOptions options, int frames)
    {
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        MotionClip motion = animator.ExtractMotion(Driving);
        foreach (Driving driving in new[] { (Driving)Driving, motion })
        {
            executor.Expected.Clear();
            using IEnumerator<RgbImage> all = animator.Frames(Source, driving, options).GetEnumerator();
            if (options.Loops == int.MaxValue) Assert.Throws<MediaException>(() => all.MoveNext());
            else Assert.True(all.MoveNext());
            // Where the frames' motion is taken, they are as many as are read.
            int read = options.Frames.GetOffsetAndLength(9).Length;
            Assert.Equal(driving.Motion is null ? [read, frames] : [frames], executor.Expected);
        }
        executor.Expected.Clear();
        // Nothing says it of a sequence.
        _ = animator.All(Source, Driving.Where(static _ => true)).Count;
        Assert.Equal([null, null], executor.Expected);
    }

    [Fact]
    public async Task Files_and_async_give_the_same_frames_and_rate()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=90x70:rate=30000/1001 -frames:v 8", folder["driving.mp4"]);
        Source.Save(folder["source.png"]);
        using Animator animator = Real(out SyntheticCheckpoint weights);
        using (weights)
        {
            AnimationSummary expected = animator.Animate(folder["source.png"], folder["driving.mp4"], folder["video.png"]);
            animator.ExtractMotion(folder["driving.mp4"]).Save(folder["m.safetensors"]);
            File.Delete(folder["driving.mp4"]);
            MotionClip motion = MotionClip.Load(folder["m.safetensors"]);
            AnimationSummary actual = animator.Animate(folder["source.png"], motion, folder["motion.png"]);
            Assert.Equal(File.ReadAllBytes(folder["video.png"]), File.ReadAllBytes(folder["motion.png"]));
            Assert.Equal(expected with { Output = actual.Output, Elapsed = actual.Elapsed, Profile = actual.Profile }, actual);
            Assert.Equal("30000/1001", actual.FrameRate.ToString());

            await animator.AnimateAsync(folder["source.png"], motion, folder["async.png"]);
            Assert.Equal(File.ReadAllBytes(folder["video.png"]), File.ReadAllBytes(folder["async.png"]));
            List<RgbImage> frames = [];
            await foreach (RgbImage frame in animator.FramesAsync(Source, motion)) frames.Add(frame);
            Assert.Equal(animator.All(Source, motion).Pixels(), frames.Pixels());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Extracted_codes_are_those_of_the_encoder(int batch)
    {
        using Animator animator = Real(out SyntheticCheckpoint weights, batch);
        using (weights)
        {
            using IExecutor executor = ModelLoader.Open(
                new ModelOptions { Weights = weights, Device = Device.Cpu }, 1, _ => { }, default)[0].Executor;
            MotionClip motion = animator.ExtractMotion(Driving,
                new() { Frames = 2..8, Fit = Fit.Pad, FrameRate = new FrameRate(10), SmoothingWindow = 5, SideBySide = true });
            Assert.Equal((6, 0, "10/1"), (motion.Count, motion.Start, motion.FrameRate.ToString()));
            for (int i = 0; i < 6; i++)
            {
                byte[] square = new byte[3 * 64 * 64];
                new FrameFitter(64, Fit.Pad).Fit(Driving[2 + i], square);
                float[] image = new float[square.Length], code = new float[5];
                Planes.FromPixels(square, image);
                executor.EncodeMotion(image, 1, code);
                Assert.Equal(code, motion[i].ToArray());
            }
        }
    }

    [Fact]
    public void A_clip_of_edited_codes_animates()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        MotionClip motion = animator.ExtractMotion(Pictures.Brightening(5));
        float[] edited = [.. motion.Codes.ToArray().Select(value => 2 * value)];
        MotionClip twice = new(edited, motion.Directions, motion.FrameRate, motion.Fingerprint);
        Assert.Equal(animator.All(Source, motion, new() { MotionStrength = 2 }).Pixels(), animator.All(Source, twice).Pixels());
    }

    [Fact]
    public void Smoothing_smooths_the_codes()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = [.. Enumerable.Range(0, 6).Select(i =>
            i % 2 == 0 ? Pictures.Flat(64, 100, 100, 100) : Pictures.Flat(64, 140, 140, 140))];
        IReadOnlyList<RgbImage> frames = animator.All(Pictures.Flat(64, 128, 128, 128), driving,
            new() { SmoothingWindow = 3, Mode = MotionMode.Absolute });
        // A quarter, a half, a quarter of 100 and 140: 120 within, 110 and 130 at the ends.
        Assert.All(frames.Select(frame => Tint(frame, 128)).Zip([110.0, 120, 120, 120, 120, 130]), pair =>
            Assert.Equal(pair.Second, pair.First, 1.1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(6)]
    public void At_the_start_frame_the_source_keeps_its_pose_and_the_others_move_from_there(int start)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage source = Pictures.Flat(64, 100, 100, 100);
        IReadOnlyList<RgbImage> frames = animator.All(source, Pictures.Brightening(7), new() { StartFrame = StartFrame.At(start) });
        Assert.Equal(animator.All(source, [source])[0].Pixels, frames[start].Pixels);
        for (int i = 0; i < 7; i++) Assert.Equal(100 + 4 * (i - start), Tint(frames[i], 100), 1.1);
    }

    /// <summary>The distance counts all directions: frame 2 has the source's red, but frame 4 is nearest.</summary>
    [Fact]
    public void The_best_start_frame_is_the_one_whose_code_is_nearest_to_the_sources()
    {
        using TempFolder folder = new();
        Pictures.Flat(64, 90, 90, 90).Save(folder["source.png"]);
        (int, int, int)[] colors = [(0, 0, 0), (200, 90, 90), (90, 200, 200), (150, 150, 150), (100, 95, 85), (80, 85, 95)];
        RgbImage[] driving = [.. colors.Select(color => Pictures.Flat(64, color.Item1, color.Item2, color.Item3))];
        Directory.CreateDirectory(folder["driving"]);
        for (int i = 0; i < driving.Length; i++) driving[i].Save(folder[$"driving/{i}.png"]);
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving"], folder["best.png"],
            new() { StartFrame = StartFrame.Best });
        Assert.Equal((4, 6), (summary.StartFrame!.Value, summary.Frames));
        Assert.Equal(6, executor.DrivingFrames); // One pass through the encoder.
        animator.Animate(folder["source.png"], folder["driving"], folder["fourth.png"], new() { StartFrame = StartFrame.At(4) });
        Assert.Equal(File.ReadAllBytes(folder["fourth.png"]), File.ReadAllBytes(folder["best.png"]));
        Assert.Equal(3, animator.Animate(folder["source.png"], folder["driving"], folder["range.png"],
            new() { StartFrame = StartFrame.Best, Frames = 1..4 }).StartFrame);
        Assert.Equal(1, animator.Animate(folder["source.png"], folder["driving"], folder["range.png"], new() { Frames = 1..4 }).StartFrame);
        Assert.Null(animator.Animate(folder["source.png"], folder["driving"], folder["range.png"], new() { Mode = MotionMode.Absolute })
            .StartFrame);
    }

    [Fact]
    public void A_motion_clip_may_name_its_start_frame()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = Pictures.Brightening(7);
        MotionClip motion = animator.ExtractMotion(driving, new() { Frames = 1.., StartFrame = StartFrame.At(4) });
        Assert.Equal((6, 3), (motion.Count, motion.Start)); // Counted anew.
        byte[] Animated(RgbImage[] frames, AnimationOptions options) => animator.All(Source, frames, options).Pixels();
        Assert.Equal(Animated(driving[1..], new() { StartFrame = StartFrame.At(3) }), animator.All(Source, motion).Pixels());
        Assert.Equal(Animated(driving[1..], new() { StartFrame = StartFrame.At(5) }),
            animator.All(Source, motion, new() { StartFrame = StartFrame.At(5) }).Pixels());
        Assert.Equal(Animated(driving[2..], new() { StartFrame = StartFrame.At(2) }),
            animator.All(Source, motion, new() { Frames = 1.. }).Pixels());
        // Not among the frames used.
        Assert.Equal(Animated(driving[1..4], new()), animator.All(Source, motion, new() { Frames = ..3 }).Pixels());
    }

    [Theory]
    [InlineData(5, 1, false, "0 1 2 3 4")]
    [InlineData(5, 1, true, "0 1 2 3 4 3 2 1")]
    [InlineData(3, 3, false, "0 1 2 0 1 2 0 1 2")]
    [InlineData(3, 2, true, "0 1 2 1 0 1 2 1")]
    [InlineData(2, 2, true, "0 1 0 1")]
    [InlineData(1, 3, true, "0 0 0")]
    public void Loops_and_ping_pong_repeat_the_frames(int count, int loops, bool pingPong, string order)
    {
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator(batch: 2);
        RgbImage[] driving = [.. Enumerable.Range(0, count).Select(i => Pictures.Noise(64, 64, i))];
        IReadOnlyList<RgbImage> once = animator.All(Source, driving), shown = animator.All(Source, driving, new() { SideBySide = true });
        int encoded = executor.DrivingFrames;
        List<AnimationProgress> told = [];
        AnimationOptions options = new() { Loops = loops, PingPong = pingPong };
        int[] expected = [.. order.Split(' ').Select(int.Parse)];
        Assert.Equal(expected.Select(i => once[i]).Pixels(), animator.All(Source, driving, options, new Synchronous(told.Add)).Pixels());
        Assert.Equal(count, executor.DrivingFrames - encoded);
        Assert.Equal(expected.Select(i => shown[i]).Pixels(), animator.All(Source, driving, options with { SideBySide = true }).Pixels());
        Assert.Equal((expected.Length, expected.Length), (told[^1].Frames, told[^1].Total!.Value));
    }

    [Fact]
    public void Progress_tells_the_encoding_from_the_animation()
    {
        List<AnimationProgress> told = [];
        using Animator animator = new FakeExecutor(64).Animator();
        animator.All(Source, Pictures.Brightening(3), new() { StartFrame = StartFrame.Best }, new Synchronous(told.Add));
        Assert.Equal([(AnimationStage.Encoding, 1), (AnimationStage.Encoding, 2), (AnimationStage.Encoding, 3),
            (AnimationStage.Animating, 1), (AnimationStage.Animating, 2), (AnimationStage.Animating, 3)],
            told.Select(progress => (progress.Stage, progress.Frames)));
        Assert.All(told, progress => Assert.Equal(3, progress.Total));
    }

    [Fact]
    public void Sound_is_kept_where_the_frames_keep_their_time()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 1", folder["driving.mp4"]);
        Source.Save(folder["source.png"]);
        using Animator animator = new FakeExecutor(64).Animator();
        bool HasSound(AnimationOptions options) =>
            animator.Animate(folder["source.png"], folder["driving.mp4"], folder["out.mp4"], options).HasAudio;
        Assert.True(HasSound(new() { StartFrame = StartFrame.Best, SmoothingWindow = 7 }));
        Assert.False(HasSound(new() { Loops = 2 }));
        Assert.False(HasSound(new() { PingPong = true }));
        Assert.False(animator.Animate(folder["source.png"], animator.ExtractMotion(folder["driving.mp4"]), folder["out.mp4"]).HasAudio);
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = Pictures.Brightening(5);
        MotionClip motion = animator.ExtractMotion(driving);
        Refused<ArgumentException>("must be odd and from 1 to 255", () => animator.All(Source, driving, new() { SmoothingWindow = 4 }));
        Refused<ArgumentException>("must be odd and from 1 to 255", () => animator.All(Source, driving, new() { SmoothingWindow = 257 }));
        Refused<ArgumentException>("The number of loops is 0", () => animator.All(Source, driving, new() { Loops = 0 }));
        Refused<ArgumentException>("the motion here is absolute", () =>
            animator.All(Source, driving, new() { Mode = MotionMode.Absolute, StartFrame = StartFrame.At(1) }));
        Refused<ArgumentException>("no driving frames in it to show", () => animator.All(Source, motion, new() { SideBySide = true }));
        Refused<ArgumentException>("depends on the source", () => animator.ExtractMotion(driving, new() { StartFrame = StartFrame.Best }));
        Refused<MediaException>("the driving frames: frame 5 cannot be the start frame; those used are 0 to 4", () =>
            animator.All(Source, driving, new() { StartFrame = StartFrame.At(5) }));
        Refused<MediaException>("the motion clip: frame 1 cannot be the start frame; those used are 2 to 3", () =>
            animator.All(Source, motion, new() { StartFrame = StartFrame.At(1), Frames = 2..4 }));
        Refused<MediaException>("frame 9 cannot be the start frame", () =>
            animator.ExtractMotion(driving, new() { StartFrame = StartFrame.At(9) }));
        Refused<MediaException>("the motion clip: it has 5 frames, so none from frame 5 on", () =>
            animator.All(Source, motion, new() { Frames = 5.. }));
        Refused<MediaException>("2000000000 rounds of 5 frames are too many", () =>
            animator.All(Source, motion, new() { Loops = 2_000_000_000 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => StartFrame.At(-1));
        Assert.Equal(5, animator.All(Source, motion).Count);

        static void Refused<T>(string message, Func<object> step) where T : Exception =>
            Assert.Contains(message, Assert.Throws<T>(step).Message);
    }

    [Fact]
    public void Damaged_weights_make_no_motion()
    {
        using Animator animator = new FakeExecutor(64) { PoisonedCode = 2 }.Animator();
        Assert.StartsWith("fake model: frame 2 has a motion code",
            Assert.Throws<WeightsException>(() => animator.ExtractMotion(Pictures.Brightening(4))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Outputs_never_replace_the_motion_file_and_are_refused_before_the_work()
    {
        using TempFolder folder = new();
        Source.Save(folder["source.png"]);
        FakeExecutor executor = new(64);
        using Animator animator = executor.Animator();
        animator.ExtractMotion(new[] { Source }).Save(folder["m.png"]);
        MotionClip motion = MotionClip.Load(folder["m.png"]);
        Assert.Contains("would replace the motion file",
            Assert.Throws<MediaException>(() => animator.Animate(folder["source.png"], motion, folder["m.png"])).Message);
        Assert.Contains("would replace the source",
            Assert.Throws<MediaException>(() => animator.Animate(folder["source.png"], motion, folder["source.png"])).Message);
        int encoded = executor.DrivingFrames;
        Assert.Contains("there is no folder",
            Assert.Throws<MediaException>(() =>
                animator.Animate(folder["source.png"], folder["source.png"], folder["none/a.png"], new() { StartFrame = StartFrame.Best }))
                    .Message);
        Assert.Equal(encoded, executor.DrivingFrames);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cancelling_while_codes_are_taken_leaves_nothing(bool sideBySide)
    {
        using TempFolder folder = new();
        Source.Save(folder["source.png"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 60", folder["driving.mp4"]);
        using CancellationTokenSource cancellation = new();
        using Animator animator = new FakeExecutor(64).Animator();
        Synchronous progress = new(value => { if (value.Frames == 5) cancellation.Cancel(); });
        Assert.Throws<OperationCanceledException>(() => animator.Animate(
            folder["source.png"], folder["driving.mp4"], folder["out.mp4"], new() { Loops = 2,
                SideBySide = sideBySide }, progress, cancellation.Token));
        Assert.Equal(["driving.mp4", "source.png"], folder.Entries);
        Assert.Throws<OperationCanceledException>(() => animator.ExtractMotion(folder["driving.mp4"], null, null, cancellation.Token));
    }

    /// <summary>The colour t that tinted a grey source of colour s: frames are half the source plus the code, so a pixel p is <c>t + s / 2
    /// - 63.75</c>.</summary>
    private static double Tint(RgbImage frame, int source) => frame.Pixels[0] - source / 2.0 + 63.75;
}
