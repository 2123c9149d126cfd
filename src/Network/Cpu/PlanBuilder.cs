using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cpu;

/// <summary>
/// Turns layers of the graph into steps. Each method adds one layer's steps to the plan, reserves its output in the arena and
/// releases what it alone used. A map that a 3x3 convolution reads has a border of zeros.
/// </summary>
internal sealed unsafe partial class PlanBuilder(CpuContext context, ITensorSource weights, Plan plan) : ILayers<FeatureMap>
{
    public FeatureMap Reserve(int height, int width, int channels, int border) =>
        context.Arena.Reserve(new(height, width, channels, border));

    public void Release(FeatureMap map) => context.Arena.Release(map);

    /// <summary>A linear layer of a vector.</summary>
    public float* Linear(LinearLayer layer, float* input)
    {
        float scale = layer.LrMul / MathF.Sqrt(layer.Inputs), gain = layer.Activated ? LiaGraph.ActivationGain : 1;
        float[] weight = weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs),
            bias = weights.ReadParameter(layer.Bias, layer.Outputs);
        for (int i = 0; i < weight.Length; i++) weight[i] *= scale * gain;
        for (int i = 0; i < bias.Length; i++) bias[i] *= layer.LrMul * gain;
        return plan.Add(new LinearStep(context, layer.Name, weight, bias, input, layer.Activated ? LiaGraph.LeakySlope : 1)).Result;
    }

    /// <summary>A blur of its own.</summary>
    public FeatureMap Blur(string name, FeatureMap input, int height, int width, int step, int padding, Epilogue? epilogue = null,
        int border = 0)
    {
        FeatureMap output = Reserve(height, width, input.Channels, border);
        plan.Add(new BlurStep(context, name, input, output, step, padding, epilogue ?? Linear(input.Channels, LiaGraph.FirGain)));
        return output;
    }

    /// <summary>A whole convolution, by Winograd's products where they pay.</summary>
    private Step Convolve(
        string name, FeatureMap input, FeatureMap output, float[] weight, int kernel, int padding, int step, double scale,
        Epilogue epilogue, string? tapName, int feature = -1, float* post = null)
    {
        PackedKernel packed =
            new(context, weight, output.Channels, input.Channels, kernel, Taps(kernel), Taps(kernel), input.Stride, scale);
        return WinogradStep.Fits(input, kernel, padding, step)
            ? new WinogradStep(context, name, input, output, packed, epilogue) { TapName = tapName, Feature = feature, Post = post }
            : new ConvolutionStep(context, name, input, output, packed, new(-padding, -padding, step, output.Height, output.Width),
                epilogue) { TapName = tapName, Feature = feature, Post = post };
    }

    /// <summary>An epilogue without activation.</summary>
    public Epilogue Linear(int channels, float scale, float* bias = null) => new()
    {
        Scale = context.Vector(channels, scale),
        Bias = bias != null ? bias : context.Vector(channels, 0),
        Slope = 1,
    };

    /// <summary>FusedLeakyReLU with its gain times <paramref name="gain"/>, after a per-channel or constant scale.</summary>
    private Epilogue Activation(float[] bias, float* scale, float gain)
    {
        float total = LiaGraph.ActivationGain * gain;
        return new()
        {
            Scale = scale != null ? scale : context.Vector(bias.Length, total),
            Bias = context.Vector([.. bias.Select(value => value * total)]),
            Slope = LiaGraph.LeakySlope,
        };
    }

    private static int[] Taps(int kernel) => [.. Enumerable.Range(0, kernel)];
}
