using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Kernels;
using Lia.Kernels.Modulation;
using Lia.Kernels.Warping;
using Lia.Network.Graph;

namespace Lia.Network.Cuda.Exact;

internal sealed partial class ExactPlanBuilder
{
    /// <inheritdoc/>
    public override void Synthesis(
        LiaGraph graph, ArrayView<float> latents, IReadOnlyList<ICudaActivation> features, IReadOnlyList<ArrayView<float>> grids, ArrayView<float> images)
    {
        Synthesis synthesis = graph.Synthesis;
        ArrayView<float> styles = Arena.Reserve((long)Frames * _weights.StyleLength);
        ArrayView<float> demodulations = Arena.Reserve((long)Frames * _weights.DemodulationLength);
        Add("dec.modulation", [Linear(_weights.Modulation, _weights.ModulationBias, latents, graph.Architecture.Style, styles, _weights.StyleLength)]);
        Add("dec.demodulation",
        [
            Demodulation.Prepare(Loader, new()
            {
                Styles = styles,
                SquaredWeights = _weights.SquaredWeights,
                Rows = _weights.DemodulationRows,
                Output = demodulations,
                Frames = Frames,
                RowCount = _weights.DemodulationRows.IntLength,
                StyleStride = _weights.StyleLength,
                OutputStride = _weights.DemodulationLength,
            }),
        ]);

        ActivationMap constant = new(_weights.Constant, 1, 4, 4, synthesis.Conv1.Convolution.Inputs);
        ActivationMap x = Styled(synthesis.Conv1, constant, styles, demodulations);
        ActivationMap? flow = null, rgb = null;
        for (int i = 0; i < synthesis.Levels.Length; i++)
        {
            SynthesisLevel level = synthesis.Levels[i];
            bool isLast = i == synthesis.Levels.Length - 1;
            ActivationMap up = Upsampled(level.Up, x, styles, demodulations);
            Release(x);
            ActivationMap conv = Styled(level.Conv, up, styles, demodulations);
            Release(up);
            ActivationMap nextFlow = Reserve(conv.Height, conv.Width, 3, isPlanar: true);
            ActivationMap nextRgb = isLast ? new(images, Frames, conv.Height, conv.Width, 3, IsPlanar: true) : Reserve(conv.Height, conv.Width, 3, isPlanar: true);
            ActivationMap? blended = isLast && !IsTapped ? null : Reserve(conv.Height, conv.Width, conv.Channels);
            ActivationMap? warped = IsTapped ? Reserve(conv.Height, conv.Width, conv.Channels) : null;
            KernelLaunch launch = FlowWarp.Prepare(Loader, new()
            {
                Input = conv.View,
                Feature = features[i].Memory,
                Style = styles.SubView(_weights.StyleOffset(level.ToFlow.Convolution)),
                FlowWeights = _weights.Vector(level.ToFlow.Convolution.Weight),
                FlowBias = _weights.Vector(level.ToFlow.Bias),
                RgbWeights = _weights.Vector(level.ToRgb.Convolution.Weight),
                RgbBias = _weights.Vector(level.ToRgb.Convolution.Bias!),
                RgbOffset = _weights.Vector(level.ToRgb.Bias),
                PreviousFlow = flow?.View ?? default,
                PreviousRgb = rgb?.View ?? default,
                GridX = grids[i],
                GridY = grids[i],
                Flow = nextFlow.View,
                Rgb = nextRgb.View,
                Blended = blended?.View ?? default,
                Warped = warped?.View ?? default,
                Frames = Frames,
                Height = conv.Height,
                Width = conv.Width,
                Channels = conv.Channels,
                StyleStride = _weights.StyleLength,
            });
            CudaTap[] taps = IsTapped
                ? [new($"{level.ToFlow.Name}.flow", nextFlow), new($"{level.ToFlow.Name}.warped", warped!), new($"{level.ToFlow.Name}.blended", blended!), new(level.ToRgb.Name, nextRgb)]
                : [];
            Add(level.ToFlow.Name, [launch], taps);
            Release(conv);
            if (warped != null) Release(warped);
            if (flow != null) Release(flow);
            if (rgb != null) Release(rgb);
            (flow, rgb, x) = (nextFlow, nextRgb, blended!);
        }
    }

    private ActivationMap Styled(StyledConvolutionLayer layer, ActivationMap input, ArrayView<float> styles, ArrayView<float> demodulations)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        ActivationMap output = Reserve(input.Height, input.Width, convolution.Outputs);
        Add(layer.Name, Convolve(
            _weights.Convolution(convolution.Weight), input, output, 1, convolution.Kernel / 2, false, Activated(layer, demodulations),
            styles.SubView(_weights.StyleOffset(convolution))), new CudaTap(layer.Name, output));
        return output;
    }

    // Transposed convolution, then the blur with demodulation, bias and activation: a factor per channel passes through the blur.
    private ActivationMap Upsampled(StyledConvolutionLayer layer, ActivationMap input, ArrayView<float> styles, ArrayView<float> demodulations)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        ActivationMap wide = Reserve(2 * input.Height + 1, 2 * input.Width + 1, convolution.Outputs);
        KernelLaunch[] transposed = Convolve(
            _weights.Convolution(convolution.Weight), input, wide, 1, 0, true, default, styles.SubView(_weights.StyleOffset(convolution)));
        ActivationMap output = Reserve(2 * input.Height, 2 * input.Width, convolution.Outputs);
        Add(layer.Name, [.. transposed, BlurTo(wide, output, stride: 1, padding: 1, UpsamplingFirGain, Activated(layer, demodulations))], new CudaTap(layer.Name, output));
        Release(wide);
        return output;
    }

    private Epilogue Activated(StyledConvolutionLayer layer, ArrayView<float> demodulations) => new()
    {
        Scale = demodulations.SubView(_weights.DemodulationOffset(layer.Convolution)),
        ScaleStride = _weights.DemodulationLength,
        Bias = _weights.Vector(layer.Bias),
        Activate = 1,
    };

}
