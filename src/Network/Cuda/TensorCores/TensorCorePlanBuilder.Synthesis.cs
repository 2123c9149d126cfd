using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Modulation;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;
using Lia.Network.Graph;
using Half = ILGPU.Half;

namespace Lia.Network.Cuda.TensorCores;

internal sealed partial class TensorCorePlanBuilder
{
    // Of demodulated layers only the normalized styles are read, of ToFlow, which is not demodulated, the styles as they are. The decoder's
    // input comes of the same launch.
    public void Modulate(Synthesis synthesis)
    {
        ReserveModulations();
        _normalized = Arena.Reserve((long)Frames * _weights.StyleLength);
        _constant = new(ReserveMap(4, 4, synthesis.Conv1.Convolution.Inputs));
        Add("dec.modulation", [StackedModulation()]);
        Add("dec.demodulation",
        [
            NormalizedStyles.Prepare(Loader, new()
            {
                Styles = Styles,
                Normalized = _normalized,
                Layers = _weights.DemodulatedLayers,
                SquaredWeights = _weights.SquaredWeights,
                Rows = _weights.DemodulationRows,
                Demodulations = Demodulations,
                Constant = _weights.Constant,
                Input = _constant.Map.View,
                Frames = Frames,
                LayerCount = _weights.DemodulatedLayers.IntLength,
                RowCount = _weights.DemodulationRows.IntLength,
                StyleStride = _weights.StyleLength,
                OutputStride = _weights.DemodulationLength,
                Pixels = 16,
                Channels = _constant.Map.Octets * 8,
            }, _weights.Parts),
        ]);
    }

    public ICudaActivation Constant(Synthesis synthesis) => _constant!;

    public ICudaActivation Styled(StyledConvolutionLayer layer, ICudaActivation input, ModulatedConvolutionLayer? next)
    {
        HalfMap x = Map(input);
        HalfConvolutionWeights kernel = _weights.Convolution(layer.Convolution.Weight);
        // Nobody reads the last level's map but ToFlow and taps, so its convolution ends in ToFlow's sums where it can.
        SynthesisLevel last = Graph.Synthesis.Levels[^1];
        if (layer == last.Conv && !IsTapped && _weights.Launcher.CanEndInFlow(kernel)) return FlowSums(last, x, kernel);
        HalfActivation output = Scaled(ReserveMap(x.Height, x.Width, layer.Convolution.Outputs), next);
        Add(layer.Name, Convolve(kernel, x, output.Map, Activated(layer, next)), new CudaTap(layer.Name, output));
        return output;
    }

