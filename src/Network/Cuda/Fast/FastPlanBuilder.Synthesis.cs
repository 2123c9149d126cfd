using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Modulation;
using Lia.Kernels.Resampling;
using Lia.Kernels.Warping;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Fast;

internal sealed partial class FastPlanBuilder
{
    /// <inheritdoc/>
    public override void Synthesis(
        LiaGraph graph, ArrayView<float> latents, IReadOnlyList<ICudaActivation> features, IReadOnlyList<ArrayView<float>> grids, ArrayView<float> images)
    {
        Synthesis synthesis = graph.Synthesis;
        Modulations modulations = Modulate(graph, latents);
        HalfMap constant = ReserveMap(4, 4, synthesis.Conv1.Convolution.Inputs);
        Add("dec.input",
        [
            ConstantInput.Prepare(Loader, new()
            {
                Constant = _weights.Constant,
                Style = modulations.Style(synthesis.Conv1.Convolution),
                Output = constant.View,
                Frames = Frames,
                Pixels = 16,
                Channels = constant.Octets * 8,
                StyleStride = _weights.StyleLength,
            }),
        ]);
        HalfMap x = Styled(synthesis.Conv1, constant, modulations, synthesis.Levels[0].Up.Convolution);
        Release(constant);
        ActivationMap? flow = null, rgb = null;
        for (int i = 0; i < synthesis.Levels.Length; i++)
        {
            SynthesisLevel level = synthesis.Levels[i];
            ModulatedConvolutionLayer? next = i + 1 < synthesis.Levels.Length ? synthesis.Levels[i + 1].Up.Convolution : null;
            HalfMap up = Upsampled(level.Up, x, modulations, level.Conv.Convolution);
            Release(x);
            ActivationMap nextFlow = Reserve(up.Height, up.Width, 3, isPlanar: true);
            if (next == null && !IsTapped && _weights.Launcher.CanEndInFlow(_weights.Convolution(level.Conv.Convolution.Weight)))
            {
                Last(level, up, modulations, (ActivationMap)features[i + 1], nextFlow, flow, rgb, grids[i], images);
                break;
            }
            HalfMap conv = Styled(level.Conv, up, modulations, null);
            Release(up);
            ActivationMap nextRgb = next == null ? new(images, Frames, conv.Height, conv.Width, 3, IsPlanar: true) : Reserve(conv.Height, conv.Width, 3, isPlanar: true);
            HalfMap? blended = next == null && !IsTapped ? null : ReserveMap(conv.Height, conv.Width, conv.Channels);
            HalfMap? warped = IsTapped ? ReserveMap(conv.Height, conv.Width, conv.Channels) : null;
            KernelLaunch launch = HalfFlowWarp.Prepare(Loader, new()
            {
                Input = conv.View,
                Feature = ((HalfActivation)features[i]).Map.View,
                Style = modulations.Style(level.ToFlow.Convolution),
                StyleStride = _weights.StyleLength,
                FlowWeights = _weights.Vector(level.ToFlow.Convolution.Weight),
                FlowBias = _weights.Vector(level.ToFlow.Bias),
                RgbWeights = _weights.Vector(level.ToRgb.Convolution.Weight),
                RgbBias = _weights.Vector(level.ToRgb.Convolution.Bias!),
                RgbOffset = _weights.Vector(level.ToRgb.Bias),
                PreviousFlow = flow?.View ?? default,
                PreviousRgb = rgb?.View ?? default,
                GridX = grids[i],
                GridY = grids[i],
                NextStyle = next == null ? default : modulations.Style(next),
                NextStyleStride = _weights.StyleLength,
                Flow = nextFlow.View,
                Rgb = nextRgb.View,
                Blended = blended?.View ?? default,
                Warped = warped?.View ?? default,
                Frames = Frames,
                Height = conv.Height,
                Width = conv.Width,
                Channels = conv.Octets * 8,
            });
            CudaTap[] taps = IsTapped
                ?
                [
                    new($"{level.ToFlow.Name}.flow", nextFlow), new($"{level.ToFlow.Name}.warped", new HalfActivation(warped!)),
                    new($"{level.ToFlow.Name}.blended", Scaled(blended!, modulations, next)), new(level.ToRgb.Name, nextRgb),
                ]
                : [];
            Add(level.ToFlow.Name, [launch], taps);
            Release(conv);
            if (warped != null) Release(warped);
            if (flow != null) Release(flow);
            if (rgb != null) Release(rgb);
            (flow, rgb, x) = (nextFlow, nextRgb, blended!);
        }
    }

