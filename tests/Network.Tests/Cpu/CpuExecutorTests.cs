using System.Collections.Immutable;
using Lia.Network.Cpu;
using Lia.Network.Tests.Reference;
using Lia.Network.Verification;
using Lia.Weights;

namespace Lia.Network.Tests.Cpu;

public class CpuExecutorTests
{
    /// <summary>No width is a multiple of a vector, and some span one cache line, some several.</summary>
    private static readonly ModelArchitecture Odd = new(64, 24, 5, [84, 37, 20, 9, 5]);

    private static readonly ModelArchitecture Narrow = new(64, 16, 3, [16, 16, 8, 8, 8]);

    [Theory]
    [InlineData(SimdLevel.Vector128)]
    [InlineData(SimdLevel.Vector256)]
    [InlineData(SimdLevel.Vector512)]
    public void Any_width_of_channels_gives_what_the_definition_gives(SimdLevel level)
    {
        using SyntheticCheckpoint weights = new(Odd, 7);
        using CpuExecutor executor = new(weights, Odd, new() { Simd = level, Threads = 2 });
        float[] picture = Picture(Odd, 1), latent = Noise(Odd.Style, 2), frame = new float[picture.Length];
        using EncodedSource source = executor.EncodeSource(picture);
        executor.Synthesize(source, latent, 1, frame);

        (double[] appearance, double[] motion, float[] expected) = OddReference.Value;
        AssertClose(appearance, source.Appearance, 1e-5);
        AssertClose(motion, source.Motion, 1e-5);
        Assert.True(GoldenVerification.RelativeError(frame, expected) < 1e-4);
    }

    [Theory]
    [InlineData(SimdLevel.Vector128)]
    [InlineData(SimdLevel.Vector256)]
    [InlineData(SimdLevel.Vector512)]
    public void Every_vector_width_reproduces_the_reference_file(SimdLevel level)
    {
        using SafetensorsFile golden = Golden.Open("net64");
        VerificationReport report =
            GoldenVerification.Run(golden, (weights, architecture) => new CpuExecutor(weights, architecture, new() { Simd = level }));
        Assert.All(report.Rows, row => Assert.True(row.IsWithin, $"{row.Name}: {row.Error:E2}, limit {row.Limit:E2}"));
    }

    [Fact]
    public void A_frame_is_the_same_bits_for_any_number_of_threads()
    {
        using SyntheticCheckpoint weights = new(Odd, 7);
        float[][] frames = [.. new[] { 1, 2, 3, 8 }.Select(threads => Run(weights, Odd, threads))];
        Assert.All(frames, frame => Assert.Equal(frames[0], frame));
    }

    [Fact]
    public void A_frame_is_the_same_bits_alone_in_a_batch_and_watched()
    {
        using SyntheticCheckpoint weights = new(Narrow, 7);
        using CpuExecutor executor = new(weights, Narrow, new() { Threads = 2 });
        const int Count = 3;
        float[] pictures = [.. Enumerable.Range(0, Count).SelectMany(i => Picture(Narrow, i))];
        int length = pictures.Length / Count, style = Narrow.Style, motion = Narrow.Motion;
        float[] codes = new float[Count * motion], latents = Noise(Count * style, 5), frames = new float[pictures.Length];
        using EncodedSource source = executor.EncodeSource(pictures.AsSpan(0, length));
        executor.EncodeMotion(pictures, Count, codes);
        executor.Synthesize(source, latents, Count, frames);
        foreach (bool isWatched in new[] { false, true })
        {
            int taps = 0;
            executor.Tap = isWatched ? (_, _, _) => taps++ : null;
            for (int i = Count - 1; i >= 0; i--)
            {
                float[] code = new float[motion], frame = new float[length];
                executor.EncodeMotion(pictures.AsSpan(i * length, length), 1, code);
                executor.Synthesize(source, latents.AsSpan(i * style, style), 1, frame);
                Assert.Equal(codes[(i * motion)..((i + 1) * motion)], code);
                Assert.Equal(frames[(i * length)..((i + 1) * length)], frame);
            }
            Assert.Equal(isWatched, taps > 0);
        }
    }

    [Fact]
    public void Two_sources_can_be_animated_in_turn()
    {
        using SyntheticCheckpoint weights = new(Narrow, 7);
        using CpuExecutor executor = new(weights, Narrow);
        float[] latent = Noise(Narrow.Style, 5), first = new float[3 * 64 * 64], second = new float[first.Length],
            again = new float[first.Length];
        using EncodedSource a = executor.EncodeSource(Picture(Narrow, 1)), b = executor.EncodeSource(Picture(Narrow, 2));
        executor.Synthesize(a, latent, 1, first);
        executor.Synthesize(b, latent, 1, second);
        executor.Synthesize(a, latent, 1, again);
        Assert.NotEqual(first, second);
        Assert.Equal(first, again);
    }

    [Fact]
    public void Frames_of_different_sources_together_are_those_of_each_source_bit_for_bit()
    {
        using SyntheticCheckpoint weights = new(Narrow, 7);
        using CpuExecutor cpu = new(weights, Narrow, new() { Threads = 2 });
        IExecutor executor = cpu;
        int length = Picture(Narrow, 1).Length, style = Narrow.Style;
        using EncodedSource first = cpu.EncodeSource(Picture(Narrow, 1)), second = cpu.EncodeSource(Picture(Narrow, 2));
        EncodedSource[] sources = [first, second, first];
        float[] latents = Noise(3 * style, 5), together = new float[3 * length], alone = new float[length];
        executor.Synthesize(sources, latents, together);
        for (int i = 0; i < sources.Length; i++)
        {
            cpu.Synthesize(sources[i], latents.AsSpan(i * style, style), 1, alone);
            Assert.Equal(alone, together.AsSpan(i * length, length).ToArray());
        }
        Assert.Throws<ArgumentException>(() => executor.Synthesize(sources, latents.AsSpan(0, style), together));
        Assert.Throws<ArgumentException>(() => executor.Synthesize(sources, latents, together.AsSpan(0, length)));
    }

