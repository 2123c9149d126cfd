using System.IO.Pipes;

namespace Lia.Tests;

/// <summary>Streams in, streams out, and frames one by one. The network is the fake one.</summary>
public class LiveTests
{
    private const int FrameBytes = 3 * 64 * 64;
    private static readonly RgbImage Source = Pictures.Noise(64, 64, 4);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly AnimationOptions Paced = new() { FrameRate = new FrameRate(25) };

    private static Driving In(Stream stream, RawInput format = RawInput.Auto) => Driving.Raw(stream, format, new(64, 64));

    private static Output Out(Stream stream) => Output.Raw(stream, RawOutput.Rgb24);

    private static TempFolder WithSource()
    {
        TempFolder folder = new();
        Source.Save(folder["source.png"]);
        return folder;
    }

    /// <summary>The next frame is written only when the result of the last is there: whoever reads ahead waits for ever.</summary>
    [Theory]
    [InlineData(RawOutput.Rgb24)]
    [InlineData(RawOutput.Yuv4Mpeg)]
    public async Task One_frame_in_is_one_frame_out(RawOutput format)
    {
        using TempFolder folder = WithSource();
        using AnonymousPipeServerStream ourInput = new(PipeDirection.Out), ourOutput = new(PipeDirection.In);
        using AnonymousPipeClientStream input = new(PipeDirection.In, ourInput.ClientSafePipeHandle), output = new(PipeDirection.Out,
            ourOutput.ClientSafePipeHandle);
        using Animator animator = new FakeExecutor(64) { Batch = 4 }.Animator();
        // told, so that the header need not wait for the first byte
        Task<AnimationSummary> work = Task.Run(() =>
            animator.Animate(folder["source.png"], In(input, RawInput.Rgb24), Output.Raw(output, format), Paced));

        RgbImage[] driving = Pictures.Brightening(5);
        IReadOnlyList<RgbImage> expected = Expected(driving);
        byte[] header = "YUV4MPEG2 W64 H64 F25:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n"u8.ToArray();
        if (format == RawOutput.Yuv4Mpeg) Assert.Equal(header, await Take(header.Length));
        for (int i = 0; i < driving.Length; i++)
        {
            await ourInput.WriteAsync(driving[i].Pixels);
            if (format == RawOutput.Yuv4Mpeg)
            {
                Assert.Equal("FRAME\n"u8.ToArray(), await Take(6));
                await Take(FrameBytes);
            }
            else
            {
                Assert.Equal(expected[i].Pixels, await Take(FrameBytes));
            }
        }
        ourInput.Dispose();
        AnimationSummary summary = await work.WaitAsync(Patience);
        Assert.Equal(("-", 5, 5), (summary.Output, summary.Frames, summary.Latency!.Value.Frames));
        Assert.InRange(summary.Latency.Value.Median, TimeSpan.FromTicks(1), summary.Latency.Value.P99);
        Assert.InRange(summary.Latency.Value.P99, TimeSpan.FromTicks(1), summary.Latency.Value.Longest);

        async Task<byte[]> Take(int bytes)
        {
            byte[] taken = new byte[bytes];
            await ourOutput.ReadExactlyAsync(taken).AsTask().WaitAsync(Patience);
            return taken;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    public void A_stream_gives_the_same_frames_as_memory_bit_for_bit(int batch)
    {
        using TempFolder folder = WithSource();
        RgbImage[] driving = [.. Enumerable.Range(0, 7).Select(i => Pictures.Noise(90, 70, i))];
        AnimationOptions options = Paced with { Frames = 1..6, SideBySide = true };
        Driving Dribbling() => Driving.Raw(new Dribble(driving.Pixels(), 5000), size: new(90, 70));
        using Animator animator = new FakeExecutor(64).Animator(batch: batch);
        using MemoryStream output = new();
        AnimationSummary summary = animator.Animate(folder["source.png"], Dribbling(), Out(output), options);
        Assert.Equal(animator.All(Source, driving, new() { Frames = 1..6, SideBySide = true }).Pixels(), output.ToArray());
        Assert.Equal((5, 5, 192), (summary.Frames, summary.Latency!.Value.Frames, summary.Width));
        Assert.Equal(output.ToArray(), animator.Frames(Source, Dribbling(), options).Pixels());
    }

    [Fact]
    public void Streams_and_files_mix_and_raw_files_need_no_ffmpeg()
    {
        using TempFolder folder = WithSource();
        Ff.Mpeg("-f lavfi -i testsrc2=size=96x64:rate=30000/1001 -frames:v 6 -pix_fmt yuv444p -strict -1 -f yuv4mpegpipe",
            folder["driving.y4m"]);
        using Animator animator = new FakeExecutor(64).Animator();
        using MemoryStream piped = new();
        AnimationSummary toStream = animator.Animate(folder["source.png"], folder["driving.y4m"], piped);
        animator.Animate(folder["source.png"], folder["driving.y4m"], folder["out.y4m"]);
        Assert.Equal(File.ReadAllBytes(folder["out.y4m"]), piped.ToArray());
        Assert.Null(toStream.Latency); // nobody waits for a file's frames

        using FileStream driving = File.OpenRead(folder["driving.y4m"]);
        AnimationSummary toFile = animator.Animate(folder["source.png"], driving, folder["out.rgb"]);
        Assert.Equal((6, new FrameRate(30000, 1001), folder["out.rgb"]), (toFile.Frames, toFile.FrameRate, toFile.Output));
        Assert.NotNull(toFile.Latency);
        byte[] raw = File.ReadAllBytes(folder["out.rgb"]);
        Assert.Equal(6 * FrameBytes, raw.Length);
        // The same driving frames through ffmpeg's own conversion of yuv4mpeg.
        IEnumerable<RgbImage> frames = Ff.Decode(folder["driving.y4m"], "rgb24").Chunk(3 * 96 * 64).Select(pixels =>
            new RgbImage(96, 64, pixels));
        Assert.All(animator.All(Source, frames).Pixels().Zip(raw), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
    }

    /// <summary>Smoothing over 5 frames takes two that come after: a result comes with the second frame after its own, and the last two at
    /// the end.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Smoothed_motion_comes_half_a_window_later(int batch)
    {
        using TempFolder folder = WithSource();
        using AnonymousPipeServerStream ourInput = new(PipeDirection.Out), ourOutput = new(PipeDirection.In);
        using AnonymousPipeClientStream input = new(PipeDirection.In, ourInput.ClientSafePipeHandle), output = new(PipeDirection.Out,
            ourOutput.ClientSafePipeHandle);
        using Animator animator = new FakeExecutor(64).Animator(batch: batch);
        Task<AnimationSummary> work = Task.Run(() =>
            animator.Animate(folder["source.png"], In(input), Out(output), Paced with { SmoothingWindow = 5 }));
        RgbImage[] driving = [.. Enumerable.Range(0, 9).Select(i => Pictures.Noise(64, 64, i))];
        List<byte> results = [];
        for (int i = 0; i < 9; i++)
        {
            await ourInput.WriteAsync(driving[i].Pixels);
            if (batch == 1 && i >= 2) await Take(1);
            if (batch == 3 && i is 5 or 8) await Take(3); // 0 to 2 when 4 is read, with the batch that holds it
        }
        ourInput.Dispose();
        Task take = Take(9 - results.Count / FrameBytes);
        AnimationSummary summary = await work.WaitAsync(Patience);
        await take;
        Assert.Equal((9, 9), (summary.Frames, summary.Latency!.Value.Frames));
        using Animator again = new FakeExecutor(64).Animator();
        Assert.Equal(again.All(Source, driving, new() { SmoothingWindow = 5 }).Pixels(), results);

        async Task Take(int frames)
        {
            byte[] taken = new byte[frames * FrameBytes];
            await ourOutput.ReadExactlyAsync(taken).AsTask().WaitAsync(Patience);
            results.AddRange(taken);
        }
    }

    /// <summary>The output is not read at all: one frame is stuck in it, one waits for it, and no other is asked for.</summary>
    [Fact]
    public async Task No_more_than_two_frames_are_under_way()
    {
        using TempFolder folder = WithSource();
        using CancellationTokenSource stop = new();
        Endless input = new();
        using Stuck output = new();
        using Animator animator = new FakeExecutor(64).Animator();
        Task work = Task.Run(() => animator.Animate(folder["source.png"], In(input), Out(output), Paced, null, stop.Token));
        await output.Reached.WaitAsync(Patience);
        await Task.Delay(200);
        Assert.InRange(input.Bytes, FrameBytes, 2 * FrameBytes);
        stop.Cancel(); // which also ends a write that waits
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work.WaitAsync(Patience));
    }

    [Fact]
    public async Task Cancelling_ends_a_read_that_waits()
    {
        using TempFolder folder = WithSource();
        using AnonymousPipeServerStream ourInput = new(PipeDirection.Out);
        using AnonymousPipeClientStream input = new(PipeDirection.In, ourInput.ClientSafePipeHandle);
        using Animator animator = new FakeExecutor(64).Animator();
        foreach (bool isSized in new[] { true, false }) // waiting for a frame; waiting for a header
        {
            using CancellationTokenSource stop = new();
            Task work = Task.Run(() => animator.Animate(folder["source.png"], isSized ? In(input, RawInput.Rgb24) : input,
                folder["out.png"], isSized ? Paced : new(), null, stop.Token));
            await Task.Delay(100);
            Assert.False(work.IsCompleted);
            stop.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work.WaitAsync(Patience));
        }
        Assert.Equal(["source.png"], folder.Entries);
    }

    [Fact]
    public async Task A_reader_that_goes_is_an_error_of_the_output_stream()
    {
        using TempFolder folder = WithSource();
        AnonymousPipeServerStream ourOutput = new(PipeDirection.In);
        using AnonymousPipeClientStream output = new(PipeDirection.Out, ourOutput.ClientSafePipeHandle);
        using Animator animator = new FakeExecutor(64).Animator();
        Task work = Task.Run(() => animator.Animate(folder["source.png"], In(new Endless()), Out(output), Paced));
        await ourOutput.ReadExactlyAsync(new byte[3 * FrameBytes]).AsTask().WaitAsync(Patience);
        ourOutput.Dispose();
        MediaException failure = await Assert.ThrowsAsync<MediaException>(() => work.WaitAsync(Patience));
        Assert.StartsWith("the output stream: cannot be written: ", failure.Message);
        Assert.IsAssignableFrom<IOException>(failure.InnerException);
        Assert.Single(animator.All(Source, [Source])); // and the animator goes on
    }

    [Fact]
    public void Damage_in_a_stream_comes_after_the_frames_before_it()
    {
        using TempFolder folder = WithSource();
        using MemoryStream output = new();
        using Animator animator = new FakeExecutor(64).Animator();
        byte[] driving = Pictures.Brightening(4).Pixels()[..(3 * FrameBytes + 5)];
        MediaException failure = Assert.Throws<MediaException>(() =>
            animator.Animate(folder["source.png"], In(new MemoryStream(driving)), Out(output), Paced));
        Assert.Equal($"the driving stream: at byte {driving.Length}: the stream ends within frame 3, of which 5 of {FrameBytes} bytes are "
            + "there.", failure.Message);
        Assert.Contains("there is no frame in it",
            Assert.Throws<MediaException>(() =>
                animator.Animate(folder["source.png"], In(new MemoryStream(), RawInput.Rgb24), Out(output), Paced)).Message);
    }

    [Fact]
    public void What_needs_the_whole_clip_is_refused_for_streams()
    {
        using TempFolder folder = WithSource();
        using Animator animator = new FakeExecutor(64).Animator();
        using MemoryStream stream = new();
        Assert.Throws<ArgumentException>(() => animator.Live(Source, new() { SmoothingWindow = 3 }));
        foreach (AnimationOptions options in new AnimationOptions[]
        {
            new() { Normalization = Normalization.MinMax }, new() { AutoDrivingCrop = true }, new() { StartFrame = StartFrame.Best },
                new() { Loops = 2 }, new() { PingPong = true },
        })
        {
            Assert.Throws<ArgumentException>(() => animator.Animate(folder["source.png"], stream, stream, options));
            Assert.Throws<ArgumentException>(() => animator.Live(Source, options));
        }
        Assert.Throws<ArgumentNullException>(() => animator.Animate(folder["source.png"], default(Driving)!, stream));
        Assert.Throws<ArgumentException>(() => animator.Live(Lia.Source.Clip([Source])));
        Assert.Throws<ArgumentException>(() => animator.All(Source, [Source], new() { AutoDrivingCrop = true }));
        Assert.Throws<ArgumentException>(() => Driving.Raw(stream, size: new(0, 4)));
        Assert.Throws<ArgumentException>(() => Driving.Raw("a.rgb", RawInput.Rgb24, new(4, 0)));
        Assert.Throws<ArgumentException>(() => Driving.Raw(stream, (RawInput)9));
        Assert.Throws<ArgumentException>(() => Output.Raw(stream, (RawOutput)9));
        Assert.Throws<ArgumentException>(() => Output.Raw("", RawOutput.Rgb24));
        Assert.Contains(".y4m and .rgb",
            Assert.Throws<MediaException>(() =>
                animator.Animate(folder["source.png"], folder["source.png"], Output.Raw(folder["o.mp4"], RawOutput.Rgb24)))
                    .Message);
    }

    [Fact]
    public void Progress_tells_the_latency_so_far()
    {
        using TempFolder folder = WithSource();
        List<AnimationProgress> told = [];
        using Animator animator = new FakeExecutor(64).Animator();
        animator.Animate(folder["source.png"], In(new MemoryStream(Pictures.Brightening(8).Pixels())), Out(new MemoryStream()), Paced,
            new Synchronous(told.Add));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], told.Select(progress => progress.Frames));
        Assert.InRange(told[^1].Latency!.Value.Frames, 6, 8); // the last may not be out yet
        Assert.All(told, progress => Assert.Null(progress.Total));
    }

    private static readonly Dictionary<string, AnimationOptions> Shown = new()
    {
        ["plain"] = new() { MotionStrength = 0.7f },
        ["side by side"] = new() { SideBySide = true, Fit = Fit.Pad },
        ["pasted back"] = new() { Crop = new(8, 4, 40, 40), PasteBack = true, DrivingCrop = new(3, 2, 40, 41) },
    };

    public static MatrixTheoryData<string, MotionMode> ShownInBothModes => new([.. Shown.Keys], [MotionMode.Relative, MotionMode.Absolute]);

    [Theory, MemberData(nameof(ShownInBothModes))]
    public void Frame_by_frame_is_bit_for_bit_what_a_clip_is(string shown, MotionMode mode)
    {
        AnimationOptions options = Shown[shown] with { Mode = mode };
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = [.. Enumerable.Range(0, 5).Select(i => Pictures.Noise(60 + i, 50, i))];
        IReadOnlyList<RgbImage> expected = animator.All(Source, driving, options);
        using LiveAnimator live = animator.Live(Source, options);
        Assert.Equal((expected[0].Width, expected[0].Height), (live.Width, live.Height));
        Assert.Null(live.Latency);
        Assert.Equal(expected.Pixels(), driving.Select(live.Next).Pixels());
        Assert.Equal(5, live.Latency!.Value.Frames);
    }

    [Fact]
    public void Restarting_takes_the_next_frame_as_the_start_of_the_motion()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        RgbImage[] driving = Pictures.Brightening(6);
        using LiveAnimator live = animator.Live(Source);
        live.Next(driving[0]);
        live.Next(driving[4]);
        live.Restart();
        byte[][] after = [live.Next(driving[3]).Pixels, live.Next(driving[5]).Pixels];
        live.Dispose();
        Assert.Equal(animator.All(Source, [driving[3], driving[5]]).Select(frame => frame.Pixels), after);
    }

    [Fact]
    public void A_live_picture_holds_the_animator_until_it_is_disposed()
    {
        FakeExecutor executor = new(64);
        Animator animator = executor.Animator();
        LiveAnimator live = animator.Live(Source);
        Assert.Throws<InvalidOperationException>(() => animator.All(Source, [Source]));
        live.Dispose();
        Assert.Throws<ObjectDisposedException>(() => live.Next(Source));
        live.Dispose();
        Assert.Single(animator.All(Source, [Source]));

        live = animator.Live(Source);
        animator.Dispose();
        Assert.False(executor.IsDisposed);
        Assert.Throws<ObjectDisposedException>(() => live.Next(Source));
        live.Dispose();
        Assert.True(executor.IsDisposed);
        Assert.Equal(0, executor.LiveSources);
    }

    [Fact]
    public void A_live_picture_that_cannot_be_leaves_the_animator_free()
    {
        FakeExecutor executor = new(64) { Poison = 1 };
        using Animator animator = executor.Animator();
        Assert.Contains("the source: the crop 60,0,5,5 reaches beyond",
            Assert.Throws<MediaException>(() => animator.Live(Source, new() { Crop = new(60, 0, 5, 5) })).Message);
        using LiveAnimator live = animator.Live(Source);
        live.Next(Source);
        Assert.Contains("fake model: frame 1 came out", Assert.Throws<Weights.WeightsException>(() => live.Next(Source)).Message);
    }

    private static IReadOnlyList<RgbImage> Expected(RgbImage[] driving)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        return animator.All(Source, driving);
    }

    /// <summary>Pixels without end, counted.</summary>
    private sealed class Endless : Stream
    {
        public long Bytes;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Interlocked.Add(ref Bytes, count);
            return count;
        }

        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    /// <summary>A pipe that nobody reads: a write never ends, and does not know of cancellation.</summary>
    private sealed class Stuck : MemoryStream
    {
        private readonly TaskCompletionSource _reached = new(), _never = new();

        public Task Reached => _reached.Task;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _reached.TrySetResult();
            return new(_never.Task);
        }
    }
}