    // The last level: nobody reads its map, so the convolution ends in ToFlow's sums and the warp moves the feature's projection to RGB.
    private void Last(
        SynthesisLevel level, HalfMap input, Modulations modulations, ActivationMap projection, ActivationMap sums, ActivationMap? flow, ActivationMap? rgb,
        ArrayView<float> grid, ArrayView<float> images)
    {
        ModulatedConvolutionLayer convolution = level.Conv.Convolution;
        HalfMap extents = new(default, Frames, convolution.Outputs, input.Height, input.Width);
        FlowOperands operands = new()
        {
            Weights = _weights.Vector(level.ToFlow.Convolution.Weight),
            Style = modulations.Style(level.ToFlow.Convolution),
            Output = sums.View,
            StyleStride = _weights.StyleLength,
            Channels = extents.Octets * 8,
        };
        Add(level.Conv.Name, Convolve(_weights.Convolution(convolution.Weight), input, extents, Activated(level.Conv, modulations, null), flow: operands));
        Add(level.ToFlow.Name,
        [
            HalfRgbWarp.Prepare(Loader, new()
            {
                FlowSums = sums.View,
                Projection = projection.View,
                FlowBias = _weights.Vector(level.ToFlow.Bias),
                RgbBias = _weights.Vector(level.ToRgb.Convolution.Bias!),
                RgbOffset = _weights.Vector(level.ToRgb.Bias),
                PreviousFlow = flow?.View ?? default,
                PreviousRgb = rgb?.View ?? default,
                GridX = grid,
                GridY = grid,
                Rgb = images,
                Frames = Frames,
                Height = input.Height,
                Width = input.Width,
            }),
        ]);
    }

    private Modulations Modulate(LiaGraph graph, ArrayView<float> latents)
    {
        int layers = _weights.DemodulatedLayers.IntLength;
        ArrayView<float> styles = Arena.Reserve((long)Frames * _weights.StyleLength);
        ArrayView<float> demodulations = Arena.Reserve((long)Frames * _weights.DemodulationLength);
        ArrayView<float> maxima = Arena.Reserve((long)Frames * layers);
        Add("dec.modulation",
        [
            Linear(_weights.Modulation, _weights.ModulationBias, latents, graph.Architecture.Style, styles, _weights.StyleLength),
            StyleNormalization.Prepare(Loader, new()
            {
                Styles = styles,
                Layers = _weights.DemodulatedLayers,
                Maxima = maxima,
                Frames = Frames,
                LayerCount = layers,
                StyleStride = _weights.StyleLength,
            }),
        ]);
        Add("dec.demodulation",
        [
            Demodulation.Prepare(Loader, new()
            {
                Styles = styles,
                SquaredWeights = _weights.SquaredWeights,
                Rows = _weights.DemodulationRows,
                Output = demodulations,
                Maxima = maxima,
                Factors = _weights.UnitFactors,
                Frames = Frames,
                RowCount = _weights.DemodulationRows.IntLength,
                StyleStride = _weights.StyleLength,
                OutputStride = _weights.DemodulationLength,
                LayerCount = layers,
            }),
        ]);
        return new(_weights, styles, demodulations);
    }

    private HalfMap Styled(StyledConvolutionLayer layer, HalfMap input, Modulations modulations, ModulatedConvolutionLayer? next)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        HalfMap output = ReserveMap(input.Height, input.Width, convolution.Outputs);
        Add(layer.Name, Convolve(_weights.Convolution(convolution.Weight), input, output, Activated(layer, modulations, next)), new CudaTap(layer.Name, Scaled(output, modulations, next)));
        return output;
    }

    // Transposed convolution, then the blur with demodulation, bias, activation and the next modulation: a factor per channel passes through the blur.
    private HalfMap Upsampled(StyledConvolutionLayer layer, HalfMap input, Modulations modulations, ModulatedConvolutionLayer next)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        HalfMap wide = ReserveMap(input.Height + 1, input.Width + 1, convolution.Outputs, planes: 4);
        KernelLaunch[] transposed = Convolve(_weights.Convolution(convolution.Weight), input, wide, new() { Gain = 1 });
        HalfMap output = ReserveMap(2 * input.Height, 2 * input.Width, convolution.Outputs);
        HalfBlurArguments blur = BlurArguments(wide, output, 2 * input.Height + 1, 2 * input.Width + 1) with
        {
            Scale = modulations.Demodulation(convolution),
            ScaleStride = _weights.DemodulationLength,
            Bias = _weights.Vector(layer.Bias),
            Style = modulations.Style(next),
            StyleStride = _weights.StyleLength,
        };
        Add(layer.Name, [.. transposed, HalfBlur.PrepareUp(Loader, blur)], new CudaTap(layer.Name, Scaled(output, modulations, next)));
        Release(wide);
        return output;
    }

    private HalfEpilogue Activated(StyledConvolutionLayer layer, Modulations modulations, ModulatedConvolutionLayer? next) => new()
    {
        Scale = modulations.Demodulation(layer.Convolution),
        ScaleStride = _weights.DemodulationLength,
        Bias = _weights.Vector(layer.Bias),
        NextStyle = next == null ? default : modulations.Style(next),
        NextStyleStride = _weights.StyleLength,
        Gain = 1,
    };

    private HalfActivation Scaled(HalfMap map, Modulations modulations, ModulatedConvolutionLayer? next) =>
        new(map) { Style = next == null ? default : modulations.Style(next), StyleStride = _weights.StyleLength };

    /// <summary>Modulations and demodulations of all layers, [frame, all channels].</summary>
    private sealed record Modulations(FastWeights Weights, ArrayView<float> Styles, ArrayView<float> Demodulations)
    {
        public ArrayView<float> Style(ModulatedConvolutionLayer layer) => Styles.SubView(Weights.StyleOffset(layer));

        public ArrayView<float> Demodulation(ModulatedConvolutionLayer layer) => Demodulations.SubView(Weights.DemodulationOffset(layer));
    }
}
