using Lia.Weights;

namespace Lia.Animation.Pipeline;

/// <summary>The error for what comes out of a network with a NaN or an infinity in it.</summary>
internal static class NotFinite
{
    /// <summary>A frame.</summary>
    public static WeightsException Frame(string model, int frame) => new(
        $"{model}: frame {frame} came out of the network with values that are not finite numbers; the weights are damaged, or an edit is "
            + "too large.");

    /// <summary>A frame of a live session.</summary>
    public static WeightsException Live(string model) => new(
        $"{model}: a frame came out of the network with values that are not finite numbers; the weights are damaged, or an edit is too "
            + "large.");

    /// <summary>A motion code.</summary>
    public static WeightsException Code(string model, int frame) => new(
        $"{model}: frame {frame} has a motion code with values that are not finite numbers; the weights are damaged.");
}
