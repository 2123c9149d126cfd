using Lia.Network.Graph;

namespace Lia.Network.Cpu;

internal sealed unsafe partial class PlanBuilder
{
    /// <summary>What the encoder reads; released when its first layer is planned.</summary>
    public FeatureMap? Picture { get; init; }

    /// <summary>The appearance code, a 1x1 map, once the encoder is planned.</summary>
    public FeatureMap? AppearanceCode { get; private set; }

    public FeatureMap First(ConvolutionLayer layer, int feature)
    {
        FeatureMap output = Convolution(layer, Picture!, border: 1, feature);
        Release(Picture!);
        return output;
    }

    // (conv2 + skip) / sqrt(2): the skip's part goes into its weights, conv2's cancels the activation's gain.
    public FeatureMap Skip(ConvolutionLayer layer, FeatureMap input)
    {
        FeatureMap blurred = BlurBefore(layer, input);
        FeatureMap output = Reserve(blurred.Height, blurred.Width, layer.Outputs, border: 1);
        plan.Add(new ConvolutionStep(context, layer.Name, blurred, output, Pack(layer, blurred.Stride, LiaGraph.ResidualGain),
            new(0, 0, 1, output.Height, output.Width), Linear(layer.Outputs, 1)));
        Release(blurred);
        return output;
    }

    public FeatureMap Convolution(ConvolutionLayer layer, FeatureMap input) => Convolution(layer, input, border: 0);

    /// <remarks>A 1x1 convolution reads every second pixel of its blur, so only these are made.</remarks>
    /// <inheritdoc/>
    public FeatureMap BlurBefore(ConvolutionLayer strided, FeatureMap input)
    {
        int padding = strided.BlurPadding, step = strided.Kernel == 1 ? 2 : 1;
        int height = (input.Height + 2 * padding - 4) / step + 1, width = (input.Width + 2 * padding - 4) / step + 1;
        return Blur($"{strided.Name} blur", input, height, width, step, padding);
    }

    /// <remarks>The strided convolution adds to the skip's result where it lies.</remarks>
    /// <inheritdoc/>
    public FeatureMap Join(ResBlock block, FeatureMap blurred, FeatureMap skip, int feature)
    {
        ConvolutionLayer layer = block.Conv2;
        Epilogue epilogue = Activation(weights.ReadParameter(layer.Bias!, layer.Outputs), null, (float)LiaGraph.ResidualGain);
        plan.Add(new ConvolutionStep(context, layer.Name, blurred, skip, Pack(layer, blurred.Stride, 1),
            new(0, 0, 2, skip.Height, skip.Width), epilogue with { Accumulate = true }) { TapName = block.Name, Feature = feature });
        return skip;
    }

    public FeatureMap Code(ConvolutionLayer layer, FeatureMap input) => Convolution(layer, input, border: 0);

    /// <remarks>A small product in double, which the executor makes after the plan.</remarks>
    /// <inheritdoc/>
    public void Head(MotionHead head, FeatureMap code) => AppearanceCode = code;

    /// <summary>A convolution of the encoder with its blur, bias and activation.</summary>
    public FeatureMap Convolution(ConvolutionLayer layer, FeatureMap input, int border, int feature = -1)
    {
        FeatureMap source = layer.Resampling == Resampling.Down ? BlurBefore(layer, input) : input;
        // The blur in front of a strided 1x1 convolution has skipped the pixels already.
        int step = layer.Resampling == Resampling.Down && layer.Kernel > 1 ? 2 : 1;
        int padding = layer.Resampling == Resampling.Down ? 0 : layer.Padding;
        int height = (source.Height + 2 * padding - layer.Kernel) / step + 1,
            width = (source.Width + 2 * padding - layer.Kernel) / step + 1;
        FeatureMap output = Reserve(height, width, layer.Outputs, border);
        float[]? bias = layer.Bias == null ? null : weights.ReadParameter(layer.Bias, layer.Outputs);
        Epilogue epilogue = layer.Activated ? Activation(bias!, null, 1)
            : Linear(layer.Outputs, 1, bias == null ? null : context.Vector(bias));
        float[] weight = weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel);
        plan.Add(Convolve(layer.Name, source, output, weight, layer.Kernel, padding, step, WeightScale(layer), epilogue, layer.Name,
            feature));
        if (source != input) Release(source);
        return output;
    }

    private PackedKernel Pack(ConvolutionLayer layer, int inputStride, double gain) => new(
        context, weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel), layer.Outputs, layer.Inputs,
        layer.Kernel, Taps(layer.Kernel), Taps(layer.Kernel), inputStride, gain * WeightScale(layer));

    private static double WeightScale(ConvolutionLayer layer) => 1 / Math.Sqrt(layer.Inputs * layer.Kernel * layer.Kernel);
}
