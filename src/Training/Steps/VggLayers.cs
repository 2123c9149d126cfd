using System.Collections.Immutable;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Kernels.Losses;
using Lia.Network.Cuda;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Weights;

namespace Lia.Training.Steps;

/// <summary>The perceptual network: nothing in it learns, only the pictures that are judged get gradients.</summary>
/// <param name="tape">What is appended to.</param>
/// <param name="parameters">The network's.</param>
/// <param name="layers">Its layers.</param>
internal sealed class VggLayers(Tape tape, NetworkParameters parameters, ImmutableArray<VggLayer> layers) : TrainingLayers(tape, parameters)
{
    /// <summary>Puts the weights onto a device and packs them, once.</summary>
    public static NetworkParameters Load(KernelLoader loader, ITensorSource weights, ImmutableArray<VggLayer> layers,
        ConvolutionArithmetic arithmetic)
    {
        ParameterLayout layout = new(Vgg.Parameters(layers));
        NetworkParameters parameters = new(loader, new(loader, layout, learns: false), arithmetic);
        try
        {
            foreach (VggLayer layer in layers)
            {
                foreach (string name in (string[])[layer.Weight, layer.Bias])
                    parameters.Value(name).CopyFromCPU(loader.Accelerator.DefaultStream, weights.Read(name));
                TrainedConvolution convolution = new(loader, layer.Outputs, layer.Inputs, 3, 1, 1, isTransposed: false, scale: 1,
                    arithmetic);
                parameters.Add(layer.Weight, convolution);
                foreach (Kernels.KernelLaunch launch in convolution.Pack(parameters.Value(layer.Weight)))
                    launch.Enqueue(loader.Accelerator.DefaultStream);
            }
            loader.Accelerator.DefaultStream.Synchronize();
            return parameters;
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <summary>Features of pictures that are only compared with; whoever compares releases them.</summary>
    /// <param name="planes">Planar [picture, 3, size, size] in [-1, 1], clamped here.</param>
    /// <param name="frames">Pictures.</param>
    /// <param name="size">Their side.</param>
    public IReadOnlyList<ActivationMap> Look(ArrayView<float> planes, int frames, int size)
    {
        List<ActivationMap> compared = [];
        ActivationMap x = Normalized(planes, frames, size);
        bool isKept = false;
        foreach (VggLayer layer in layers)
        {
            if (layer.IsPooled) Replace(Pool(layer, x), keep: false);
            Replace(Convolve(layer, x), layer.IsCompared);
        }
        return compared;

        void Replace(ActivationMap next, bool keep)
        {
            if (!isKept) Tape.Release(x.View);
            (x, isKept) = (next, keep);
            if (keep) compared.Add(next);
        }
    }

    /// <summary>The way there and back of pictures that are judged.</summary>
    /// <param name="planes">Planar [picture, 3, size, size].</param>
    /// <param name="frames">Pictures.</param>
    /// <param name="size">Their side.</param>
    /// <param name="wanted">The features that they should have; released here.</param>
    /// <param name="values">Receives the distance of each compared layer, <see cref="FeatureDistance"/>.</param>
    /// <param name="gradient">What the gradient by the pictures is added to.</param>
    public void Judge(ArrayView<float> planes, int frames, int size, IReadOnlyList<ActivationMap> wanted, ArrayView<float> values,
        ArrayView<float> gradient)
    {
        ActivationMap picture = Normalized(planes, frames, size);
        TrainedMap first = new(picture), x = first;
        Tape.Push(() =>
        {
            Tape.Add("vgg input, back", VggInput.PrepareGradient(Loader, Input(planes, frames, size) with
                { OutputGradient = first.Gradient!.View, Gradient = gradient, Accumulates = 1 }));
            Tape.Release(first);
        });
        for (int i = 0, compared = 0; i < layers.Length; i++)
        {
            VggLayer layer = layers[i];
            if (layer.IsPooled) x = PoolAndBack(layer, x);
            bool isPooledNext = i + 1 < layers.Length && layers[i + 1].IsPooled;
            x = layer.IsCompared ? ConvolveAndBack(layer, x, false, wanted[compared], values.SubView(compared++, 1))
                : ConvolveAndBack(layer, x, !isPooledNext);
        }
        Tape.GoBack();
    }

    private TrainedMap PoolAndBack(VggLayer before, TrainedMap input)
    {
        TrainedMap output = new(Pool(before, input.Value));
        Tape.Push(() =>
        {
            // Nobody else reads what is pooled, and it is a ReLU's result.
            AddGradient(input, (target, _) => Tape.Add($"{before.Weight} pool, back", MaxPool.PrepareGradient(Loader,
                Pooling(input.Value, output.Value) with
                    { OutputGradient = output.Gradient!.View, Gradient = target.View, Rectified = 1 })));
            Tape.Release(output);
        });
        return output;
    }

    /// <param name="layer">The layer.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="isRectified">Whether the way back through the ReLU is left to do here: neither comparison nor pooling did it.</param>
    /// <param name="wanted">What the result is compared with, if it is.</param>
    /// <param name="value">Receives the distance.</param>
    private TrainedMap ConvolveAndBack(VggLayer layer, TrainedMap input, bool isRectified, ActivationMap? wanted = null,
        ArrayView<float> value = default)
    {
        string name = $"{layer.Weight}, back";
        TrainedMap output = new(Convolve(layer, input.Value));
        Tape.Push(() =>
        {
            TrainedConvolution convolution = Parameters.Convolution(layer.Weight);
            ArrayView<int> largest = default;
            if (isRectified)
            {
                largest = LargestOf(convolution, output.Value);
                ActivationBack(name, output.Value, output.Gradient!, output.Gradient!, activation: 2, sums: default, largest: largest);
            }
            if (wanted != null)
            {
                AddGradient(output, (target, residual) => Tape.AddWithDoubles(name, FeatureDistance.PartialsLength(output.Value.Length),
                    room => FeatureDistance.Prepare(Loader, new()
                    {
                        Features = output.Value.View,
                        Targets = wanted.View,
                        Gradient = target.View,
                        Partials = room,
                        Value = value,
                        Count = output.Value.Length,
                        Scale = 1,
                        Accumulates = residual.Length > 0 ? 1 : 0,
                        Rectified = 1,
                    })));
                Tape.Release(wanted.View);
            }
            GradientOperand operand = Operand(name, convolution, output.Gradient!, largest);
            DataBack(name, convolution, operand, input);
            Release(operand);
            Tape.Release(output);
        });
        return output;
    }

    private ActivationMap Normalized(ArrayView<float> planes, int frames, int size)
    {
        ActivationMap picture = Tape.Reserve(frames, size, size, 3);
        Tape.Add("vgg input", VggInput.Prepare(Loader, Input(planes, frames, size) with { Output = picture.View }));
        return picture;
    }

    private static VggInputArguments Input(ArrayView<float> planes, int frames, int size) =>
        new() { Input = planes, Frames = frames, Pixels = size * size, Channels = 3 };

    private ActivationMap Pool(VggLayer before, ActivationMap input)
    {
        ActivationMap output = Tape.Reserve(input.Frames, input.Height / 2, input.Width / 2, input.Channels);
        Tape.Add($"{before.Weight} pool", MaxPool.Prepare(Loader, Pooling(input, output)));
        return output;
    }

    private static MaxPoolArguments Pooling(ActivationMap input, ActivationMap output) => new()
    {
        Input = input.View,
        Output = output.View,
        Frames = input.Frames,
        Height = input.Height,
        Width = input.Width,
        Channels = input.Channels,
    };

    private ActivationMap Convolve(VggLayer layer, ActivationMap input)
    {
        ActivationMap output = Tape.Reserve(input.Frames, input.Height, input.Width, layer.Outputs);
        ConvolveTo(layer.Weight, Parameters.Convolution(layer.Weight), input, output,
            new() { Bias = Parameters.Value(layer.Bias), Activate = 2 });
        return output;
    }
}
