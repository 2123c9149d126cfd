using System.Collections.Immutable;
using Lia.Weights;

namespace Lia.Network.Graph;

/// <summary>One doubling of the decoder.</summary>
/// <param name="Resolution">Side of its output: 8, 16, ... S.</param>
/// <param name="Up">Doubles the resolution.</param>
/// <param name="Conv">Keeps it; its output is ToFlow's x.</param>
/// <param name="ToFlow">Warps the encoder feature of this resolution; <c>blended</c> goes on to the next level.</param>
/// <param name="ToRgb">Adds <c>warped</c> to the picture.</param>
internal sealed record SynthesisLevel(
    int Resolution, StyledConvolutionLayer Up, StyledConvolutionLayer Conv, ToFlowLayer ToFlow, ToRgbLayer ToRgb);

/// <summary>The decoder: latent [style] and the source's features to a picture.</summary>
/// <param name="Constant">Parameter [1, c(4), 4, 4] it starts from.</param>
/// <param name="Conv1">3x3 at 4x4.</param>
/// <param name="Levels">From 8x8 up.</param>
internal sealed record Synthesis(string Constant, StyledConvolutionLayer Conv1, ImmutableArray<SynthesisLevel> Levels)
{
    public static Synthesis Create(ModelArchitecture architecture)
    {
        int style = architecture.Style, head = architecture.ChannelsAt(4);
        ImmutableArray<SynthesisLevel>.Builder levels = ImmutableArray.CreateBuilder<SynthesisLevel>();
        for (int resolution = 8, i = 0; resolution <= architecture.Size; resolution *= 2, i++)
        {
            int below = architecture.ChannelsAt(resolution / 2), channels = architecture.ChannelsAt(resolution);
            levels.Add(new(resolution,
                CreateStyled($"dec.convs.{2 * i}", $"dec.convs.{2 * i}.", below, channels, style, Resampling.Up),
                CreateStyled($"dec.convs.{2 * i + 1}", $"dec.convs.{2 * i + 1}.", channels, channels, style, Resampling.None),
                CreateToFlow($"dec.to_flows.{i}", $"dec.to_flows.{i}.", channels, style),
                CreateToRgb($"dec.to_rgbs.{i}", $"dec.to_rgbs.{i}.", channels)));
        }
        return new("dec.input.input", CreateStyled("dec.conv1", "dec.conv1.", head, head, style, Resampling.None), levels.ToImmutable());
    }

    /// <summary>A modulated convolution whose parameters start with a prefix.</summary>
    public static ModulatedConvolutionLayer CreateModulated(
        string name, string prefix, int inputs, int outputs, int style, int kernel, Resampling resampling, bool demodulated) => new(
            name, $"{prefix}weight",
            new($"{name}.modulation", $"{prefix}modulation.weight", $"{prefix}modulation.bias", style, inputs),
            inputs, outputs, kernel, resampling, demodulated);

    /// <summary>A styled 3x3 convolution whose parameters start with a prefix.</summary>
    public static StyledConvolutionLayer CreateStyled(
        string name, string prefix, int inputs, int outputs, int style, Resampling resampling) =>
        new(name, CreateModulated(name, $"{prefix}conv.", inputs, outputs, style, 3, resampling, demodulated: true),
            $"{prefix}activate.bias");

    /// <summary>A flow layer whose parameters start with a prefix.</summary>
    public static ToFlowLayer CreateToFlow(string name, string prefix, int channels, int style) =>
        new(name, CreateModulated(name, $"{prefix}conv.", channels, 3, style, 1, Resampling.None, demodulated: false), $"{prefix}bias");

    /// <summary>An RGB layer whose parameters start with a prefix.</summary>
    public static ToRgbLayer CreateToRgb(string name, string prefix, int channels) =>
        new(name, new(name, $"{prefix}conv.0.weight", $"{prefix}conv.1.bias", channels, 3, 1, 0, Resampling.None, Activated: true),
            $"{prefix}bias");
}
