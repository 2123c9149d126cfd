using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Resampling;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.TensorCores;

/// <summary>
/// The network on tensor cores, CHW8, with float32 sums: operands are halves (fast) or pairs of halves (exact). What surrounds a
/// convolution is folded into its neighbors:
/// <code>
///     encoder block    x ------------------> skip blur (every 2nd pixel) ------------------+
///                      x --> conv1, bias, act --> blur (into 4 phases) --> conv2, bias, act, + 1x1 skip, / sqrt 2
///
///     decoder level    blended s --> transposed conv (4 phases) --> blur, d, bias, act, s' --> conv, d, bias, act
///                      --> ToFlow, warp, mask, ToRGB, blend, s''         (s, s', s'': the modulation of the layer that reads it)
/// </code>
/// Modulations are divided by their largest value, which demodulation takes out again, so that modulated activations stay in the range of
/// fp16.
/// </summary>
/// <inheritdoc cref="CudaPlanBuilder"/>
internal sealed partial class TensorCorePlanBuilder(
    KernelLoader loader, TensorCoreWeights weights, LiaGraph graph, ArenaLayout arena, int frames, bool isTapped)
    : CudaPlanBuilder(loader, weights, graph, arena, frames, isTapped), ILayers<ICudaActivation>
{
    private readonly TensorCoreWeights _weights = weights;
    private (ICudaActivation Input, HalfBlurArguments Blur)? _waiting; // a block's skip, until its other blur comes
    private ArrayView<float> _normalized;
    private HalfActivation? _constant;

    protected override void Encode() => ForwardPass.Encode(Graph, this);

    protected override void Synthesize() => ForwardPass.Synthesize(Graph.Synthesis, this);

    public void Head(MotionHead head, ICudaActivation code) => FoldedHead(head);

    void IResidualLayers<ICudaActivation>.Release(ICudaActivation map)
    {
        if (map != _waiting?.Input) Release(map); // That one is still to be read, and released by its reader.
    }

    // With more frames a layer's weights are soon read for the second time.
    private bool FetchesAhead => Frames < 4;

    private static HalfMap Map(ICudaActivation activation) => ((HalfActivation)activation).Map;

    private HalfMap ReserveMap(int height, int width, int channels, int planes = 1) =>
        HalfActivation.Reserve(Arena, Frames, channels, height, width, planes, _weights.Parts);

    private void Release(HalfMap map) => Arena.Release(map.View.Cast<float>());

    /// <summary>A convolution; its workspace is given back at once, because the next step runs after it.</summary>
    private KernelLaunch[] Convolve(HalfConvolutionWeights kernel, HalfMap input, HalfMap output, HalfEpilogue epilogue,
        HalfMap? skip = null, FlowOperands? flow = null)
    {
        ConvolutionCut cut = _weights.Launcher.Cut(kernel, output, isWhole: flow != null);
        long length = HalfConvolutionLauncher.WorkspaceLength(kernel, output, cut);
        ArrayView<float> workspace = length > 0 ? Arena.Reserve(length) : default;
        KernelLaunch[] launches =
            _weights.Launcher.Prepare(kernel, new(input, output, epilogue) { Skip = skip, Flow = flow }, cut, workspace);
        if (length > 0) Arena.Release(workspace);
        return launches;
    }
}
