using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Exact;

internal sealed partial class ExactPlanBuilder
{
    private const float HalfPower = 0.70710678f; // 1 / sqrt(2)

    /// <inheritdoc/>
    public override void Encoder(LiaGraph graph, ArrayView<float> images, ArrayView<float> appearance, ArrayView<float> codes, bool isSource)
    {
        Encoder encoder = graph.Encoder;
        int size = graph.Architecture.Size, feature = encoder.Blocks.Length - 1; // Features are numbered from 8x8 up.
        ActivationMap x = Reserve(size, size, encoder.First.Outputs);
        KernelLaunch first = FirstLayer.Prepare(Loader, new()
        {
            Input = images,
            Weights = _weights.Vector(encoder.First.Weight),
            Bias = _weights.Vector(encoder.First.Bias!),
            Output = x.View,
            Frames = Frames,
            Pixels = size * size,
            Channels = encoder.First.Outputs,
        });
        Add(encoder.First.Name, [first], feature--, new CudaTap(encoder.First.Name, x));
        foreach (ResBlock block in encoder.Blocks) x = Residual(block, x, feature--);

        ActivationMap code = new(appearance, Frames, 1, 1, encoder.Last.Outputs);
        Add(encoder.Last.Name, Convolve(_weights.Convolution(encoder.Last.Weight), x, code, 1, 0, false, default), new CudaTap(encoder.Last.Name, code));
        Release(x);
        Head(graph, appearance, codes);
    }

    // (conv2(conv1(x)) + skip(x)) / sqrt(2); conv2 finds the skip's result where it puts its own. Releases the input.
    private ActivationMap Residual(ResBlock block, ActivationMap input, int feature)
    {
        int half = block.Resolution / 2;
        ActivationMap output = Reserve(half, half, block.Skip.Outputs);
        // A strided 1x1 convolution reads every second pixel of its blur: only these are made.
        ActivationMap small = Reserve(half, half, input.Channels);
        Add(block.Skip.Name,
        [
            BlurTo(input, small, stride: 2, block.Skip.BlurPadding, FirGain),
            .. Convolve(_weights.Convolution(block.Skip.Weight), small, output, 1, 0, false, default),
        ]);
        Release(small);

        ActivationMap inner = Reserve(input.Height, input.Width, block.Conv1.Outputs);
        Add(block.Conv1.Name, Convolve(
            _weights.Convolution(block.Conv1.Weight), input, inner, 1, block.Conv1.Padding, false, new() { Bias = _weights.Vector(block.Conv1.Bias!), Activate = 1 }),
            new CudaTap(block.Conv1.Name, inner));
        Release(input);
        int blurredSize = block.Resolution + 2 * block.Conv2.BlurPadding - 3;
        ActivationMap blurred = Reserve(blurredSize, blurredSize, inner.Channels);
        KernelLaunch blur = BlurTo(inner, blurred, stride: 1, block.Conv2.BlurPadding, FirGain);
        Release(inner);
        Epilogue epilogue = new() { Bias = _weights.Vector(block.Conv2.Bias!), Activate = 1, Residual = output.View, ResidualGain = HalfPower };
        Add(block.Conv2.Name, [blur, .. Convolve(_weights.Convolution(block.Conv2.Weight), blurred, output, 2, 0, false, epilogue)],
            feature, new CudaTap(block.Name, output));
        Release(blurred);
        return output;
    }
}
