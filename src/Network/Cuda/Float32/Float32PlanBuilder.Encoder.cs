using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Float32;

internal sealed partial class Float32PlanBuilder
{
    public ActivationMap First(ConvolutionLayer layer, int feature)
    {
        ActivationMap output = Reserve(Size, Size, layer.Outputs);
        KernelLaunch launch = FirstLayer.Prepare(Loader, new()
        {
            Input = Encoding.Images,
            Weights = _weights.Vector(layer.Weight),
            Bias = _weights.Vector(layer.Bias!),
            Output = output.View,
            Frames = Frames,
            Pixels = Size * Size,
            Channels = layer.Outputs,
        });
        Add(layer.Name, [launch], feature, new CudaTap(layer.Name, output));
        return output;
    }

    // A strided 1x1 convolution reads every second pixel of its blur: only these are made.
    public ActivationMap Skip(ConvolutionLayer layer, ActivationMap input)
    {
        int half = input.Height / 2;
        ActivationMap output = Reserve(half, half, layer.Outputs), small = Reserve(half, half, input.Channels);
        Add(layer.Name,
        [
            BlurTo(input, small, stride: 2, layer.BlurPadding, LiaGraph.FirGain),
            .. Convolve(_weights.Convolution(layer.Weight), small, output, 1, 0, false, default),
        ]);
        Release(small);
        return output;
    }

    public ActivationMap Convolution(ConvolutionLayer layer, ActivationMap input)
    {
        ActivationMap output = Reserve(input.Height, input.Width, layer.Outputs);
        Add(layer.Name, Convolve(
            _weights.Convolution(layer.Weight), input, output, 1, layer.Padding, false, new()
                { Bias = _weights.Vector(layer.Bias!), Activate = 1 }),
            new CudaTap(layer.Name, output));
        return output;
    }

    public ActivationMap BlurBefore(ConvolutionLayer strided, ActivationMap input)
    {
        int size = input.Height + 2 * strided.BlurPadding - 3;
        ActivationMap output = Reserve(size, size, input.Channels);
        Add(strided.Name, [BlurTo(input, output, stride: 1, strided.BlurPadding, LiaGraph.FirGain)]);
        return output;
    }

    // The strided convolution finds the skip's result where it puts its own.
    public ActivationMap Join(ResBlock block, ActivationMap blurred, ActivationMap skip, int feature)
    {
        ConvolutionLayer layer = block.Conv2;
        Epilogue epilogue =
            new() { Bias = _weights.Vector(layer.Bias!), Activate = 1, Residual = skip.View, ResidualGain = (float)LiaGraph.ResidualGain };
        Add(layer.Name, Convolve(_weights.Convolution(layer.Weight), blurred, skip, 2, 0, false, epilogue), feature,
            new CudaTap(block.Name, skip));
        return skip;
    }

    public ActivationMap Code(ConvolutionLayer layer, ActivationMap input)
    {
        ActivationMap code = new(Encoding.Appearance, Frames, 1, 1, layer.Outputs);
        Add(layer.Name, Convolve(_weights.Convolution(layer.Weight), input, code, 1, 0, false, default), new CudaTap(layer.Name, code));
        return code;
    }
}
