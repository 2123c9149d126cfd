using Lia.Testing;
using Lia.Weights;

namespace Lia.Network.Tests;

public sealed class MotionFingerprintTests : IDisposable
{
    private static readonly ModelArchitecture Architecture = new(64, 24, 5, [12, 10, 8, 6, 4]);

    private readonly SyntheticCheckpoint _weights = new(Architecture, 3);
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"lia-test-{Guid.NewGuid():N}.safetensors");

    public void Dispose()
    {
        _weights.Dispose();
        File.Delete(_file);
    }

    /// <summary>
    /// Computed apart from this library: Python's hashlib over the file's tensors, enc.net_app.convs, enc.fc and dec.direction in the
    /// network's order.
    /// </summary>
    [Fact]
    public void Of_the_demonstration_model_it_is_what_python_computes()
    {
        using ITensorSource model = Checkpoint.Open(TestData.Model("demo.safetensors"));
        Assert.Equal("82ac1b2c9dba5c0ddc985f1aab3a5089c5254e73c9fde417cee4a5ae6aaf6740",
            MotionFingerprint.Compute(model, ModelManifest.Identify(model).Architecture));
    }

    [Fact]
    public void It_is_of_the_values_and_not_of_the_file()
    {
        SafetensorsWriter.Write(_file, _weights, new Dictionary<string, string> { ["note"] = "the same values" });
        using SafetensorsFile file = new(_file);
        Assert.Equal(MotionFingerprint.Compute(_weights, Architecture), MotionFingerprint.Compute(file, Architecture));
    }

    [Fact]
    public void Rounded_weights_give_other_codes_and_so_another_fingerprint()
    {
        SafetensorsWriter.Write(_file, _weights, new Dictionary<string, string>(), DType.Float16);
        using SafetensorsFile file = new(_file);
        Assert.NotEqual(MotionFingerprint.Compute(_weights, Architecture), MotionFingerprint.Compute(file, Architecture));
    }

    [Theory]
    [InlineData("enc.net_app.convs.0.0.weight", true)]
    [InlineData("enc.net_app.convs.0.1.bias", true)]
    [InlineData("enc.net_app.convs.2.conv1.1.bias", true)]
    [InlineData("enc.net_app.convs.2.conv2.1.weight", true)]
    [InlineData("enc.net_app.convs.4.skip.1.weight", true)]
    [InlineData("enc.net_app.convs.5.weight", true)]
    [InlineData("enc.fc.0.weight", true)]
    [InlineData("enc.fc.4.bias", true)]
    [InlineData("dec.direction.weight", true)]
    [InlineData("dec.input.input", false)]
    [InlineData("dec.conv1.conv.weight", false)]
    [InlineData("dec.to_flows.0.conv.weight", false)]
    public void One_changed_value_tells_if_codes_depend_on_it(string tensor, bool tells)
    {
        string expected = MotionFingerprint.Compute(_weights, Architecture),
            actual = MotionFingerprint.Compute(new Changed(_weights, tensor), Architecture);
        Assert.Equal(tells, expected != actual);
        Assert.Equal(MotionFingerprint.Length, actual.Length);
    }

    /// <summary>A checkpoint whose one tensor ends in another value.</summary>
    private sealed class Changed : ITensorSource
    {
        private readonly ITensorSource _weights;
        private readonly string _tensor;

        public Changed(ITensorSource weights, string tensor)
        {
            Assert.Contains(tensor, weights.Tensors.Keys);
            (_weights, _tensor) = (weights, tensor);
        }

        public string Name => _weights.Name;

        public IReadOnlyDictionary<string, string> Metadata => _weights.Metadata;

        public IReadOnlyDictionary<string, TensorInfo> Tensors => _weights.Tensors;

        public void CopyTo(string name, Span<float> destination)
        {
            _weights.CopyTo(name, destination);
            if (name == _tensor) destination[^1] = MathF.BitIncrement(destination[^1]);
        }

        public void CopyBytesTo(string name, Span<byte> destination) => throw new NotSupportedException();

        public void Dispose() { }
    }
}
