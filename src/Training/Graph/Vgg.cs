using System.Collections.Immutable;
using Lia.Weights;

namespace Lia.Training.Graph;

/// <summary>A convolution of VGG19, 3x3 with ReLU.</summary>
/// <param name="Index">The layer's number in torchvision's <c>features</c>.</param>
/// <param name="Inputs">Input channels.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="IsPooled">Whether 2x2 maxima are taken before it.</param>
/// <param name="IsCompared">Whether its result is one of the features that are compared.</param>
internal sealed record VggLayer(int Index, int Inputs, int Outputs, bool IsPooled, bool IsCompared)
{
    /// <summary>Parameter [outputs, inputs, 3, 3].</summary>
    public string Weight => $"features.{Index}.weight";

    /// <summary>Parameter [outputs].</summary>
    public string Bias => $"features.{Index}.bias";
}

/// <summary>The perceptual network, VGG19 up to relu5_1. Its weights are the user's to supply; nothing here learns.</summary>
internal static class Vgg
{
    /// <summary>Least side of a picture: four poolings leave one pixel.</summary>
    public const int LeastSize = 16;

    // Convolutions of each stage that lie before relu5_1; a stage's first is compared.
    private static readonly int[] s_stages = [2, 2, 4, 4, 1];

    /// <summary>How many features are compared.</summary>
    public static int ComparedCount => s_stages.Length;

    /// <summary>VGG19 as it was published: 64 channels, doubled from stage to stage up to 512.</summary>
    public static ImmutableArray<VggLayer> Official { get; } = Create(index => index < 5 ? 64 : index < 10 ? 128 : index < 19 ? 256 : 512);

    /// <summary>Divisors of the pyramid's scales at which pictures of a size are compared: 1, 2, 4 and 8, without those under
    /// <see cref="LeastSize"/> pixels.</summary>
    public static IEnumerable<int> Scales(int size) => ((int[])[1, 2, 4, 8]).Where(scale => size / scale >= LeastSize);

    /// <summary>The network of a file: its layers are VGG19's, their channels whatever the weights say.</summary>
    /// <exception cref="WeightsException">A tensor is missing, or has not the shape that the one before it asks for; the message names
    /// it.</exception>
    public static ImmutableArray<VggLayer> Of(ITensorSource weights)
    {
        const int MostChannels = 4096;
        ImmutableArray<VggLayer> layers = Create(index => weights.Tensors.TryGetValue($"features.{index}.bias", out TensorInfo? bias)
            && bias.ElementCount is > 0 and <= MostChannels ? (int)bias.ElementCount : 0);
        foreach (TensorInfo wanted in Parameters(layers))
        {
            if (!weights.Tensors.TryGetValue(wanted.Name, out TensorInfo? tensor))
                throw new WeightsException(
                    $"{weights.Name}: no tensor '{wanted.Name}': these are not VGG19's weights in torchvision's names");
            if (wanted.ElementCount == 0 || !tensor.Shape.SequenceEqual(wanted.Shape))
                throw new WeightsException(
                    $"{weights.Name}: tensor '{wanted.Name}' has shape [{string.Join(", ", tensor.Shape)}], expected "
                    + $"[{string.Join(", ", wanted.Shape)}]");
        }
        return layers;
    }

    /// <summary>Names and shapes of the weights.</summary>
    public static IEnumerable<TensorInfo> Parameters(ImmutableArray<VggLayer> layers) => layers.SelectMany(layer => (TensorInfo[])
        [new(layer.Weight, DType.Float32, [layer.Outputs, layer.Inputs, 3, 3]), new(layer.Bias, DType.Float32, [layer.Outputs])]);

    /// <summary>The layers, with channels by a layer's number.</summary>
    public static ImmutableArray<VggLayer> Create(Func<int, int> channels)
    {
        ImmutableArray<VggLayer>.Builder layers = ImmutableArray.CreateBuilder<VggLayer>();
        int index = 0, inputs = 3;
        foreach (int count in s_stages)
        {
            for (int i = 0; i < count; i++, index += 2)
            {
                int outputs = channels(index);
                layers.Add(new(index, inputs, outputs, IsPooled: i == 0 && index > 0, IsCompared: i == 0));
                inputs = outputs;
            }
            index++; // the pooling
        }
        return layers.ToImmutable();
    }
}
