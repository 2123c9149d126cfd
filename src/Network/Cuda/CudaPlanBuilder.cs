using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Linear;
using Lia.Kernels.Pixels;
using Lia.Kernels.Resampling;

namespace Lia.Network.Cuda;

/// <summary>Walks the graph and turns its layers into launches, for a number of frames, with activations placed in an arena.</summary>
/// <param name="accelerator">Where the kernels are loaded.</param>
/// <param name="weights">The parameters.</param>
/// <param name="arena">Places activations.</param>
/// <param name="frames">Frames that run together.</param>
/// <param name="isTapped">Whether activations that are otherwise not stored are kept for taps.</param>
internal sealed partial class CudaPlanBuilder(Accelerator accelerator, CudaWeights weights, ArenaLayout arena, int frames, bool isTapped)
{
    private const float FirGain = 1 / 64f, UpsamplingFirGain = 4 / 64f;

    private readonly List<CudaStep> _steps = [];

    /// <summary>What was built.</summary>
    public CudaPlan Finish() => new(_steps, arena.Length);

    /// <summary>RGB bytes [frame, S, S, 3] to planes.</summary>
    public void PixelsIn(int size, ArrayView<byte> pixels, ArrayView<float> planes) =>
        Add("pixels in", [PixelConversion.PrepareNormalise(accelerator, new() { Pixels = pixels, Planes = planes, Frames = frames, PixelsPerFrame = size * size })]);

    /// <summary>Planes to RGB bytes.</summary>
    public void PixelsOut(int size, ArrayView<float> planes, ArrayView<byte> pixels) =>
        Add("pixels out", [PixelConversion.PreparePack(accelerator, new() { Pixels = pixels, Planes = planes, Frames = frames, PixelsPerFrame = size * size })]);

    /// <summary>latent = origin + basis alpha.</summary>
    public void Displacement(ArrayView<float> basis, ArrayView<float> origin, ArrayView<float> codes, int motion, ArrayView<float> latents, int style) =>
        Add("displacement", [Linear(basis, origin, codes, motion, latents, style)]);

    private ActivationMap Reserve(int height, int width, int channels, bool isPlanar = false) =>
        new(arena.Reserve((long)frames * height * width * channels), frames, height, width, channels, isPlanar);

    private void Release(ActivationMap map) => arena.Release(map.View);

    private void Add(string name, IReadOnlyList<KernelLaunch> launches, params ReadOnlySpan<CudaTap> taps) => Add(name, launches, -1, taps);

    private void Add(string name, IReadOnlyList<KernelLaunch> launches, int feature, params ReadOnlySpan<CudaTap> taps)
    {
        foreach (KernelLaunch launch in launches) launch.Name = name;
        _steps.Add(new(launches, taps.ToArray(), feature));
    }

    /// <summary>A convolution; its workspace is given back at once, because the next step runs after it.</summary>
    private KernelLaunch[] Convolve(
        ConvolutionWeights kernel, ActivationMap input, ActivationMap output, int stride, int padding, bool transposed, Epilogue epilogue,
        ArrayView<float> inputScale = default)
    {
        ConvolutionShape shape = new(frames, input.Height, input.Width, stride, padding, transposed);
        long length = ConvolutionLauncher.WorkspaceLength(kernel, shape);
        ArrayView<float> workspace = length > 0 ? arena.Reserve(length) : default;
        KernelLaunch[] launches = ConvolutionLauncher.Prepare(accelerator, kernel, shape, new()
        {
            Input = input.View,
            SharesInput = input.Frames != frames,
            Output = output.View,
            InputScale = inputScale,
            InputScaleStride = weights.StyleLength,
            Workspace = workspace,
            Epilogue = epilogue,
        });
        if (length > 0) arena.Release(workspace);
        return launches;
    }

    private KernelLaunch BlurTo(ActivationMap input, ActivationMap output, int stride, int padding, float gain, Epilogue epilogue = default) =>
        Blur.Prepare(accelerator, new()
        {
            Input = input.View,
            Output = output.View,
            Epilogue = epilogue,
            Gain = gain,
            Frames = frames,
            InputHeight = input.Height,
            InputWidth = input.Width,
            OutputHeight = output.Height,
            OutputWidth = output.Width,
            Channels = input.Channels,
            Padding = padding,
        }, stride);

    private KernelLaunch Linear(ArrayView<float> matrix, ArrayView<float> bias, ArrayView<float> input, int inputs, ArrayView<float> output, int outputs) =>
        LinearKernel.Prepare(accelerator, new()
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
}
