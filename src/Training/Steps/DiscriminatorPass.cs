using ILGPU;
using Lia.Kernels.Losses;
using Lia.Network.Graph;
using Lia.Training.Graph;

namespace Lia.Training.Steps;

/// <summary>A walk through the discriminator.</summary>
internal static class DiscriminatorPass
{
    /// <summary>Adds the convolutions that the walk looks up.</summary>
    public static void AddConvolutions(NetworkParameters parameters, Discriminator network)
    {
        foreach (ConvolutionLayer layer in network.Layers) parameters.Add(layer);
    }

    /// <summary>Appends the walk.</summary>
    /// <param name="layers">The discriminator's.</param>
    /// <param name="network">Its layers.</param>
    /// <param name="pictures">Planar [picture, 3, S, S].</param>
    /// <param name="passes">
    /// Parts of the pictures that are judged apart: filmed and made ones are not of one minibatch. Their numbers are the same.
    /// </param>
    /// <param name="frames">Pictures of all passes.</param>
    /// <param name="size">S.</param>
    /// <param name="gradient">What the gradient by the pictures is added to, planar; empty where it is not wanted.</param>
    /// <returns>Scores [picture, 1, 1, 1].</returns>
    public static TrainedMap Forward(TrainingLayers layers, Discriminator network, ArrayView<float> pictures, int passes, int frames,
        int size, ArrayView<float> gradient = default)
    {
        TrainedMap x = layers.Convolution(network.First, layers.Pictures(pictures, frames, size, gradient));
        foreach (ResBlock block in network.Blocks) x = ForwardPass.Residual(block, layers, x, feature: -1);
        return layers.Convolution(network.Score, layers.Convolution(network.Hidden, layers.Convolution(network.Last,
            Deviation(layers.Tape, x, passes))));
    }

    /// <summary>Appends the minibatch's deviation as a channel.</summary>
    public static TrainedMap Deviation(Tape tape, TrainedMap input, int passes)
    {
        var x = input.Value;
        TrainedMap output = new(tape.Reserve(x.Frames, x.Height, x.Width, x.Channels + 1));
        MinibatchDeviationArguments arguments = new()
        {
            Input = x.View,
            Output = output.Value.View,
            Passes = passes,
            Images = x.Frames / passes,
            Pixels = x.Height * x.Width,
            Channels = x.Channels,
        };
        tape.Add("minibatch deviation", MinibatchDeviation.Prepare(tape.Loader, arguments));
        tape.Push(() =>
        {
            input.Gradient = tape.ReserveLike(x);
            tape.Add("minibatch deviation, back", MinibatchDeviation.PrepareGradient(tape.Loader,
                arguments with { OutputGradient = output.Gradient!.View, Gradient = input.Gradient.View }));
            tape.Release(output);
        });
        return output;
    }
}
