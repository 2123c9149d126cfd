using Lia.Gpu.Runtime;
using System.IO.Pipes;
using Lia.Media.IO;
using Lia.Network.Cuda;
using Lia.Loading;
using Lia.PtxEmulator;
using Lia.Weights;

namespace Lia.Tests;

using static Examples;

/// <summary>Where the device converts pictures itself, clips go through its pipes: the same frames, with batches under way beside each
/// other.</summary>
public class PixelPipeTests
{
    public static MatrixTheoryData<string, int> OutputsAndBatches => new([.. Outputs.Keys], [1, 3, 4, 16]);

    [Theory, MemberData(nameof(OutputsAndBatches))]
    public void A_clip_is_bit_for_bit_what_it_is_on_the_callers_thread(string output, int batch)
    {
        FakePixelExecutor executor = new(64);
        using Animator piped = executor.Animator(batch: batch), direct = new FakeExecutor(64).Animator(batch: batch);
        Assert.Equal(direct.All(Face, Driving(11), Outputs[output]).Pixels(), piped.All(Face, Driving(11), Outputs[output]).Pixels());
        Assert.Equal(0, executor.PlaneCalls);
        Assert.Equal(0, executor.OpenPipes);
    }

    [Fact]
    public void Two_batches_are_under_way_and_no_more()
    {
        FakePixelExecutor executor = new(64);
        using Animator animator = executor.Animator(batch: 2);
        animator.All(Face, Driving(12));
        Assert.Equal((12, 2), (executor.PipedFrames, executor.MostUnderWay));
    }

    [Theory]
    [InlineData(Normalization.MinMax, null)]
    [InlineData(Normalization.Fixed, "dump.safetensors")]
    public void What_needs_planes_has_them(Normalization normalization, string? dump)
    {
        using TempFolder folder = new();
        FakePixelExecutor executor = new(64);
        using Animator piped = executor.Animator(batch: 2), planes = new FakeExecutor(64).Animator(batch: 2);
        AnimationOptions options = new() { Normalization = normalization, Dump = dump is null ? null : folder[dump] };
        Assert.Equal(planes.All(Face, Driving(5), options).Pixels(), piped.All(Face, Driving(5), options).Pixels());
        Assert.Equal(0, executor.PipedFrames);
        Assert.Equal(3, executor.PlaneCalls); // a batch of frames each; motion is taken through its pipe
    }

    [Fact]
    public void A_frame_that_is_not_finite_is_an_error_that_names_it_after_the_frames_before_it()
    {
        FakePixelExecutor executor = new(64) { Poison = 5 };
        using Animator animator = executor.Animator(batch: 2);
        List<int> told = [];
        string message = Assert.Throws<WeightsException>(() =>
            animator.All(Face, Driving(9), new() { Frames = 1.. }, new Synchronous(progress => told.Add(progress.Frames)))).Message;
        Assert.Contains("fake model: frame 6 came out", message);
        Assert.Equal([2, 4], told);
        Assert.Equal(0, executor.OpenPipes);
    }

    [Fact]
    public async Task Leaving_early_closes_the_pipes()
    {
        FakePixelExecutor executor = new(64);
        using Animator animator = executor.Animator(batch: 2);
        await foreach (RgbImage _ in animator.FramesAsync(Face, Driving(40))) break;
        Assert.Equal(0, executor.OpenPipes);
        Assert.Equal(3, animator.All(Face, Driving(3)).Count);
    }

    [Fact]
    public void A_clip_whose_source_changes_holds_no_frame_back()
    {
        FakePixelExecutor executor = new(64);
        using Animator piped = executor.Animator(), planes = new FakeExecutor(64).Animator();
        RgbImage[] sources = Driving(6);
        Assert.Equal(planes.All(sources, Driving(6)).Pixels(), piped.All(sources, Driving(6)).Pixels());
        Assert.Equal(6, executor.PipedFrames);
    }

    /// <summary>A stream's next frame comes when the result of the one before has left.</summary>
    [Fact]
    public async Task A_stream_is_answered_frame_by_frame()
    {
        using TempFolder folder = new();
        Face.Save(folder["source.png"]);
        RgbImage[] driving = [.. Enumerable.Range(0, 5).Select(i => Pictures.Noise(64, 64, i))];
        using AnonymousPipeServerStream ourInput = new(PipeDirection.Out), ourOutput = new(PipeDirection.In);
        using AnonymousPipeClientStream input = new(PipeDirection.In, ourInput.ClientSafePipeHandle), output = new(PipeDirection.Out,
            ourOutput.ClientSafePipeHandle);
        FakePixelExecutor executor = new(64);
        using Animator animator = executor.Animator();
        Task<AnimationSummary> work = Task.Run(() => animator.Animate(folder["source.png"],
            Lia.Driving.Raw(input, RawInput.Rgb24, new(64, 64)), Output.Raw(output, RawOutput.Rgb24),
            new() { FrameRate = new FrameRate(25) }));
        byte[] frame = new byte[3 * 64 * 64];
        List<byte> results = [];
        foreach (RgbImage picture in driving)
        {
            await ourInput.WriteAsync(picture.Pixels);
            await ourOutput.ReadExactlyAsync(frame).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
            results.AddRange(frame);
        }
        ourInput.Dispose();
        Assert.Equal(5, (await work.WaitAsync(TimeSpan.FromSeconds(30))).Frames);
        Assert.Equal(animator.All(RgbImage.Load(folder["source.png"]), driving).Pixels(), results);
    }

    /// <summary>The real thing at its smallest: with a dump the frames are planes on the way, without it the device makes them
    /// pictures.</summary>
    [Theory]
    [InlineData(CudaPrecision.Exact)]
    [InlineData(CudaPrecision.Fast)]
    public void On_a_device_pictures_are_those_made_of_the_planes(CudaPrecision precision)
    {
        using TempFolder folder = new();
        ModelArchitecture architecture = new(16, 24, 5, [12, 8, 8]);
        using SyntheticCheckpoint weights = new(architecture, 1);
        using KernelLoader accelerator = EmulatorAccelerator.CreateLoader();
        using Animator animator = new CudaExecutor(accelerator, weights, architecture, precision).Animator(batch: 2);
        AnimationOptions options = new() { MotionStrength = 1.5f };
        byte[] pictures = animator.All(Face, Driving(5), options).Pixels();
        Assert.Equal(animator.All(Face, Driving(5), options with { Dump = folder["dump.safetensors"] }).Pixels(), pictures);
        Assert.True(pictures.Distinct().Count() > 20);
    }
}
