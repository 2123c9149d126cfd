using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Modulation;
using Lia.Kernels.Warping;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Float32;

internal sealed partial class Float32PlanBuilder
{
    public void Modulate(Synthesis synthesis)
    {
        ReserveModulations();
        Add("dec.modulation", [StackedModulation()]);
        Add("dec.demodulation",
        [
            Kernels.Modulation.Demodulation.Prepare(Loader, new()
            {
                Styles = Styles,
                SquaredWeights = _weights.SquaredWeights,
                Rows = _weights.DemodulationRows,
                Output = Demodulations,
                Frames = Frames,
                RowCount = _weights.DemodulationRows.IntLength,
                StyleStride = _weights.StyleLength,
                OutputStride = _weights.DemodulationLength,
            }),
        ]);
    }

    // One for all frames; the convolution modulates what it reads.
    public ActivationMap Constant(Synthesis synthesis) => _constant = new(_weights.Constant, 1, 4, 4, synthesis.Conv1.Convolution.Inputs);

    public ActivationMap Styled(StyledConvolutionLayer layer, ActivationMap input, ModulatedConvolutionLayer? next)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        ActivationMap output = Reserve(input.Height, input.Width, convolution.Outputs);
        Add(layer.Name, Convolve(
            _weights.Convolution(convolution.Weight), input, output, 1, convolution.Kernel / 2, false, Activated(layer),
            Style(convolution)),
            new CudaTap(layer.Name, output));
        return output;
    }

    // Transposed convolution, then the blur with demodulation, bias and activation: a factor per channel passes through the blur.
    public ActivationMap Upsampled(StyledConvolutionLayer layer, ActivationMap input, ModulatedConvolutionLayer next)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        ActivationMap wide = Reserve(2 * input.Height + 1, 2 * input.Width + 1, convolution.Outputs);
        KernelLaunch[] transposed =
            Convolve(_weights.Convolution(convolution.Weight), input, wide, 1, 0, true, default, Style(convolution));
        ActivationMap output = Reserve(2 * input.Height, 2 * input.Width, convolution.Outputs);
        Add(layer.Name, [.. transposed, BlurTo(wide, output, stride: 1, padding: 1, LiaGraph.UpsamplingFirGain, Activated(layer))],
            new CudaTap(layer.Name, output));
        Release(wide);
        return output;
    }

    public LevelEnd<ActivationMap> Warp(
        SynthesisLevel level, int feature, ActivationMap input, LevelEnd<ActivationMap>? below, ModulatedConvolutionLayer? next)
    {
        ActivationMap flow = Reserve(input.Height, input.Width, 3, isPlanar: true), rgb = ReserveRgb(input.Height, input.Width, next);
        ActivationMap? blended = next == null && !IsTapped ? null : Reserve(input.Height, input.Width, input.Channels);
        ActivationMap? warped = IsTapped ? Reserve(input.Height, input.Width, input.Channels) : null;
        KernelLaunch launch = FlowWarp.Prepare(Loader, new()
        {
            Input = input.View,
            Feature = Decoding.Features[feature],
            FeatureStride = Decoding.FeatureStride,
            Style = Style(level.ToFlow.Convolution),
            FlowWeights = _weights.Vector(level.ToFlow.Convolution.Weight),
            FlowBias = _weights.Vector(level.ToFlow.Bias),
            RgbWeights = _weights.Vector(level.ToRgb.Convolution.Weight),
            RgbBias = _weights.Vector(level.ToRgb.Convolution.Bias!),
            RgbOffset = _weights.Vector(level.ToRgb.Bias),
            PreviousFlow = below?.Flow.View ?? default,
            PreviousRgb = below?.Rgb.View ?? default,
            GridX = Decoding.Grids[feature],
            GridY = Decoding.Grids[feature],
            Flow = flow.View,
            Rgb = rgb.View,
            Blended = blended?.View ?? default,
            Warped = warped?.View ?? default,
            Frames = Frames,
            Height = input.Height,
            Width = input.Width,
            Channels = input.Channels,
            StyleStride = _weights.StyleLength,
        });
        Add(level.ToFlow.Name, [launch], IsTapped ? Taps(level, flow, warped!, blended!, rgb) : []);
        if (warped != null) Release(warped);
        return new(flow, rgb, blended);
    }

    private Epilogue Activated(StyledConvolutionLayer layer) => new()
    {
        Scale = Demodulation(layer.Convolution),
        ScaleStride = _weights.DemodulationLength,
        Bias = _weights.Vector(layer.Bias),
        Activate = 1,
    };
}
