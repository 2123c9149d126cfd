using System.Collections.Immutable;
using Lia.Weights;

namespace Lia.Network.Graph;

/// <summary>ResBlock: <c>(Conv2(Conv1(x)) + Skip(x)) / sqrt(2)</c>, halving the resolution.</summary>
/// <param name="Name">The block in taps.</param>
/// <param name="Resolution">Side of the input.</param>
/// <param name="Conv1">3x3, activated.</param>
/// <param name="Conv2">3x3 down, activated.</param>
/// <param name="Skip">1x1 down, neither bias nor activation.</param>
internal sealed record ResBlock(string Name, int Resolution, ConvolutionLayer Conv1, ConvolutionLayer Conv2, ConvolutionLayer Skip);

/// <summary>The encoder: picture to appearance code <c>wa</c> [style], and the features the decoder warps.</summary>
/// <param name="First">1x1, 3 channels to the widest resolution's, activated.</param>
/// <param name="Blocks">One residual block per halving, down to 4x4.</param>
/// <param name="Last">4x4 without padding, bias or activation: the appearance code.</param>
internal sealed record Encoder(ConvolutionLayer First, ImmutableArray<ResBlock> Blocks, ConvolutionLayer Last)
{
    public static Encoder Create(ModelArchitecture architecture)
    {
        const string Parameters = "enc.net_app.convs", Layers = "enc.convs";
        int size = architecture.Size;
        ConvolutionLayer first = new($"{Layers}.0", $"{Parameters}.0.0.weight", $"{Parameters}.0.1.bias",
            3, architecture.ChannelsAt(size), 1, 0, Resampling.None, Activated: true);
        ImmutableArray<ResBlock>.Builder blocks = ImmutableArray.CreateBuilder<ResBlock>();
        int index = 1;
        for (int resolution = size; resolution > 4; resolution /= 2, index++)
        {
            blocks.Add(CreateBlock($"{Layers}.{index}", $"{Parameters}.{index}.", resolution,
                architecture.ChannelsAt(resolution), architecture.ChannelsAt(resolution / 2)));
        }
        ConvolutionLayer last = new($"{Layers}.{index}", $"{Parameters}.{index}.weight", null,
            architecture.ChannelsAt(4), architecture.Style, 4, 0, Resampling.None, Activated: false);
        return new(first, blocks.ToImmutable(), last);
    }

    /// <summary>A residual block whose parameters start with a prefix.</summary>
    public static ResBlock CreateBlock(string name, string prefix, int resolution, int inputs, int outputs) => new(
        name, resolution,
        new($"{name}.conv1", $"{prefix}conv1.0.weight", $"{prefix}conv1.1.bias", inputs, inputs, 3, 1, Resampling.None, Activated: true),
        new($"{name}.conv2", $"{prefix}conv2.1.weight", $"{prefix}conv2.2.bias", inputs, outputs, 3, 0, Resampling.Down, Activated: true),
        new($"{name}.skip", $"{prefix}skip.1.weight", null, inputs, outputs, 1, 0, Resampling.Down, Activated: false));
}
