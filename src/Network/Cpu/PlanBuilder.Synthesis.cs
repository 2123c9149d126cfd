using Lia.Network.Graph;

namespace Lia.Network.Cpu;

internal sealed unsafe partial class PlanBuilder
{
    /// <summary>The decoder.</summary>
    /// <param name="synthesis">The description.</param>
    /// <param name="latent">The latent, padded with zeros.</param>
    /// <param name="features">The source's features from 8x8 up; read when the plan runs.</param>
    /// <returns>The picture.</returns>
    public FeatureMap Synthesis(Synthesis synthesis, float* latent, FeatureMap[] features)
    {
        // All styles first: every layer's output is written already modulated for the layer that reads it.
        float* conv1Style = Linear(synthesis.Conv1.Convolution.Modulation, latent);
        int count = synthesis.Levels.Length;
        float*[] upStyles = new float*[count + 1], convStyles = new float*[count], flowStyles = new float*[count];
        for (int i = 0; i < count; i++)
        {
            SynthesisLevel level = synthesis.Levels[i];
            upStyles[i] = Linear(level.Up.Convolution.Modulation, latent);
            convStyles[i] = Linear(level.Conv.Convolution.Modulation, latent);
            flowStyles[i] = Linear(level.ToFlow.Convolution.Modulation, latent);
        }

        int channels = synthesis.Conv1.Convolution.Inputs;
        FeatureMap constant = Reserve(4, 4, channels, border: 1);
        plan.Add(new ConstantStep(context, synthesis.Constant, weights.ReadParameter(synthesis.Constant, channels, 4, 4), constant));
        plan.Add(new ScaleStep(context, synthesis.Constant, constant, conv1Style));
        FeatureMap x = Styled(synthesis.Conv1, constant, conv1Style, upStyles[0], border: 1);
        Release(constant);
        FeatureMap? flow = null, rgb = null;
        for (int i = 0; i < count; i++)
        {
            SynthesisLevel level = synthesis.Levels[i];
            FeatureMap up = Styled(level.Up, x, upStyles[i], convStyles[i], border: 1);
            Release(x);
            FeatureMap conv = Styled(level.Conv, up, convStyles[i], null, border: 0);
            Release(up);
            FeatureMap nextFlow = context.Arena.Reserve(ThreeChannels.Map(conv.Height, conv.Width));
            FeatureMap nextRgb = context.Arena.Reserve(ThreeChannels.Map(conv.Height, conv.Width));
            x = Reserve(conv.Height, conv.Width, conv.Channels, border: 1);
            ToRgb toRgb = new(context, weights, level.ToRgb, rgb, nextRgb);
            plan.Add(new ToFlowStep(context, weights, level.ToFlow, flowStyles[i], conv, features, i, flow, nextFlow, x, toRgb) { Post = upStyles[i + 1], IsBlendRead = i < count - 1 });
            Release(conv);
            if (flow != null) Release(flow);
            if (rgb != null) Release(rgb);
            (flow, rgb) = (nextFlow, nextRgb);
        }
        return rgb!;
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
        ModulatedConvolutionLayer layer, FeatureMap input, float* style, float* post, int border, string? tapName = null, float[]? bias = null)
    {
        bool isUp = layer.Resampling == Resampling.Up;
        int outputs = layer.Outputs, inputs = layer.Inputs, kernel = layer.Kernel;
        float[] weight = weights.ReadParameter(layer.Weight, outputs, inputs, kernel, kernel);
        double weightScale = 1 / Math.Sqrt(inputs * kernel * kernel);
        // Blur and demodulation commute: the factors go to whichever step is last.
        float gain = (isUp ? UpsamplingFirScale : 1) * (bias == null ? 1 : LiaGraph.ActivationGain);
        float* scale = layer.Demodulated
            ? plan.Add(new DemodulationStep(context, $"{layer.Name} demodulation", weight, outputs, inputs, weightScale, style, gain)).Result
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
        FeatureMap output = Reserve((source.Height + 2 * padding - kernel) / step + 1, (source.Width + 2 * padding - kernel) / step + 1, outputs, border);
        PackedKernel packed = new(context, weight, outputs, inputs, kernel, Taps(kernel), Taps(kernel), source.Stride, weightScale);
        plan.Add(new ConvolutionStep(context, layer.Name, source, output, packed, new(-padding, -padding, step, output.Height, output.Width), epilogue)
        { TapName = tapName, Post = post });
        if (source != input) Release(source);
        return output;
    }

    /// <summary>
    /// Transposed 3x3 convolution with stride 2, then the blur. Output pixel 2y+i gets tap i of input y, so the output falls into four
    /// phases which are ordinary convolutions: even rows meet taps 2 and 0 of inputs y-1 and y, odd rows tap 1 of input y; likewise in x.
    /// </summary>
    private FeatureMap Transposed(
        ModulatedConvolutionLayer layer, float[] weight, double weightScale, FeatureMap input, Epilogue epilogue, float* post, int border, string? tapName)
    {
        FeatureMap full = Reserve(2 * input.Height + 1, 2 * input.Width + 1, layer.Outputs, border: 0);
        Epilogue none = Linear(layer.Outputs, 1);
        for (int phaseY = 0; phaseY < 2; phaseY++)
        {
            for (int phaseX = 0; phaseX < 2; phaseX++)
            {
                PackedKernel kernel = new(context, weight, layer.Outputs, layer.Inputs, 3, PhaseTaps(phaseY), PhaseTaps(phaseX), input.Stride, weightScale);
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