    // Transposed convolution, then the blur with demodulation, bias, activation and the next modulation: a factor per channel passes
    // through the blur.
    public ICudaActivation Upsampled(StyledConvolutionLayer layer, ICudaActivation input, ModulatedConvolutionLayer next)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        HalfMap x = Map(input), wide = ReserveMap(x.Height + 1, x.Width + 1, convolution.Outputs, planes: 4);
        KernelLaunch[] transposed = Convolve(_weights.Convolution(convolution.Weight), x, wide, new() { Gain = 1 });
        HalfActivation output = Scaled(ReserveMap(2 * x.Height, 2 * x.Width, convolution.Outputs), next);
        HalfBlurArguments blur = BlurArguments(wide, output.Map, 2 * x.Height + 1, 2 * x.Width + 1) with
        {
            Scale = Demodulation(convolution),
            ScaleStride = _weights.DemodulationLength,
            Bias = _weights.Vector(layer.Bias),
            Style = Normalized(next),
            StyleStride = _weights.StyleLength,
        };
        if (FetchesAhead)
        {
            SynthesisLevel[] levels = [.. Graph.Synthesis.Levels];
            int following = Array.FindIndex(levels, level => level.Up == layer) + 1;
            blur.NextWeights = _weights.Convolution(next.Weight).View;
            if (following < levels.Length) blur.LaterWeights = _weights.Convolution(levels[following].Up.Convolution.Weight).View;
        }
        Add(layer.Name, [.. transposed, HalfBlur.PrepareUp(Loader, blur, _weights.Parts)], new CudaTap(layer.Name, output));
        Release(wide);
        return output;
    }

    public LevelEnd<ICudaActivation> Warp(
        SynthesisLevel level, int feature, ICudaActivation input, LevelEnd<ICudaActivation>? below, ModulatedConvolutionLayer? next)
    {
        if (input is ActivationMap sums) return WarpRgb(level, feature, sums, below);
        HalfMap x = Map(input);
        ActivationMap flow = Reserve(x.Height, x.Width, 3, isPlanar: true), rgb = ReserveRgb(x.Height, x.Width, next);
        HalfActivation? blended = next == null && !IsTapped ? null : Scaled(ReserveMap(x.Height, x.Width, x.Channels), next);
        HalfActivation? warped = IsTapped ? new(ReserveMap(x.Height, x.Width, x.Channels)) : null;
        KernelLaunch launch = HalfFlowWarp.Prepare(Loader, new()
        {
            Input = x.View,
            Feature = Decoding.Features[feature].Cast<Half>(),
            FeatureStride = 2 * Decoding.FeatureStride,
            Style = Style(level.ToFlow.Convolution),
            StyleStride = _weights.StyleLength,
            FlowWeights = _weights.Vector(level.ToFlow.Convolution.Weight),
            FlowBias = _weights.Vector(level.ToFlow.Bias),
            Projection = Decoding.Features[Graph.FeatureCount + feature],
            ProjectionStride = Decoding.FeatureStride,
            RgbBias = _weights.Vector(level.ToRgb.Convolution.Bias!),
            RgbOffset = _weights.Vector(level.ToRgb.Bias),
            PreviousFlow = below?.Flow.Memory ?? default,
            PreviousRgb = below?.Rgb.Memory ?? default,
            GridX = Decoding.Grids[feature],
            GridY = Decoding.Grids[feature],
            NextStyle = next == null ? default : Normalized(next),
            NextStyleStride = _weights.StyleLength,
            Flow = flow.View,
            Rgb = rgb.View,
            Blended = blended?.Map.View ?? default,
            Warped = warped?.Map.View ?? default,
            Frames = Frames,
            Height = x.Height,
            Width = x.Width,
            Channels = x.Octets * 8,
        }, _weights.Parts);
        Add(level.ToFlow.Name, [launch], IsTapped ? Taps(level, flow, warped!, blended!, rgb) : []);
        if (warped != null) Release(warped);
        return new(flow, rgb, blended);
    }

    private ActivationMap FlowSums(SynthesisLevel level, HalfMap input, HalfConvolutionWeights kernel)
    {
        HalfMap extents = new(default, Frames, level.Conv.Convolution.Outputs, input.Height, input.Width, Parts: _weights.Parts);
        ActivationMap sums = Reserve(input.Height, input.Width, 3, isPlanar: true);
        FlowOperands operands = new()
        {
            Weights = _weights.Vector(level.ToFlow.Convolution.Weight),
            Style = Style(level.ToFlow.Convolution),
            Output = sums.View,
            StyleStride = _weights.StyleLength,
            Channels = extents.Octets * 8,
        };
        Add(level.Conv.Name, Convolve(kernel, input, extents, Activated(level.Conv, null), flow: operands));
        return sums;
    }

    // The last level, from ToFlow's sums: the warp moves the feature's projection to RGB.
    private LevelEnd<ICudaActivation> WarpRgb(SynthesisLevel level, int feature, ActivationMap sums, LevelEnd<ICudaActivation>? below)
    {
        ActivationMap rgb = ReserveRgb(sums.Height, sums.Width, next: null);
        Add(level.ToFlow.Name,
        [
            HalfRgbWarp.Prepare(Loader, new()
            {
                FlowSums = sums.View,
                Projection = Decoding.Features[Graph.FeatureCount + feature],
                ProjectionStride = Decoding.FeatureStride,
                FlowBias = _weights.Vector(level.ToFlow.Bias),
                RgbBias = _weights.Vector(level.ToRgb.Convolution.Bias!),
                RgbOffset = _weights.Vector(level.ToRgb.Bias),
                PreviousFlow = below?.Flow.Memory ?? default,
                PreviousRgb = below?.Rgb.Memory ?? default,
                GridX = Decoding.Grids[feature],
                GridY = Decoding.Grids[feature],
                Rgb = rgb.View,
                Frames = Frames,
                Height = sums.Height,
                Width = sums.Width,
            }),
        ]);
        return new(sums, rgb, null);
    }

    private HalfEpilogue Activated(StyledConvolutionLayer layer, ModulatedConvolutionLayer? next) => new()
    {
        Scale = Demodulation(layer.Convolution),
        ScaleStride = _weights.DemodulationLength,
        Bias = _weights.Vector(layer.Bias),
        NextStyle = next == null ? default : Normalized(next),
        NextStyleStride = _weights.StyleLength,
        Gain = 1,
    };

    private HalfActivation Scaled(HalfMap map, ModulatedConvolutionLayer? next) =>
        new(map) { Style = next == null ? default : Normalized(next), StyleStride = _weights.StyleLength };

    /// <summary>s / m of a demodulated layer [frame, channel], rows <see cref="CudaWeights.StyleLength"/> apart.</summary>
    private ArrayView<float> Normalized(ModulatedConvolutionLayer layer) => _normalized.SubView(_weights.StyleOffset(layer));
}
