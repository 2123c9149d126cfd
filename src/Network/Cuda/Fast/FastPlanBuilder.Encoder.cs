using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Fast;

internal sealed partial class FastPlanBuilder
{
    /// <inheritdoc/>
    public override void Encoder(LiaGraph graph, ArrayView<float> images, ArrayView<float> appearance, ArrayView<float> codes, bool isSource)
    {
        Encoder encoder = graph.Encoder;
        int size = graph.Architecture.Size, feature = encoder.Blocks.Length - 1; // Features are numbered from 8x8 up.
        HalfMap x = ReserveMap(size, size, encoder.First.Outputs);
        KernelLaunch first = HalfFirstLayer.Prepare(Loader, new()
        {
            Input = images,
            Weights = _weights.Vector(encoder.First.Weight),
            Bias = _weights.Vector(encoder.First.Bias!),
            Output = x.View,
            Frames = Frames,
            PixelsPerFrame = size * size,
            Channels = x.Octets * 8,
        });
        Add(encoder.First.Name, [first], feature--, new CudaTap(encoder.First.Name, new HalfActivation(x)));
        if (isSource) Project(graph.Synthesis, x);
        foreach (ResBlock block in encoder.Blocks) x = Residual(block, x, feature--);

        KernelLaunch last = HalfLinear.Prepare(Loader, new()
        {
            Input = x.View,
            Weights = _weights.Last,
            Output = appearance,
            Frames = Frames,
            Inputs = x.Octets * 8 * x.Height * x.Width,
            Outputs = encoder.Last.Outputs,
            Factor = _weights.LastFactor,
        });
        Add(encoder.Last.Name, [last], new CudaTap(encoder.Last.Name, new ActivationMap(appearance, Frames, 1, 1, encoder.Last.Outputs)));
        Release(x);
        Head(graph, appearance, codes);
    }

    // What the last level's ToRGB makes of the widest feature: a 1x1 convolution commutes with the warp, so it is done once for a source.
    private void Project(Synthesis synthesis, HalfMap feature)
    {
        ToRgbLayer last = synthesis.Levels[^1].ToRgb;
        ActivationMap projection = Reserve(feature.Height, feature.Width, 3, isPlanar: true);
        KernelLaunch launch = HalfRgbProjection.Prepare(Loader, new()
        {
            Feature = feature.View,
            Weights = _weights.Vector(last.Convolution.Weight),
            Output = projection.View,
            Frames = Frames,
            PixelsPerFrame = feature.Height * feature.Width,
            Channels = feature.Octets * 8,
        });
        Add($"{last.Name}.projection", [launch], synthesis.Levels.Length, new CudaTap($"{last.Name}.projection", projection));
        Release(projection);
    }

    // (conv2(conv1(x)) + skip(x)) / sqrt(2). Releases the input.
    private HalfMap Residual(ResBlock block, HalfMap input, int feature)
    {
        int half = block.Resolution / 2;
        HalfMap small = ReserveMap(half, half, input.Channels);
        Add(block.Skip.Name, [HalfBlur.PrepareSkip(Loader, BlurArguments(input, small, input.Height, input.Width))]);

        HalfMap inner = ReserveMap(input.Height, input.Width, block.Conv1.Outputs);
        Add(block.Conv1.Name, Convolve(
            _weights.Convolution(block.Conv1.Weight), input, inner, new() { Bias = _weights.Vector(block.Conv1.Bias!), Gain = 1 }),
            new CudaTap(block.Conv1.Name, new HalfActivation(inner)));
        Release(input);

        HalfMap blurred = ReserveMap(half + 1, half + 1, inner.Channels, planes: 4);
        KernelLaunch blur = HalfBlur.PrepareDown(Loader, BlurArguments(inner, blurred, inner.Height, inner.Width));
        Release(inner);
        HalfMap output = ReserveMap(half, half, block.Conv2.Outputs);
        HalfEpilogue epilogue = new() { Bias = _weights.Vector(block.Conv2.Bias!), Gain = HalfPower };
        Add(block.Conv2.Name, [blur, .. Convolve(_weights.Convolution(block.Conv2.Weight), blurred, output, epilogue, small)],
            feature, new CudaTap(block.Name, new HalfActivation(output)));
        Release(blurred);
        Release(small);
        return output;
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
