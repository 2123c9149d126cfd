namespace Lia.Network.Graph;

/// <summary>
/// The order of the network's layers, and how long each activation lives:
/// <code>
///     picture --> First --> block --> block ... --> Code --> Head          block:  x --+--> Skip ----------------------------+
///                   |         |         |                                             +--> Convolution --> BlurBefore --> Join
///                feature   feature   feature   (numbered from 8x8 up)
///
///     latent  --> Modulate;  Constant --> Styled --> level --> level ...   level:  Upsampled --> Styled --> Warp(feature) --> blended
///                                                                                                      flow, rgb: from level to level
/// </code>
/// </summary>
internal static class ForwardPass
{
    /// <summary>Picture to codes and features.</summary>
    public static void Encode<TMap>(LiaGraph graph, ILayers<TMap> layers) where TMap : class
    {
        Encoder encoder = graph.Encoder;
        int feature = encoder.Blocks.Length - 1; // The 4x4 block's result is none: it gets -1.
        TMap x = layers.First(encoder.First, feature--);
        foreach (ResBlock block in encoder.Blocks) x = Residual(block, layers, x, feature--);
        TMap code = layers.Code(encoder.Last, x);
        layers.Release(x);
        layers.Head(graph.MotionHead, code);
    }

    /// <summary>A residual block; releases its input.</summary>
    public static TMap Residual<TMap>(ResBlock block, IResidualLayers<TMap> layers, TMap input, int feature) where TMap : class
    {
        TMap skip = layers.Skip(block.Skip, input);
        TMap inner = layers.Convolution(block.Conv1, input);
        layers.Release(input);
        TMap blurred = layers.BlurBefore(block.Conv2, inner);
        layers.Release(inner);
        TMap output = layers.Join(block, blurred, skip, feature);
        layers.Release(blurred);
        return output;
    }

    /// <summary>Latent and features to a picture: the last level's RGB.</summary>
    public static TMap Synthesize<TMap>(Synthesis synthesis, ILayers<TMap> layers) where TMap : class
    {
        layers.Modulate(synthesis);
        TMap constant = layers.Constant(synthesis);
        TMap x = layers.Styled(synthesis.Conv1, constant, synthesis.Levels[0].Up.Convolution);
        layers.Release(constant);
        LevelEnd<TMap>? end = null;
        for (int i = 0; i < synthesis.Levels.Length; i++)
        {
            SynthesisLevel level = synthesis.Levels[i];
            ModulatedConvolutionLayer? next = i + 1 < synthesis.Levels.Length ? synthesis.Levels[i + 1].Up.Convolution : null;
            TMap up = layers.Upsampled(level.Up, x, level.Conv.Convolution);
            layers.Release(x);
            x = layers.Styled(level.Conv, up, next: null);
            layers.Release(up);
            LevelEnd<TMap> reached = layers.Warp(level, i, x, end, next);
            layers.Release(x);
            if (end is not null)
            {
                layers.Release(end.Flow);
                layers.Release(end.Rgb);
            }
            (end, x) = (reached, reached.Blended!);
        }
        layers.Release(end!.Flow);
        return end.Rgb;
    }
}
