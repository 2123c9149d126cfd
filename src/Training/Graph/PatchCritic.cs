using System.Collections.Immutable;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Training.Graph;

/// <summary>
/// A discriminator that answers for every patch of one picture, not for the picture among its minibatch: residual blocks as the encoder's,
/// which halve the resolution three times, and an answer of each pixel then, which has 66 pixels of the picture in view. Every weight is
/// divided by its largest singular value.
/// </summary>
/// <param name="First">1x1, 3 channels to the first of <see cref="Channels"/>, activated.</param>
/// <param name="Blocks">Three residual blocks.</param>
/// <param name="Last">3x3, activated.</param>
/// <param name="Score">1x1 to one value.</param>
internal sealed record PatchCritic(ConvolutionLayer First, ImmutableArray<ResBlock> Blocks, ConvolutionLayer Last, ConvolutionLayer Score)
{
    /// <summary>How many times smaller a side the answers are.</summary>
    public const int Reduction = 8;

    /// <summary>Channels at full resolution and behind each block.</summary>
    public static readonly ImmutableArray<int> Channels = [16, 64, 96, 128];

    /// <param name="size">S, of the pictures.</param>
    /// <param name="channels">As <see cref="Channels"/>, four.</param>
    public static PatchCritic Create(int size, ImmutableArray<int> channels)
    {
        const string Name = "critic";
        int head = channels[^1];
        return new(
            new($"{Name}.0", "0.weight", "0.bias", 3, channels[0], 1, 0, Resampling.None, Activated: true),
            [.. Enumerable.Range(1, channels.Length - 1).Select(index => Encoder.CreateBlock($"{Name}.{index}", $"{index}.",
                size >> (index - 1), channels[index - 1], channels[index]))],
            new($"{Name}.last", "last.weight", "last.bias", head, head, 3, 1, Resampling.None, Activated: true),
            new($"{Name}.logit", "logit.weight", "logit.bias", head, 1, 1, 0, Resampling.None, Activated: false));
    }

    /// <summary>Its convolutions in order.</summary>
    public IEnumerable<ConvolutionLayer> Layers =>
        [First, .. Blocks.SelectMany(block => (ConvolutionLayer[])[block.Conv1, block.Conv2, block.Skip]), Last, Score];

    /// <summary>Names and shapes of its parameters.</summary>
    public IEnumerable<TensorInfo> Parameters()
    {
        foreach (ConvolutionLayer layer in Layers)
        {
            yield return new(layer.Weight, DType.Float32, [layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel]);
            if (layer.Bias is { } bias) yield return new(bias, DType.Float32, [1, layer.Outputs, 1, 1]);
        }
    }
}
