using System.Runtime.InteropServices;
using Lia.Evaluation;
using Lia.Testing;
using Lia.Weights;

namespace Lia.Tests.Evaluation;

/// <summary>LPIPS on narrow random networks against PyTorch's float64 and against its definition written out plainly in float64.</summary>
public sealed class LpipsTests : IDisposable
{
    private static readonly int[] Widths = [5, 7, 6, 9, 4], Indices = [0, 3, 6, 8, 10];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(64, 64)]
    [InlineData(31, 31)]
    [InlineData(77, 50)]
    public void The_distance_is_its_definition(int width, int height)
    {
        Dictionary<string, (int[] Shape, float[] Values)> weights = Weights(1);
        Lpips lpips = Lpips.Load(Write("all", weights));
        RgbImage a = Pictures.Noise(width, height, 1), b = Pictures.Noise(width, height, 2);
        double expected = PlainLpips.Distance(weights, a, b);
        Assert.InRange(expected, 0.01, 100);
        Assert.Equal(expected, lpips.Distance(a, b), 1e-5 * expected);
        Assert.Equal(lpips.Distance(a, b), lpips.Distance(b, a), 1e-9 * expected);
        Assert.Equal(0, lpips.Distance(a, a));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Distance_and_each_layers_share_are_PyTorchs(int pair)
    {
        using SafetensorsFile golden = new(TestData.Unpack("lpips.golden.safetensors"));
        Dictionary<string, (int[] Shape, float[] Values)> weights = golden.Tensors.Values.Where(tensor => tensor.DType == DType.Float32)
            .ToDictionary(tensor => tensor.Name, tensor => (tensor.Shape.ToArray(), golden.Read(tensor.Name)));
        RgbImage a = Picture("a"), b = Picture("b");
        double distance = MemoryMarshal.Cast<byte, double>(golden.Bytes("distances"))[pair];
        double[] layers = MemoryMarshal.Cast<byte, double>(golden.Bytes("layers")).Slice(5 * pair, 5).ToArray();

        Assert.Equal(distance, PlainLpips.Distance(weights, a, b), 1e-12 * distance);
        Assert.Equal(distance, Lpips.From(golden).Distance(a, b), 1e-5 * distance);
        for (int layer = 0; layer < layers.Length; layer++)
        {
            // A layer's share is the distance when the other layers' linear weights are zero.
            var alone = weights.ToDictionary(tensor => tensor.Key, tensor =>
                tensor.Key.StartsWith("lin", StringComparison.Ordinal) && !tensor.Key.StartsWith($"lin{layer}.", StringComparison.Ordinal)
                    ? (tensor.Value.Shape, new float[tensor.Value.Values.Length]) : tensor.Value);
            Assert.Equal(layers[layer], Lpips.Load(Write($"layer{layer}", alone)).Distance(a, b), 1e-5 * layers[layer]);
        }

        RgbImage Picture(string name)
        {
            name = $"pairs.{pair}.{name}";
            IReadOnlyList<int> shape = golden.Tensors[name].Shape;
            return new RgbImage(shape[1], shape[0], golden.Bytes(name).ToArray());
        }
    }

    [Fact]
    public void The_weights_may_lie_in_two_files_and_others_may_lie_beside_them()
    {
        Dictionary<string, (int[] Shape, float[] Values)> weights = Weights(1);
        weights["classifier.1.weight"] = ([2, 2], [1, 2, 3, 4]);
        string network = Write("alexnet", weights.Where(tensor => !tensor.Key.StartsWith("lin", StringComparison.Ordinal)));
        string linear = Write("linear", weights.Where(tensor => tensor.Key.StartsWith("lin", StringComparison.Ordinal)));
        Lpips whole = Lpips.Load(Write("all", Weights(1))), parts = Lpips.Load(network, linear);
        RgbImage a = Pictures.Noise(40, 40, 1), b = Pictures.Noise(40, 40, 2);
        Assert.Equal(whole.Distance(a, b), parts.Distance(a, b));
        Assert.Equal(whole.Fingerprint, parts.Fingerprint);
        Assert.NotEqual(whole.Fingerprint, Lpips.Load(Write("other", Weights(2))).Fingerprint);
    }

    [Fact]
    public void A_missing_tensor_is_named()
    {
        Dictionary<string, (int[] Shape, float[] Values)> weights = Weights(1);
        weights.Remove("features.8.bias");
        WeightsException missing = Assert.Throws<WeightsException>(() => Lpips.Load(Write("all", weights)));
        Assert.Contains("all.safetensors: there is no tensor 'features.8.bias'", missing.Message);
        Assert.Throws<ArgumentException>(() => Lpips.Load());
    }

    [Theory]
    [InlineData("features.0.weight", new[] { 5, 3, 5, 5 }, "[5, 3, 11, 11]")]
    [InlineData("features.3.weight", new[] { 7, 4, 5, 5 }, "[7, 5, 5, 5]")]
    [InlineData("features.6.bias", new[] { 7 }, "[6]")]
    [InlineData("lin2.model.1.weight", new[] { 6 }, "[1, 6, 1, 1]")]
    public void A_tensor_of_another_shape_is_named_with_the_shape_it_must_have(string name, int[] shape, string needed)
    {
        Dictionary<string, (int[] Shape, float[] Values)> weights = Weights(1);
        weights[name] = (shape, new float[shape.Aggregate(1, (product, extent) => product * extent)]);
        string message = Assert.Throws<WeightsException>(() => Lpips.Load(Write("all", weights))).Message;
        Assert.Contains($"'{name}' has the shape [{string.Join(", ", shape)}], LPIPS needs {needed}", message);
    }

    [Fact]
    public void Pictures_that_cannot_be_compared_are_refused()
    {
        Lpips lpips = Lpips.Load(Write("all", Weights(1)));
        Assert.Contains("40x40 and 40x41", Assert.Throws<ArgumentException>(() => lpips.Distance(new(40, 40), new(40, 41))).Message);
        Assert.Contains("30x40 is too small", Assert.Throws<ArgumentException>(() => lpips.Distance(new(30, 40), new(30, 40))).Message);
    }

    private static Dictionary<string, (int[] Shape, float[] Values)> Weights(int seed)
    {
        Random random = new(seed);
        Dictionary<string, (int[] Shape, float[] Values)> weights = [];
        for (int i = 0, channels = 3; i < 5; channels = Widths[i++])
        {
            int kernel = i == 0 ? 11 : i == 1 ? 5 : 3;
            Add($"features.{Indices[i]}.weight", 2.0 / Math.Sqrt(channels * kernel * kernel), -1, Widths[i], channels, kernel, kernel);
            Add($"features.{Indices[i]}.bias", 0.2, -1, Widths[i]);
            Add($"lin{i}.model.1.weight", 1, 0, 1, Widths[i], 1, 1);
        }
        return weights;

        void Add(string name, double scale, double least, params int[] shape) =>
            weights[name] = (shape, [.. Enumerable.Range(0, shape.Aggregate(1, (product, extent) => product * extent)).Select(_ =>
                (float)(scale * (least + (1 - least) * random.NextDouble())))]);
    }

    private string Write(string name, IEnumerable<KeyValuePair<string, (int[] Shape, float[] Values)>> weights)
    {
        string path = _folder[$"{name}.safetensors"];
        Dictionary<string, (int[] Shape, float[] Values)> known = new(weights);
        SafetensorsWriter.Write(path, known.Select(tensor => new TensorInfo(tensor.Key, DType.Float32, tensor.Value.Shape)),
            new Dictionary<string, string>(),
            (tensor, bytes) => MemoryMarshal.AsBytes(known[tensor.Name].Values.AsSpan()).CopyTo(bytes));
        return path;
    }
}
