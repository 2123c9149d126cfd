using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Linear;
using Lia.Kernels.Pixels;
using Lia.Network.Graph;

namespace Lia.Network.Cuda;

/// <summary>What the encoder's launches read and write.</summary>
/// <param name="Images">Planar [frame, 3, S, S].</param>
/// <param name="Appearance">Receives wa [frame, style].</param>
/// <param name="Codes">Receives alpha [frame, motion].</param>
/// <param name="IsSource">Whether the pictures are sources, whose features are kept.</param>
internal sealed record EncoderOperands(ArrayView<float> Images, ArrayView<float> Appearance, ArrayView<float> Codes, bool IsSource);

/// <summary>What the decoder's launches read and write.</summary>
/// <param name="Latents">[frame, style].</param>
/// <param name="Features">The sources' features from 8x8 up, laid out as the encoder leaves them.</param>
/// <param name="FeatureStride">Floats from one frame's features to the next; 0 when all frames share one source's.</param>
/// <param name="Grids">linspace(-1, 1) for each level.</param>
/// <param name="Images">Receives planar [frame, 3, S, S].</param>
internal sealed record DecoderOperands(
    ArrayView<float> Latents, IReadOnlyList<ArrayView<float>> Features, int FeatureStride, IReadOnlyList<ArrayView<float>> Grids,
        ArrayView<float> Images);

/// <summary>
/// Turns the layers of a graph into launches, for a number of frames, with activations placed in an arena. What does not depend on the
/// precision is here; the two precisions give the layers of <see cref="ForwardPass"/> their meaning, each in its own layout.
/// </summary>
/// <param name="loader">Where the kernels are loaded.</param>
/// <param name="weights">The parameters.</param>
/// <param name="graph">The network.</param>
/// <param name="arena">Places activations.</param>
/// <param name="frames">Frames that run together.</param>
/// <param name="isTapped">Whether activations that are otherwise not stored are kept for taps.</param>
internal abstract class CudaPlanBuilder(
    KernelLoader loader, CudaWeights weights, LiaGraph graph, ArenaLayout arena, int frames, bool isTapped)
{
    private readonly List<CudaStep> _steps = [];
    private EncoderOperands? _encoding;
    private DecoderOperands? _decoding;
    private ArrayView<float> _styles, _demodulations;

    protected KernelLoader Loader => loader;

    protected LiaGraph Graph => graph;

    protected EncoderOperands Encoding => _encoding!;

    protected DecoderOperands Decoding => _decoding!;

    protected int Size => graph.Architecture.Size;

    /// <summary>All modulations [frame, style channels of all layers].</summary>
    protected ArrayView<float> Styles => _styles;

    /// <summary>All demodulations [frame, output channels of all layers].</summary>
    protected ArrayView<float> Demodulations => _demodulations;

    protected ArenaLayout Arena => arena;

    protected int Frames => frames;

    protected bool IsTapped => isTapped;

    /// <summary>What was built.</summary>
    public CudaPlan Finish() => new(loader, _steps, arena.Length);

    /// <summary>RGB bytes [frame, S, S, 3] to planes.</summary>
    public void PixelsIn(int size, ArrayView<byte> pixels, ArrayView<float> planes) =>
        Add("pixels in",
            [PixelConversion.PrepareNormalize(loader,
            new() { Pixels = pixels, Planes = planes, Frames = frames, PixelsPerFrame = size * size })]);

    /// <summary>Planes to RGB bytes.</summary>
    public void PixelsOut(int size, ArrayView<float> planes, ArrayView<byte> pixels) =>
        Add("pixels out",
            [PixelConversion.PreparePack(loader,
            new() { Pixels = pixels, Planes = planes, Frames = frames, PixelsPerFrame = size * size })]);

    /// <summary>Pictures to appearance and motion codes.</summary>
    public void Encoder(EncoderOperands operands)
    {
        _encoding = operands;
        Encode();
    }

    /// <summary>Latents to pictures.</summary>
    public void Decoder(DecoderOperands operands)
    {
        _decoding = operands;
        Synthesize();
    }

    protected abstract void Encode();

    protected abstract void Synthesize();

    protected void Add(string name, IReadOnlyList<KernelLaunch> launches, params ReadOnlySpan<CudaTap> taps) =>
        Add(name, launches, -1, taps);

    protected void Add(string name, IReadOnlyList<KernelLaunch> launches, int feature, params ReadOnlySpan<CudaTap> taps)
    {
        foreach (KernelLaunch launch in launches) launch.Name = name;
        _steps.Add(new(launches, taps.ToArray(), feature));
    }

    /// <summary>An activation outside the convolutions' layout: [frame, row, column, channel], or planar.</summary>
    protected ActivationMap Reserve(int height, int width, int channels, bool isPlanar = false) =>
        new(arena.Reserve((long)frames * height * width * channels), frames, height, width, channels, isPlanar);

    protected void Release(ICudaActivation map) => arena.Release(map.Memory);

    protected KernelLaunch Linear(
        ArrayView<float> matrix, ArrayView<float> bias, ArrayView<float> input, int inputs, ArrayView<float> output, int outputs) =>
        LinearKernel.Prepare(loader, new()
        {
            Input = input,
            Weights = matrix,
            Bias = bias,
            Output = output,
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            InputStride = inputs,
        });

    /// <summary>The folded motion head.</summary>
    protected void FoldedHead(MotionHead head) =>
        Add(head.Name,
            [Linear(weights.Head, weights.HeadOffset, Encoding.Appearance, graph.Architecture.Style, Encoding.Codes,
            graph.Architecture.Motion)]);

    /// <summary>Room for what all layers are modulated by.</summary>
    protected void ReserveModulations()
    {
        _styles = arena.Reserve((long)frames * weights.StyleLength);
        _demodulations = arena.Reserve((long)frames * weights.DemodulationLength);
    }

    /// <summary>Latents to the modulations of all layers: one product.</summary>
    protected KernelLaunch StackedModulation() =>
        Linear(weights.Modulation, weights.ModulationBias, Decoding.Latents, graph.Architecture.Style, _styles, weights.StyleLength);

    /// <summary>s of a layer [frame, channel], rows <see cref="CudaWeights.StyleLength"/> apart.</summary>
    protected ArrayView<float> Style(ModulatedConvolutionLayer layer) => _styles.SubView(weights.StyleOffset(layer));

    /// <summary>d of a layer [frame, channel], rows <see cref="CudaWeights.DemodulationLength"/> apart.</summary>
    protected ArrayView<float> Demodulation(ModulatedConvolutionLayer layer) => _demodulations.SubView(weights.DemodulationOffset(layer));

    /// <summary>Where a level's RGB goes: the last one's is the picture.</summary>
    protected ActivationMap ReserveRgb(int height, int width, ModulatedConvolutionLayer? next) =>
        next == null ? new(Decoding.Images, frames, height, width, 3, IsPlanar: true) : Reserve(height, width, 3, isPlanar: true);

    /// <summary>What taps see of the end of a level.</summary>
    protected static CudaTap[] Taps(
        SynthesisLevel level, ICudaActivation flow, ICudaActivation warped, ICudaActivation blended, ICudaActivation rgb) =>
    [
        new($"{level.ToFlow.Name}.flow", flow), new($"{level.ToFlow.Name}.warped", warped), new($"{level.ToFlow.Name}.blended", blended),
        new(level.ToRgb.Name, rgb),
    ];
}