    [Fact]
    public void Wrong_lengths_foreign_and_disposed_sources_are_refused()
    {
        using SyntheticCheckpoint weights = new(Narrow, 7);
        using CpuExecutor executor = new(weights, Narrow), other = new(weights, Narrow);
        float[] picture = Picture(Narrow, 1), latent = new float[Narrow.Style], frame = new float[picture.Length];
        Assert.Throws<ArgumentException>(() => executor.EncodeSource(picture.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => executor.EncodeMotion(picture, 2, new float[2 * Narrow.Motion]));
        Assert.Throws<ArgumentException>(() => executor.EncodeMotion(picture, 1, new float[Narrow.Motion + 1]));
        EncodedSource source = executor.EncodeSource(picture);
        Assert.Throws<ArgumentException>(() => executor.Synthesize(source, latent.AsSpan(1), 1, frame));
        Assert.Throws<ArgumentException>(() => executor.Synthesize(source, latent, 1, frame.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => other.Synthesize(source, latent, 1, frame));
        source.Dispose();
        Assert.Throws<ObjectDisposedException>(() => executor.Synthesize(source, latent, 1, frame));
        executor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => executor.EncodeSource(picture));
    }

    [Fact]
    public void A_missing_or_misshapen_tensor_is_named()
    {
        using SyntheticCheckpoint weights = new(Narrow, 7);
        const string Name = "dec.convs.3.conv.weight";
        WeightsException missing = Assert.Throws<WeightsException>(() => new CpuExecutor(new AlteredWeights(weights, Name, null), Narrow));
        Assert.Contains(Name, missing.Message, StringComparison.Ordinal);
        WeightsException misshapen =
            Assert.Throws<WeightsException>(() => new CpuExecutor(new AlteredWeights(weights, Name, [1, 16, 8, 3, 3]), Narrow));
        Assert.Contains(Name, misshapen.Message, StringComparison.Ordinal);
        Assert.Contains("[1, 16, 8, 3, 3]", misshapen.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_with_another_FIR_kernel_is_refused()
    {
        using SyntheticCheckpoint weights = new(Narrow, 7);
        const string Name = "dec.convs.2.conv.blur.kernel";
        WeightsException error = Assert.Throws<WeightsException>(() => new CpuExecutor(new AlteredWeights(weights, Name, [4, 4]), Narrow));
        Assert.Contains(Name, error.Message, StringComparison.Ordinal);
    }

    private static readonly Lazy<(double[] Appearance, double[] Motion, float[] Frame)> OddReference = new(() =>
    {
        using SyntheticCheckpoint weights = new(Odd, 7);
        ReferenceNetwork network = new(weights, Odd);
        float[] picture = Picture(Odd, 1);
        (double[] appearance, Tensor[] features) = network.Encode(Tensor.From(3, 64, 64, (c, y, x) => picture[(c * 64 + y) * 64 + x]));
        return (appearance, network.Motion(appearance), network.Decode([.. Noise(Odd.Style, 2).Select(value => (double)value)], features)
            .ToFloats());
    });

    private static float[] Run(SyntheticCheckpoint weights, ModelArchitecture architecture, int threads)
    {
        using CpuExecutor executor = new(weights, architecture, new() { Threads = threads });
        float[] picture = Picture(architecture, 1), frame = new float[picture.Length];
        using EncodedSource source = executor.EncodeSource(picture);
        executor.Synthesize(source, source.Appearance, 1, frame);
        return frame;
    }

    private static float[] Picture(ModelArchitecture architecture, int seed) => Noise(3 * architecture.Size * architecture.Size, seed);

    private static float[] Noise(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }

    private static void AssertClose(double[] expected, ReadOnlySpan<float> actual, double tolerance) =>
        Assert.True(GoldenVerification.RelativeError(actual, [.. expected.Select(value => (float)value)]) < tolerance);

    /// <summary>Weights of which one tensor is gone (null) or zeros of another shape.</summary>
    private sealed class AlteredWeights(ITensorSource original, string name, int[]? shape) : ITensorSource
    {
        public string Name => "altered";

        public IReadOnlyDictionary<string, string> Metadata => original.Metadata;

        public IReadOnlyDictionary<string, TensorInfo> Tensors { get; } = Alter(original.Tensors, name, shape);

        public void CopyTo(string tensor, Span<float> destination)
        {
            if (tensor == name) destination.Clear();
            else original.CopyTo(tensor, destination);
        }

        public void CopyBytesTo(string tensor, Span<byte> destination) => original.CopyBytesTo(tensor, destination);

        public void Dispose() { }

        private static ImmutableDictionary<string, TensorInfo> Alter(
            IReadOnlyDictionary<string, TensorInfo> tensors, string name, int[]? shape)
        {
            ImmutableDictionary<string, TensorInfo> others = tensors.ToImmutableDictionary().Remove(name);
            return shape == null ? others : others.Add(name, new(name, DType.Float32, shape));
        }
    }
}
