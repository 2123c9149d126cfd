using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.TensorCores;

internal sealed partial class TensorCorePlanBuilder
{
    public ICudaActivation First(ConvolutionLayer layer, int feature)
    {
        HalfMap output = ReserveMap(Size, Size, layer.Outputs);
        KernelLaunch launch = HalfFirstLayer.Prepare(Loader, new()
        {
            Input = Encoding.Images,
            Weights = _weights.Vector(layer.Weight),
            Bias = _weights.Vector(layer.Bias!),
            Output = output.View,
            Frames = Frames,
            PixelsPerFrame = Size * Size,
            Channels = output.Octets * 8,
        }, _weights.Parts);
        HalfActivation activation = new(output);
        Add(layer.Name, [launch], feature, new CudaTap(layer.Name, activation));
        Project(output, feature);
        return activation;
    }

    // Only the blur: the 1x1 convolution is part of the strided one that it is added to. With few pictures it shares the other blur's
    // launch, which then is the input's last reader.
    public ICudaActivation Skip(ConvolutionLayer layer, ICudaActivation input)
    {
        HalfMap x = Map(input), small = ReserveMap(x.Height / 2, x.Width / 2, x.Channels);
        HalfBlurArguments blur = BlurArguments(x, small, x.Height, x.Width);
        if (HalfBlurPair.Pays(Loader, blur, _weights.Parts)) _waiting = (input, blur);
        else Add(layer.Name, [HalfBlur.PrepareSkip(Loader, blur, _weights.Parts)]);
        return new HalfActivation(small);
    }

    public ICudaActivation Convolution(ConvolutionLayer layer, ICudaActivation input)
    {
        HalfMap x = Map(input), output = ReserveMap(x.Height, x.Width, layer.Outputs);
        HalfActivation activation = new(output);
        Add(layer.Name, Convolve(
            _weights.Convolution(layer.Weight), x, output, new() { Bias = _weights.Vector(layer.Bias!), Gain = 1 }),
                new CudaTap(layer.Name, activation));
        return activation;
    }

    public ICudaActivation BlurBefore(ConvolutionLayer strided, ICudaActivation input)
    {
        HalfMap x = Map(input), output = ReserveMap(x.Height / 2 + 1, x.Width / 2 + 1, x.Channels, planes: 4);
        ResBlock[] blocks = [.. Graph.Encoder.Blocks];
        int following = Array.FindIndex(blocks, block => block.Conv2 == strided) + 1;
        HalfBlurArguments blur = BlurArguments(x, output, x.Height, x.Width);
        if (FetchesAhead)
        {
            blur.NextWeights = _weights.Convolution(strided.Weight).View;
            blur.LaterWeights = following < blocks.Length ? _weights.Convolution(blocks[following].Conv1.Weight).View : _weights.Last;
        }
        if (_waiting is { } skip)
        {
            Add(strided.Name, [HalfBlurPair.Prepare(Loader, skip.Blur, blur, _weights.Parts)]);
            _waiting = null;
            Release(skip.Input);
        }
        else
        {
            Add(strided.Name, [HalfBlur.PrepareDown(Loader, blur, _weights.Parts)]);
        }
        return new HalfActivation(output);
    }

    public ICudaActivation Join(ResBlock block, ICudaActivation blurred, ICudaActivation skip, int feature)
    {
        ConvolutionLayer layer = block.Conv2;
        HalfMap small = Map(skip), output = ReserveMap(small.Height, small.Width, layer.Outputs);
        HalfEpilogue epilogue = new() { Bias = _weights.Vector(layer.Bias!), Gain = (float)LiaGraph.ResidualGain };
        HalfActivation activation = new(output);
        Add(layer.Name, Convolve(_weights.Convolution(layer.Weight), Map(blurred), output, epilogue, small), feature,
            new CudaTap(block.Name, activation));
        Release(skip);
        if (feature >= 0) Project(output, feature);
        return activation;
    }

    public ICudaActivation Code(ConvolutionLayer layer, ICudaActivation input)
    {
        HalfMap x = Map(input);
        HalfLinearArguments arguments = new()
        {
            Input = x.View,
            Weights = _weights.Last,
            Output = Encoding.Appearance,
            Frames = Frames,
            Inputs = x.Octets * 8 * x.Height * x.Width,
            Outputs = layer.Outputs,
            Factor = _weights.LastFactor,
        };
        KernelLaunch launch = _weights.Parts == 1
            ? HalfLinear.Prepare(Loader, arguments)
            : HalfLinear.PreparePairs(Loader, new() { Linear = arguments, Pixels = x.Height * x.Width });
        ActivationMap code = new(Encoding.Appearance, Frames, 1, 1, layer.Outputs);
        Add(layer.Name, [launch], new CudaTap(layer.Name, code));
        return code;
    }

    // What its level's ToRGB makes of a source's feature: a 1x1 convolution commutes with the warp, so it is done once for a source.
    private void Project(HalfMap feature, int level)
    {
        if (!Encoding.IsSource) return;
        ToRgbLayer reader = Graph.Synthesis.Levels[level].ToRgb;
        ActivationMap projection = Reserve(feature.Height, feature.Width, 4);
        KernelLaunch launch = HalfRgbProjection.Prepare(Loader, new()
        {
            Feature = feature.View,
            Weights = _weights.Vector(reader.Convolution.Weight),
            Output = projection.View,
            Frames = Frames,
            PixelsPerFrame = feature.Height * feature.Width,
            Channels = feature.Octets * 8,
        }, _weights.Parts);
        string name = $"{reader.Name}.projection";
        Add(name, [launch], Graph.FeatureCount + level, new CudaTap(name, projection));
        Release(projection);
    }

    private HalfBlurArguments BlurArguments(HalfMap input, HalfMap output, int height, int width) => new()
    {
        Input = input.View,
        Output = output.View,
        Frames = Frames,
        InputHeight = height,
        InputWidth = width,
        Channels = input.Octets * 8,
    };
}
