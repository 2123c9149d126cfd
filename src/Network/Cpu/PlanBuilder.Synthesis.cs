using Lia.Network.Graph;

namespace Lia.Network.Cpu;

internal sealed unsafe partial class PlanBuilder
{
    private readonly Dictionary<string, nint> _styles = []; // Every modulation's result, by the layer it modulates.

    /// <summary>The decoder's latent, padded with zeros.</summary>
    public float* Latent { get; init; }

    /// <summary>The source's features from 8x8 up; read when the plan runs.</summary>
    public FeatureMap[]? Features { get; init; }

    /// <remarks>All styles first: every layer's output is written already modulated for the layer that reads it.</remarks>
    /// <inheritdoc/>
    public void Modulate(Synthesis synthesis)
    {
        Add(synthesis.Conv1.Convolution);
        foreach (SynthesisLevel level in synthesis.Levels)
        {
            Add(level.Up.Convolution);
            Add(level.Conv.Convolution);
            Add(level.ToFlow.Convolution);
        }

        void Add(ModulatedConvolutionLayer layer) => _styles.Add(layer.Name, (nint)Linear(layer.Modulation, Latent));
    }

    public FeatureMap Constant(Synthesis synthesis)
    {
        ModulatedConvolutionLayer reader = synthesis.Conv1.Convolution;
        FeatureMap constant = Reserve(4, 4, reader.Inputs, border: 1);
        plan.Add(new ConstantStep(context, synthesis.Constant, weights.ReadParameter(synthesis.Constant, reader.Inputs, 4, 4), constant));
        plan.Add(new ScaleStep(context, synthesis.Constant, constant, Style(reader)));
        return constant;
    }

    public FeatureMap Styled(StyledConvolutionLayer layer, FeatureMap input, ModulatedConvolutionLayer? next) =>
        Styled(layer, input, Style(layer.Convolution), next == null ? null : Style(next), border: next == null ? 0 : 1);

    public FeatureMap Upsampled(StyledConvolutionLayer layer, FeatureMap input, ModulatedConvolutionLayer next) =>
        Styled(layer, input, next);

    public LevelEnd<FeatureMap> Warp(
        SynthesisLevel level, int feature, FeatureMap input, LevelEnd<FeatureMap>? below, ModulatedConvolutionLayer? next)
    {
        FeatureMap flow = context.Arena.Reserve(ThreeChannels.Map(input.Height, input.Width));
        FeatureMap rgb = context.Arena.Reserve(ThreeChannels.Map(input.Height, input.Width));
        FeatureMap blended = Reserve(input.Height, input.Width, input.Channels, border: 1);
        ToRgb toRgb = new(context, weights, level.ToRgb, below?.Rgb, rgb);
        plan.Add(new ToFlowStep(
            context, weights, level.ToFlow, Style(level.ToFlow.Convolution), input, Features!, feature, below?.Flow, flow, blended, toRgb)
        { Post = next == null ? null : Style(next), IsBlendRead = next != null });
        return new(flow, rgb, next == null ? null : blended);
    }

    /// <summary>A styled convolution of an input that is modulated already.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="input">The modulated input, with a border of 1.</param>
    /// <param name="style">Its modulation.</param>
    /// <param name="post">The modulation of the layer that reads the output, or null.</param>
    /// <param name="border">Border of the output.</param>
    public FeatureMap Styled(StyledConvolutionLayer layer, FeatureMap input, float* style, float* post, int border)
    {
        float[] bias = weights.ReadParameter(layer.Bias, layer.Convolution.Outputs);
        return Modulated(layer.Convolution, input, style, post, border, layer.Name, bias);
    }

    /// <summary>A modulated convolution of an input that is modulated already; activated if there is a bias.</summary>
    public FeatureMap Modulated(
        ModulatedConvolutionLayer layer, FeatureMap input, float* style, float* post, int border, string? tapName = null,
        float[]? bias = null)
    {
        bool isUp = layer.Resampling == Resampling.Up;
        int outputs = layer.Outputs, inputs = layer.Inputs, kernel = layer.Kernel;
        float[] weight = weights.ReadParameter(layer.Weight, outputs, inputs, kernel, kernel);
        double weightScale = 1 / Math.Sqrt(inputs * kernel * kernel);
        // Blur and demodulation commute: the factors go to whichever step is last.
        float gain = (isUp ? LiaGraph.UpsamplingFirGain : 1) * (bias == null ? 1 : LiaGraph.ActivationGain);
        float* scale = layer.Demodulated
            ? plan.Add(new DemodulationStep(context, $"{layer.Name} demodulation", weight, outputs, inputs, weightScale, style,
                gain)).Result
            : context.Vector(outputs, gain);
        Epilogue epilogue = bias == null
            ? Linear(outputs, 1) with { Scale = scale }
            : Activation(bias, scale, 1);

        if (isUp) return Transposed(layer, weight, weightScale, input, epilogue, post, border, tapName);
        FeatureMap source = input;
        int step = 1, padding = kernel / 2;
        if (layer.Resampling == Resampling.Down)
        {
            source = Blur($"{layer.Name} blur", input, input.Height + 1, input.Width + 1, 1, 2);
            (step, padding) = (2, 0);
        }
        FeatureMap output =
            Reserve((source.Height + 2 * padding - kernel) / step + 1, (source.Width + 2 * padding - kernel) / step + 1, outputs, border);
        plan.Add(Convolve(layer.Name, source, output, weight, kernel, padding, step, weightScale, epilogue, tapName, post: post));
        if (source != input) Release(source);
        return output;
    }

    private float* Style(ModulatedConvolutionLayer layer) => (float*)_styles[layer.Name];

    /// <summary>
    /// Transposed 3x3 convolution with stride 2, then the blur. Output pixel 2y+i gets tap i of input y, so the output falls into four
    /// phases which are ordinary convolutions: even rows meet taps 2 and 0 of inputs y-1 and y, odd rows tap 1 of input y; likewise in x.
    /// </summary>
    private FeatureMap Transposed(
        ModulatedConvolutionLayer layer, float[] weight, double weightScale, FeatureMap input, Epilogue epilogue, float* post, int border,
        string? tapName)
    {
        FeatureMap full = Reserve(2 * input.Height + 1, 2 * input.Width + 1, layer.Outputs, border: 0);
        Epilogue none = Linear(layer.Outputs, 1);
        for (int phaseY = 0; phaseY < 2; phaseY++)
        {
            for (int phaseX = 0; phaseX < 2; phaseX++)
            {
                PackedKernel kernel =
                    new(context, weight, layer.Outputs, layer.Inputs, 3, PhaseTaps(phaseY), PhaseTaps(phaseX), input.Stride, weightScale);
                ConvolutionGeometry geometry = new(phaseY - 1, phaseX - 1, 1, input.Height + 1 - phaseY, input.Width + 1 - phaseX)
                { OutputStep = 2, OutputY = phaseY, OutputX = phaseX };
                plan.Add(new ConvolutionStep(context, $"{layer.Name} phase {phaseY}{phaseX}", input, full, kernel, geometry, none));
            }
        }
        FeatureMap output = Reserve(2 * input.Height, 2 * input.Width, layer.Outputs, border);
        plan.Add(new BlurStep(context, $"{layer.Name} blur", full, output, 1, 1, epilogue) { TapName = tapName, Post = post });
        Release(full);
        return output;

        static int[] PhaseTaps(int phase) => phase == 0 ? [2, 0] : [1];
    }
}
