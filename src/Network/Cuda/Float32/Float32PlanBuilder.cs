using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Resampling;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Float32;

/// <summary>The network in float32, NHWC: every operation a kernel of its own.</summary>
/// <inheritdoc cref="CudaPlanBuilder"/>
internal sealed partial class Float32PlanBuilder(
    KernelLoader loader, Float32Weights weights, LiaGraph graph, ArenaLayout arena, int frames, bool isTapped)
    : CudaPlanBuilder(loader, weights, graph, arena, frames, isTapped), ILayers<ActivationMap>
{
    private readonly Float32Weights _weights = weights;
    private ActivationMap? _constant;

    protected override void Encode() => ForwardPass.Encode(Graph, this);

    protected override void Synthesize() => ForwardPass.Synthesize(Graph.Synthesis, this);

    public void Head(MotionHead head, ActivationMap code) => FoldedHead(head);

    void IResidualLayers<ActivationMap>.Release(ActivationMap map)
    {
        if (map != _constant) Release(map); // That one lies with the weights.
    }

    /// <summary>A convolution; its workspace is given back at once, because the next step runs after it.</summary>
    private KernelLaunch[] Convolve(
        ConvolutionWeights kernel, ActivationMap input, ActivationMap output, int stride, int padding, bool transposed, Epilogue epilogue,
        ArrayView<float> inputScale = default)
    {
        ConvolutionShape shape = new(Frames, input.Height, input.Width, stride, padding, transposed);
        long length = ConvolutionLauncher.WorkspaceLength(kernel, shape);
        ArrayView<float> workspace = length > 0 ? Arena.Reserve(length) : default;
        KernelLaunch[] launches = ConvolutionLauncher.Prepare(Loader, kernel, shape, new()
        {
            Input = input.View,
            SharesInput = input.Frames != Frames,
            Output = output.View,
            InputScale = inputScale,
            InputScaleStride = _weights.StyleLength,
            Workspace = workspace,
            Epilogue = epilogue,
        });
        if (length > 0) Arena.Release(workspace);
        return launches;
    }

    private KernelLaunch BlurTo(ActivationMap input, ActivationMap output, int stride, int padding, float gain,
        Epilogue epilogue = default) =>
        Blur.Prepare(Loader, new()
        {
            Input = input.View,
            Output = output.View,
            Epilogue = epilogue,
            Gain = gain,
            Frames = Frames,
            InputHeight = input.Height,
            InputWidth = input.Width,
            OutputHeight = output.Height,
            OutputWidth = output.Width,
            Channels = input.Channels,
            Padding = padding,
        }, stride);
}
