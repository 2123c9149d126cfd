using Lia.Weights;

namespace Lia.Tests;

/// <summary>The one-call entry points, on a small model in a file and the real executor.</summary>
public class NativeTests
{
    private static TempFolder WithModel(out ModelOptions model)
    {
        TempFolder folder = new();
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 24, 5, [8, 8, 8, 8, 8]), 3);
        SafetensorsWriter.Write(folder["model.safetensors"], weights, new Dictionary<string, string>());
        Pictures.Noise(64, 64, 1).Save(folder["source.png"]);
        Ff.Mpeg("-f lavfi -i testsrc2=size=80x64:rate=25 -frames:v 5", folder["driving.mp4"]);
        model = new ModelOptions { Model = folder["model.safetensors"], Threads = 1 };
        return folder;
    }

    [Fact]
    public async Task All_entry_points_give_the_same_frames()
    {
        using TempFolder folder = WithModel(out ModelOptions model);
        AnimationSummary summary = Native.Animate(folder["source.png"], folder["driving.mp4"], folder["out.png"], model);
        Assert.Equal((5, 64, 64, MotionMode.Relative), (summary.Frames, summary.Width, summary.Height, summary.Mode));
        Assert.StartsWith("CPU (1 thread", summary.DeviceName, StringComparison.Ordinal);
        byte[] expected = Ff.Decode(folder["out.png"], "rgb24");
        Assert.NotEqual(expected[..(expected.Length / 5)], expected[^(expected.Length / 5)..]);

        RgbImage source = RgbImage.Load(folder["source.png"]);
        RgbImage[] driving = [.. Ff.Decode(folder["driving.mp4"], "rgb24").Chunk(3 * 80 * 64).Select(pixels =>
            new RgbImage(80, 64, pixels))];
        Assert.Equal(expected, Native.Frames(source, driving, model).Pixels());

        List<RgbImage> frames = [];
        await foreach (RgbImage frame in Native.FramesAsync(folder["source.png"], folder["driving.mp4"], model)) frames.Add(frame);
        Assert.Equal(expected, frames.Pixels());
        frames.Clear();
        await foreach (RgbImage frame in Native.FramesAsync(source, driving, model)) frames.Add(frame);
        Assert.Equal(expected, frames.Pixels());
        await Native.AnimateAsync(folder["source.png"], folder["driving.mp4"], folder["async.png"], model);
        Assert.Equal(File.ReadAllBytes(folder["out.png"]), File.ReadAllBytes(folder["async.png"]));
    }

    [Fact]
    public async Task Cancelling_an_async_loop_ends_it()
    {
        using TempFolder folder = WithModel(out ModelOptions model);
        using CancellationTokenSource cancellation = new();
        int frames = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (RgbImage _ in Native.FramesAsync(folder["source.png"], folder["driving.mp4"], model)
                .WithCancellation(cancellation.Token))
                if (++frames == 2) await cancellation.CancelAsync();
        });
        Assert.Equal(2, frames);
    }

    [Fact]
    public void A_model_that_cannot_be_used_is_named()
    {
        using TempFolder folder = WithModel(out ModelOptions model);
        File.WriteAllText(folder["not.pt"], "no model");
        Assert.Contains("No model is named", Assert.Throws<ArgumentException>(() => new Animator(new ModelOptions())).Message);
        Assert.StartsWith(folder["none.pt"],
            Assert.Throws<WeightsException>(() => new Animator(model with { Model = folder["none.pt"] }))
                .Message, StringComparison.Ordinal);
        Assert.Contains("not.pt: neither",
            Assert.Throws<WeightsException>(() => new Animator(model with { Model = folder["not.pt"] })).Message, StringComparison.Ordinal);
    }

    /// <summary>The file is damaged, which a parser that knows nothing of the token would say.</summary>
    [Fact]
    public async Task Cancelling_stops_the_parsing_of_a_checkpoint()
    {
        using TempFolder folder = WithModel(out ModelOptions model);
        File.WriteAllBytes(folder["damaged.pt"], [0x80, 2, (byte)'}', (byte)'.']);
        ModelOptions damaged = model with { Model = folder["damaged.pt"] };
        CancellationToken cancelled = new(true);
        Assert.Throws<WeightsException>(() => new Animator(damaged));
        Assert.Throws<OperationCanceledException>(() => new Animator(damaged, null, cancelled));
        Assert.Throws<OperationCanceledException>(() => new Animator(model, null, cancelled));
        Assert.Throws<OperationCanceledException>(() =>
            Native.Animate("source.png", "driving.png", "out.png", damaged, null, null, cancelled));
        Assert.Throws<OperationCanceledException>(() => Native.Frames("source.png", "driving.png", damaged, null, null, cancelled).First());
        Assert.Throws<OperationCanceledException>(() =>
            Native.ManipulateFrames("source.png", [[]], damaged, null, null, cancelled).First());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (RgbImage _ in Native.FramesAsync("source.png", "driving.png", damaged, null, null, cancelled)) break;
        });
    }

    [Theory]
    [InlineData("vox", MotionMode.Relative)]
    [InlineData("ted", MotionMode.Absolute)]
    public void The_variant_sets_the_default_mode(string variant, MotionMode mode)
    {
        using Animator animator = new(
            new ModelOptions { Weights = new OfVariant(new SyntheticCheckpoint(ModelArchitecture.Official(256), 1), variant) });
        Assert.Equal((mode, 256), (animator.DefaultMode, animator.Size));
    }

    /// <summary>A checkpoint that says which variant it is.</summary>
    private sealed class OfVariant(ITensorSource weights, string variant) : ITensorSource
    {
        public string Name => weights.Name;

        public IReadOnlyDictionary<string, string> Metadata => new Dictionary<string, string> { ["variant"] = variant };

        public IReadOnlyDictionary<string, TensorInfo> Tensors => weights.Tensors;

        public void CopyTo(string name, Span<float> destination) => weights.CopyTo(name, destination);

        public void CopyBytesTo(string name, Span<byte> destination) => weights.CopyBytesTo(name, destination);

        public void Dispose() => weights.Dispose();
    }
}
