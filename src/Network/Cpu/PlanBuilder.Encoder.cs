using Lia.Network.Graph;

namespace Lia.Network.Cpu;

internal sealed unsafe partial class PlanBuilder
{
    /// <summary>The encoder.</summary>
    /// <returns>The appearance code, a 1x1 map.</returns>
    public FeatureMap Encoder(Encoder encoder, FeatureMap picture)
    {
        int feature = encoder.Blocks.Length - 1; // Features are numbered from 8x8 up.
        FeatureMap x = Convolution(encoder.First, picture, border: 1, feature: feature--);
        Release(picture);
        foreach (ResBlock block in encoder.Blocks) x = ResBlock(block, x, border: 1, feature: feature--);
        FeatureMap code = Convolution(encoder.Last, x, border: 0);
        Release(x);
        return code;
    }

    /// <summary>A residual block; releases its input.</summary>
    public FeatureMap ResBlock(ResBlock block, FeatureMap input, int border, int feature = -1)
    {
        // (conv2 + skip) / sqrt(2): the skip's part goes into its weights, conv2's cancels the activation's gain.
        const double Share = 0.70710678118654752;
        FeatureMap blurred = BlurForStride(block.Skip, input);
        FeatureMap output = Reserve(blurred.Height, blurred.Width, block.Skip.Outputs, border);
        plan.Add(new ConvolutionStep(context, block.Skip.Name, blurred, output, Pack(block.Skip, blurred.Stride, Share),
            new(0, 0, 1, output.Height, output.Width), Linear(block.Skip.Outputs, 1)));
        Release(blurred);

        FeatureMap inner = Convolution(block.Conv1, input, border: 0);
        Release(input);
        blurred = BlurForStride(block.Conv2, inner);
        Release(inner);
        Epilogue epilogue = Activation(weights.ReadParameter(block.Conv2.Bias!, block.Conv2.Outputs), null, (float)Share);
        plan.Add(new ConvolutionStep(context, block.Conv2.Name, blurred, output, Pack(block.Conv2, blurred.Stride, 1),
            new(0, 0, 2, output.Height, output.Width), epilogue with { Accumulate = true }) { TapName = block.Name, Feature = feature });
        Release(blurred);
        return output;
    }

    /// <summary>A convolution of the encoder with its blur, bias and activation.</summary>
    public FeatureMap Convolution(ConvolutionLayer layer, FeatureMap input, int border, int feature = -1)
    {
        FeatureMap source = layer.Resampling == Resampling.Down ? BlurForStride(layer, input) : input;
        // The blur in front of a strided 1x1 convolution has skipped the pixels already.
        int step = layer.Resampling == Resampling.Down && layer.Kernel > 1 ? 2 : 1;
        int padding = layer.Resampling == Resampling.Down ? 0 : layer.Padding;
        int height = (source.Height + 2 * padding - layer.Kernel) / step + 1, width = (source.Width + 2 * padding - layer.Kernel) / step + 1;
        FeatureMap output = Reserve(height, width, layer.Outputs, border);
        float[]? bias = layer.Bias == null ? null : weights.ReadParameter(layer.Bias, layer.Outputs);
        Epilogue epilogue = layer.Activated ? Activation(bias!, null, 1) : Linear(layer.Outputs, 1, bias == null ? null : context.Vector(bias));
        plan.Add(new ConvolutionStep(context, layer.Name, source, output, Pack(layer, source.Stride, 1),
            new(-padding, -padding, step, height, width), epilogue) { TapName = layer.Name, Feature = feature });
        if (source != input) Release(source);
        return output;
    }

    /// <summary>
    /// The blur before a strided convolution. A 1x1 convolution reads every second pixel of it, so only these are made.
    /// </summary>
    private FeatureMap BlurForStride(ConvolutionLayer layer, FeatureMap input)
    {
        int padding = layer.BlurPadding, step = layer.Kernel == 1 ? 2 : 1;
        int height = (input.Height + 2 * padding - 4) / step + 1, width = (input.Width + 2 * padding - 4) / step + 1;
        return Blur($"{layer.Name} blur", input, height, width, step, padding);
    }

    private PackedKernel Pack(ConvolutionLayer layer, int inputStride, double gain) => new(
        context, weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs, layer.Kernel, layer.Kernel), layer.Outputs, layer.Inputs, layer.Kernel,
        Taps(layer.Kernel), Taps(layer.Kernel), inputStride, gain / Math.Sqrt(layer.Inputs * layer.Kernel * layer.Kernel));
}
