using Lia.Animation.Motion;
using Lia.Animation.Pipeline;
using Lia.Network;
using Lia.Network.Verification;
using Lia.Loading;
using Lia.Testing;
using Lia.Weights;

namespace Lia.Tests;

/// <summary>Pictures moved along motion directions. The fake network's directions are the colours: a frame is half the source plus the
/// latent.</summary>
public class ManipulationTests
{
    private static readonly RgbImage Source = Pictures.Noise(64, 64, 4);
    private static readonly MotionEdit[][] Four = [[new(0, 0.1f)], [], [new(1, -0.2f), new(2, 0.3f)], [new(0, 0.1f), new(0, 0.1f)]];

    [Fact]
    public void An_edit_moves_along_its_direction_alone()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        byte[] still = animator.Manipulate(Source, []).Pixels, moved = animator.Manipulate(Source, [new(1, 0.2f)]).Pixels;
        for (int i = 0; i < still.Length; i++) Assert.InRange(moved[i] - Math.Min(255, still[i] + (i % 3 == 1 ? 0.2 * 127.5 : 0)), -1, 1);
    }

    [Fact]
    public void Edits_of_one_picture_add_up()
    {
        using Animator animator = new FakeExecutor(64).Animator();
        byte[] both = animator.Manipulate(Source, [new(0, 0.25f), new(2, -0.5f), new(0, 0.25f)]).Pixels;
        Assert.Equal(animator.Manipulate(Source, [new(2, -0.5f), new(0, 0.5f)]).Pixels, both);
        Assert.NotEqual(animator.Manipulate(Source, [new(0, 0.5f)]).Pixels, both);
    }

    [Fact]
    public void No_edit_and_a_delta_of_zero_reconstruct_the_source_as_an_animation_by_itself_does()
    {
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 24, 5, [12, 10, 8, 6, 4]), 3);
        using Animator animator = new(new ModelOptions { Weights = weights, Device = Device.Cpu });
        byte[] reconstruction = animator.All(Source, [Source], new() { Mode = MotionMode.Relative })[0].Pixels;
        Assert.Equal(5, animator.Directions);
        Assert.Equal(reconstruction, animator.Manipulate(Source, []).Pixels);
        Assert.Equal(reconstruction, animator.Manipulate(Source, [new(4, 0)]).Pixels);
        Assert.NotEqual(reconstruction, animator.Manipulate(Source, [new(4, 1)]).Pixels);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    public void The_batch_does_not_change_the_frames(int batch)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        using Animator batched = new FakeExecutor(64).Animator(batch: batch);
        byte[] expected = Four.Select(edits => animator.Manipulate(Source, edits)).Pixels();
        Assert.Equal(expected, batched.ManipulateFrames(Source, Four).Pixels());
    }

    [Fact]
    public void A_sweep_is_that_of_the_official_program_unless_told_otherwise()
    {
        Assert.Equal(Enumerable.Range(0, 16).Select(k => new MotionEdit(7, -3 + 0.375f * k)), MotionEdit.Sweep(7).Select(Assert.Single));
        Assert.Equal([new(2, 1), new(2, 0.5f), new(2, 0)], MotionEdit.Sweep(2, 1, 0, 3).Select(Assert.Single));
        Assert.Throws<ArgumentOutOfRangeException>(() => MotionEdit.Sweep(2, 1, 0, 1));
    }

    /// <summary>Float64 results of the official program: delta along a direction of a still picture; the limit is five times PyTorch's own
    /// float32 error.</summary>
    [Fact]
    public void Frames_are_those_of_the_official_program()
    {
        using SafetensorsFile golden = new(TestData.Unpack("net64.safetensors"));
        using SyntheticCheckpoint weights = new(ModelArchitecture.Official(64), ulong.Parse(golden.Metadata["seed"]));
        using IExecutor executor = ModelLoader.Open(new ModelOptions { Weights = weights, Device = Device.Cpu }, 1, _ => { }, default)[0]
            .Executor;
        RgbImage source = new(64, 64, [.. golden.Read("source.u8").Select(value => (byte)value)]);
        string[] names = [.. golden.Tensors.Keys.Where(name => name.StartsWith("manipulate.", StringComparison.Ordinal))];
        Assert.NotEmpty(names);
        MotionEdit[][] edits = [.. names.Select(name =>
            (MotionEdit[])[new(int.Parse(name["manipulate.".Length..]), float.Parse(golden.Metadata[$"{name}.delta"]))])];
        double limit = 5 * double.Parse(golden.Metadata["frames.f32err"]);

        int frame = 0;
        ClipSettings settings = new AnimationOptions().Settings(MotionMode.Relative, batch: 0);
        using ClipPipeline pipeline = new(
            executor, "the model", SourceFrames.Still("the source", source, 64, settings.Framing), _ =>
                new EditedMotion(edits, executor.Architecture.Motion),
            settings with { Composition = new(Normalization: Normalization.MinMax) }, null, new(), null, default);
        foreach (NetworkFrame actual in pipeline.NetworkFrames())
        {
            double error = GoldenVerification.RelativeError(actual.Values.Span, golden.Read(names[frame]));
            Assert.True(error <= limit, $"{names[frame]}: relative error {error:E2}, limit {limit:E2}");
            frame++;
        }
        Assert.Equal(names.Length, frame);
    }

    [Fact]
    public void Pictures_are_what_the_executor_makes_of_the_moved_latent()
    {
        using SyntheticCheckpoint weights = new(new ModelArchitecture(64, 24, 5, [12, 10, 8, 6, 4]), 3);
        using Animator animator = new(new ModelOptions { Weights = weights, Device = Device.Cpu });
        using IExecutor executor = ModelLoader.Open(new ModelOptions { Weights = weights, Device = Device.Cpu }, 1, _ => { }, default)[0]
            .Executor;
        float[] image = new float[3 * 64 * 64], latent = new float[24];
        Planes.FromPixels(Source.Pixels, image);
        using EncodedSource encoded = executor.EncodeSource(image);
        Latents.Manipulate(executor.Basis, encoded.Appearance, encoded.Motion, [0, 2, 0, -1.5f, 0], latent);
        executor.Synthesize(encoded, latent, 1, image);
        byte[] expected = new byte[image.Length];
        for (int i = 0; i < image.Length; i++)
            expected[i % 4096 * 3 + i / 4096] = (byte)Math.Clamp(MathF.Round((image[i] + 1) / 2 * 255), 0, 255);
        Assert.Equal(expected, animator.Manipulate(Source, [new(3, -1.5f), new(1, 2)]).Pixels);
    }

    [Theory]
    [InlineData(3, 1f, "There is no motion direction 3: this model's are 0 to 2.")]
    [InlineData(-1, 1f, "There is no motion direction -1: this model's are 0 to 2.")]
    [InlineData(0, float.NaN, "The delta of motion direction 0 is NaN; it must be a finite number.")]
    [InlineData(0, float.PositiveInfinity, "must be a finite number")]
    public void Edits_that_make_no_sense_are_refused_and_the_animator_goes_on(int direction, float delta, string message)
    {
        using Animator animator = new FakeExecutor(64).Animator();
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => animator.Manipulate(Source, [new(direction, delta)])).Message);
        Assert.Equal(4, animator.ManipulateFrames(Source, Four).Count());
    }

    [Fact]
    public void Damaged_weights_are_named()
    {
        using Animator animator = new FakeExecutor(64) { Poison = 2 }.Animator();
        Assert.StartsWith("fake model: frame 2 ",
            Assert.Throws<WeightsException>(() => animator.ManipulateFrames(Source, Four).ToList()).Message);
    }

    [Fact]
    public void Frames_come_as_they_are_asked_for_and_the_animator_is_occupied_until_the_loop_is_left()
    {
        int batches = 0;
        using Animator animator = new FakeExecutor(64) { BeforeSynthesis = _ => batches++ }.Animator();
        using (IEnumerator<RgbImage> frames = animator.ManipulateFrames(Source, Four).GetEnumerator())
        {
            Assert.Equal(0, batches);
            Assert.True(frames.MoveNext());
            Assert.Equal(1, batches);
            Assert.Throws<InvalidOperationException>(() => animator.Manipulate(Source, []));
        }
        animator.Manipulate(Source, []);
    }

    [Fact]
    public void Cancelling_and_disposing_end_the_work()
    {
        using CancellationTokenSource cancellation = new();
        FakeExecutor executor = new(64) { BeforeSynthesis = _ => cancellation.Cancel() };
        Animator animator = executor.Animator();
        Assert.Equal(cancellation.Token,
            Assert.Throws<OperationCanceledException>(() =>
                animator.ManipulateFrames(Source, Four, null, null, cancellation.Token).ToList()).CancellationToken);
        using (IEnumerator<RgbImage> frames = animator.ManipulateFrames(Source, Four).GetEnumerator())
        {
            frames.MoveNext();
            animator.Dispose();
            Assert.Throws<ObjectDisposedException>(() => frames.MoveNext());
        }
        Assert.True(executor.IsDisposed);
    }

    [Fact]
    public void Progress_counts_the_frames()
    {
        List<AnimationProgress> told = [];
        using Animator animator = new FakeExecutor(64).Animator(batch: 3);
        _ = animator.ManipulateFrames(Source, Four, null, new Synchronous(told.Add)).ToList();
        Assert.Equal([(3, 4), (4, 4)], told.Select(progress => (progress.Frames, progress.Total)));
    }
}
