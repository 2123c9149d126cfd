using System.Globalization;
using Lia.Network.Cpu;
using Lia.Network.Verification;
using Lia.Weights;

namespace Lia.Network.Tests;

/// <summary>What the verification says of programs and files that are wrong.</summary>
public class GoldenVerificationTests
{
    [Theory]
    [InlineData("seed", "2", "wa")] // Other weights: everything is wrong.
    [InlineData("relative", "False", "frames")] // Absolute for relative: only what depends on the latent is wrong.
    [InlineData("manipulate.7.delta", "-1.5", "manipulate.7")]
    [InlineData("frames.f32err", "1e-9", "frames")] // A limit nothing can meet.
    public void A_wrong_result_is_outside_its_limit(string key, string value, string wrong)
    {
        using SafetensorsFile golden = Golden.Open("net64");
        VerificationReport report = GoldenVerification.Run(new OtherMetadata(golden, key, value),
            (weights, architecture) => new CpuExecutor(weights, architecture));
        Assert.False(report.IsWithin);
        Assert.False(report.Rows.Single(row => row.Name == wrong).IsWithin);
        if (key == "relative") Assert.True(report.Rows.Single(row => row.Name == "wa").IsWithin);
    }

    [Fact]
    public void A_NaN_is_not_within_any_limit()
    {
        Assert.False(new VerificationRow("frames", double.NaN, double.MaxValue).IsWithin);
        Assert.False(new VerificationRow("tap.enc.convs.0", double.NaN, null).IsWithin);
        Assert.False(new VerificationRow("tap.enc.convs.0", double.PositiveInfinity, null).IsWithin);
    }

    // At 64, the last level's: the largest error of all in autocast, twice the frames'.
    private const string Warped = "dec.to_flows.3.warped";

    /// <summary>
    /// The file's network in fp16, as far as its errors go; the file says that it is another's, which PyTorch's fp16 was not measured on.
    /// </summary>
    [Theory]
    [InlineData(0.5, 3, true)] // Three times the frames' limit in a layer says nothing.
    [InlineData(1.5, 0, false)]
    [InlineData(0.5, double.NaN, false)]
    public void Where_the_fp16_error_is_not_known_frames_are_judged_and_layers_only_shown(double frames, double warped, bool isWithin)
    {
        VerificationReport report = VerifyHalf("7", frames, warped);
        Assert.Equal(isWithin, report.IsWithin);
        Assert.Equal(frames <= 1, report.Frames.IsWithin);
        VerificationRow layer = report.Rows.Single(row => row.Name == $"tap.{Warped}");
        Assert.Null(layer.Limit);
        if (warped == 3) Assert.InRange(layer.Error / report.Frames.Limit!.Value, 2.9, 3.1);
        // What comes before the layers and the pictures after them keep their limit.
        foreach (string name in new[] { "Q", "wa", "alpha.drive", "feat.0", "manipulate.0" })
            Assert.NotNull(report.Rows.Single(row => row.Name == name).Limit);
        Assert.All(report.Rows.Where(row => row.Name.StartsWith("tap.", StringComparison.Ordinal)), row => Assert.Null(row.Limit));
    }

    [Fact]
    public void Where_the_fp16_error_is_known_every_layer_has_its_limit()
    {
        VerificationReport report = VerifyHalf("1", 0.5, 6);
        Assert.All(report.Rows, row => Assert.NotNull(row.Limit));
        Assert.Equal([$"tap.{Warped}"], report.Rows.Where(row => !row.IsWithin && !row.Name.EndsWith(".meanstd", StringComparison.Ordinal))
            .Select(row => row.Name));
    }

    /// <summary>Errors are in multiples of the frames' limit.</summary>
    private static VerificationReport VerifyHalf(string seed, double frames, double warped)
    {
        using SafetensorsFile golden = Golden.Open("net64");
        double limit = GoldenVerification.FastTolerance * double.Parse(golden.Metadata["frames.f32err"], CultureInfo.InvariantCulture);
        return GoldenVerification.Run(new OtherMetadata(golden, "seed", seed), (_, architecture) =>
        {
            using SyntheticCheckpoint weights = new(architecture, 1); // whatever the file says
            return new Inexact(new CpuExecutor(weights, architecture), (float)(frames * limit), (float)(warped * limit));
        });
    }

    /// <summary>An executor whose frames and last warped map are too large by a part of them, as one in half precision may be.</summary>
    private sealed class Inexact(IExecutor exact, float frameError, float layerError) : IExecutor
    {
        public ModelArchitecture Architecture => exact.Architecture;

        public string DeviceName => exact.DeviceName;

        public bool IsExact => false;

        public MotionBasis Basis => exact.Basis;

        public TapHandler? Tap
        {
            get => exact.Tap;
            set => exact.Tap = value is null ? null : (layer, shape, values) =>
            {
                float[] changed = values.ToArray();
                if (layer == Warped) Scale(changed, layerError);
                value(layer, shape, changed);
            };
        }

        public EncodedSource EncodeSource(ReadOnlySpan<float> image) => exact.EncodeSource(image);

        public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes) => exact.EncodeMotion(images, count, codes);

        public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames)
        {
            exact.Synthesize(source, latents, count, frames);
            if (count > 1) Scale(frames, frameError);
        }

        public void Dispose() => exact.Dispose();

        private static void Scale(Span<float> values, float error)
        {
            foreach (ref float value in values) value *= 1 + error;
        }
    }

    [Theory]
    [InlineData("size", "100", "power of two")]
    [InlineData("size", "128", "source.u8")] // Not the size of the pictures in the file.
    [InlineData("seed", "one", "seed")]
    [InlineData("frames.f32err", "", "frames.f32err")]
    public void A_file_that_is_no_reference_is_refused_by_name(string key, string value, string named)
    {
        using SafetensorsFile golden = Golden.Open("net64");
        WeightsException error = Assert.Throws<WeightsException>(() =>
            GoldenVerification.Run(new OtherMetadata(golden, key, value),
                (weights, architecture) => new CpuExecutor(weights, architecture)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_ordinary_checkpoint_is_refused()
    {
        using SafetensorsFile ops = Golden.Open("ops");
        Assert.Throws<WeightsException>(
            () => GoldenVerification.Run(ops, (weights, architecture) => new CpuExecutor(weights, architecture)));
    }

    private sealed class OtherMetadata(ITensorSource original, string key, string value) : ITensorSource
    {
        public string Name => original.Name;

        public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(original.Metadata) { [key] = value };

        public IReadOnlyDictionary<string, TensorInfo> Tensors => original.Tensors;

        public void CopyTo(string name, Span<float> destination) => original.CopyTo(name, destination);

        public void CopyBytesTo(string name, Span<byte> destination) => original.CopyBytesTo(name, destination);

        public void Dispose() { }
    }
}
