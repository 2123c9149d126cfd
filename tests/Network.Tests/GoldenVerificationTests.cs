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
        VerificationReport report = GoldenVerification.Run(new OtherMetadata(golden, key, value), (weights, architecture) => new CpuExecutor(weights, architecture));
        Assert.False(report.IsWithin);
        Assert.False(report.Rows.Single(row => row.Name == wrong).IsWithin);
        if (key == "relative") Assert.True(report.Rows.Single(row => row.Name == "wa").IsWithin);
    }

    [Fact]
    public void A_NaN_is_not_within_any_limit() => Assert.False(new VerificationRow("frames", double.NaN, double.MaxValue).IsWithin);

    [Theory]
    [InlineData("size", "100", "power of two")]
    [InlineData("size", "128", "source.u8")] // Not the size of the pictures in the file.
    [InlineData("seed", "one", "seed")]
    [InlineData("frames.f32err", "", "frames.f32err")]
    public void A_file_that_is_no_reference_is_refused_by_name(string key, string value, string named)
    {
        using SafetensorsFile golden = Golden.Open("net64");
        WeightsException error = Assert.Throws<WeightsException>(() =>
            GoldenVerification.Run(new OtherMetadata(golden, key, value), (weights, architecture) => new CpuExecutor(weights, architecture)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_ordinary_checkpoint_is_refused()
    {
        using SafetensorsFile ops = Golden.Open("ops");
        Assert.Throws<WeightsException>(() => GoldenVerification.Run(ops, (weights, architecture) => new CpuExecutor(weights, architecture)));
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
