using System.Collections.Immutable;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Training.Graph;

/// <summary>
/// The discriminator: whether a picture was filmed (positive) or made. Residual blocks as the encoder's down to 4x4, one channel of
/// minibatch deviation, a 3x3 convolution, and two linear layers, written as convolutions here: a linear layer over a 4x4 picture in planar
/// order is a 4x4 convolution without padding.
/// </summary>
/// <param name="First">1x1, 3 channels to the widest resolution's, activated.</param>
/// <param name="Blocks">One residual block per halving, down to 4x4.</param>
/// <param name="Last">3x3 over the 4x4 picture with its channel of deviation, activated.</param>
/// <param name="Hidden">4x4 without padding, activated: final_linear.0.</param>
/// <param name="Score">1x1 to one value: final_linear.1.</param>
internal sealed record Discriminator(
    ConvolutionLayer First, ImmutableArray<ResBlock> Blocks, ConvolutionLayer Last, ConvolutionLayer Hidden, ConvolutionLayer Score)
{
    public static Discriminator Create(ModelArchitecture architecture)
    {
        int size = architecture.Size, head = architecture.ChannelsAt(4);
        ConvolutionLayer first = new("convs.0", "convs.0.0.weight", "convs.0.1.bias", 3, architecture.ChannelsAt(size), 1, 0,
            Resampling.None, Activated: true);
        ImmutableArray<ResBlock>.Builder blocks = ImmutableArray.CreateBuilder<ResBlock>();
        int index = 1;
        for (int resolution = size; resolution > 4; resolution /= 2, index++)
            blocks.Add(Encoder.CreateBlock($"convs.{index}", $"convs.{index}.", resolution, architecture.ChannelsAt(resolution),
                architecture.ChannelsAt(resolution / 2)));
        return new(first, blocks.ToImmutable(),
            new("final_conv", "final_conv.0.weight", "final_conv.1.bias", head + 1, head, 3, 1, Resampling.None, Activated: true),
            new("final_linear.0", "final_linear.0.weight", "final_linear.0.bias", head, head, 4, 0, Resampling.None, Activated: true),
            new("final_linear.1", "final_linear.1.weight", "final_linear.1.bias", head, 1, 1, 0, Resampling.None, Activated: false));
    }

    /// <summary>Its convolutions in order.</summary>
    public IEnumerable<ConvolutionLayer> Layers =>
        [First, .. Blocks.SelectMany(block => (ConvolutionLayer[])[block.Conv1, block.Conv2, block.Skip]), Last, Hidden, Score];

    /// <summary>Names and shapes of its parameters, as in the official state dictionary.</summary>
    public IEnumerable<TensorInfo> Parameters()
    {
        foreach (ConvolutionLayer layer in Layers)
        {
            bool isLinear = layer == Hidden || layer == Score;
            yield return new(layer.Weight, DType.Float32, isLinear ? [layer.Outputs, layer.Inputs * layer.Kernel * layer.Kernel]
                : [layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel]);
            if (layer.Bias is { } bias) yield return new(bias, DType.Float32, isLinear ? [layer.Outputs] : [1, layer.Outputs, 1, 1]);
        }
    }
}
