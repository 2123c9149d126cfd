using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Linear;
using Lia.Kernels.Pixels;
using Lia.Network.Graph;

namespace Lia.Network.Cuda;

/// <summary>
/// Walks the graph and turns its layers into launches, for a number of frames, with activations placed in an arena. What does not depend on the precision is
/// here; the two precisions walk the encoder and the synthesis each in their own layout.
/// </summary>
/// <param name="loader">Where the kernels are loaded.</param>
/// <param name="weights">The parameters.</param>
/// <param name="arena">Places activations.</param>
/// <param name="frames">Frames that run together.</param>
/// <param name="isTapped">Whether activations that are otherwise not stored are kept for taps.</param>
internal abstract class CudaPlanBuilder(KernelLoader loader, CudaWeights weights, ArenaLayout arena, int frames, bool isTapped)
{
    private readonly List<CudaStep> _steps = [];

    protected KernelLoader Loader => loader;

    protected ArenaLayout Arena => arena;

    protected int Frames => frames;

    protected bool IsTapped => isTapped;

    /// <summary>What was built.</summary>
    public CudaPlan Finish() => new(loader, _steps, arena.Length);

    /// <summary>RGB bytes [frame, S, S, 3] to planes.</summary>
    public void PixelsIn(int size, ArrayView<byte> pixels, ArrayView<float> planes) =>
        Add("pixels in", [PixelConversion.PrepareNormalise(loader, new() { Pixels = pixels, Planes = planes, Frames = frames, PixelsPerFrame = size * size })]);

    /// <summary>Planes to RGB bytes.</summary>
    public void PixelsOut(int size, ArrayView<float> planes, ArrayView<byte> pixels) =>
        Add("pixels out", [PixelConversion.PreparePack(loader, new() { Pixels = pixels, Planes = planes, Frames = frames, PixelsPerFrame = size * size })]);

    /// <summary>latent = origin + basis alpha.</summary>
    public void Displacement(ArrayView<float> basis, ArrayView<float> origin, ArrayView<float> codes, int motion, ArrayView<float> latents, int style) =>
        Add("displacement", [Linear(basis, origin, codes, motion, latents, style)]);

    /// <summary>Pictures to appearance and motion codes.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="images">Planar [frame, 3, S, S].</param>
    /// <param name="appearance">Receives wa [frame, style].</param>
    /// <param name="codes">Receives alpha [frame, motion].</param>
    /// <param name="isSource">Whether the pictures are sources, whose features are kept.</param>
    public abstract void Encoder(LiaGraph graph, ArrayView<float> images, ArrayView<float> appearance, ArrayView<float> codes, bool isSource);

    /// <summary>Latents to pictures.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="latents">[frame, style].</param>
    /// <param name="features">The source's features from 8x8 up, one frame each, laid out as the encoder leaves them.</param>
    /// <param name="grids">linspace(-1, 1) for each level.</param>
    /// <param name="images">Receives planar [frame, 3, S, S].</param>
    public abstract void Synthesis(
        LiaGraph graph, ArrayView<float> latents, IReadOnlyList<ICudaActivation> features, IReadOnlyList<ArrayView<float>> grids, ArrayView<float> images);

    protected void Add(string name, IReadOnlyList<KernelLaunch> launches, params ReadOnlySpan<CudaTap> taps) => Add(name, launches, -1, taps);

    protected void Add(string name, IReadOnlyList<KernelLaunch> launches, int feature, params ReadOnlySpan<CudaTap> taps)
    {
        foreach (KernelLaunch launch in launches) launch.Name = name;
        _steps.Add(new(launches, taps.ToArray(), feature));
    }

    /// <summary>An activation outside the convolutions' layout: [frame, row, column, channel], or planar.</summary>
    protected ActivationMap Reserve(int height, int width, int channels, bool isPlanar = false) =>
        new(arena.Reserve((long)frames * height * width * channels), frames, height, width, channels, isPlanar);

    protected void Release(ActivationMap map) => arena.Release(map.View);

    protected KernelLaunch Linear(ArrayView<float> matrix, ArrayView<float> bias, ArrayView<float> input, int inputs, ArrayView<float> output, int outputs) =>
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
    protected void Head(LiaGraph graph, ArrayView<float> appearance, ArrayView<float> codes) =>
        Add(graph.MotionHead.Name, [Linear(weights.Head, weights.HeadOffset, appearance, graph.Architecture.Style, codes, graph.Architecture.Motion)]);
}
