using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cpu;

/// <summary>
/// Three-channel maps at the end of a level (o and RGB) are kept with four floats a pixel (the fourth is zero) and a zero border, so that
/// an upsampled pixel is four vector reads.
/// </summary>
internal static unsafe class ThreeChannels
{
    private const int Stride = 4;

    /// <summary>A pixel of three values.</summary>
    public static Vector128<float> Pixel(float[] values) => Vector128.Create(values[0], values[1], values[2], 0);

    public static FeatureMap Map(int height, int width) => new(height, width, 3, border: 1, stride: Stride);

    /// <summary>
    /// Adds row y of a map upsampled by 2 (zeros between, pad (2,1), kernel x4): an even sample is
    /// (1 * previous + 3 * own) / 4 of its two neighbors below, an odd one (3 * own + 1 * next) / 4.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddUpsampledRow(FeatureMap previous, int y, float* row, int width)
    {
        (int top, float topFactor) = Taps(y);
        float* upper = previous.Pixel(top, 0), lower = previous.Pixel(top + 1, 0);
        for (int x = 0; x < width; x++, row += Stride)
        {
            (int left, float leftFactor) = Taps(x);
            Vector128<float> above = leftFactor * Vector128.Load(upper + left * Stride) + (1 - leftFactor)
                * Vector128.Load(upper + (left + 1) * Stride);
            Vector128<float> below = leftFactor * Vector128.Load(lower + left * Stride) + (1 - leftFactor)
                * Vector128.Load(lower + (left + 1) * Stride);
            (Vector128.Load(row) + topFactor * above + (1 - topFactor) * below).Store(row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int First, float Factor) Taps(int i) => (i & 1) == 0 ? (i / 2 - 1, 0.25f) : (i / 2, 0.75f);
}

/// <summary>ToRGB of a row of pixels.</summary>
internal sealed unsafe class ToRgb
{
    private readonly CpuContext _context;
    private readonly FeatureMap? _previous;
    private readonly float* _weight;
    private readonly float[] _activationBias;
    private readonly float[] _bias;
    private readonly int _stride;

    public ToRgb(CpuContext context, ITensorSource weights, ToRgbLayer layer, FeatureMap? previous, FeatureMap output)
    {
        ConvolutionLayer convolution = layer.Convolution;
        (_context, _previous, Output, Layer) = (context, previous, output, layer);
        _stride = FeatureMap.RoundUp(convolution.Inputs);
        // FusedLeakyReLU's gain is part of weight and bias: leaky(g x) = g leaky(x).
        float gain = LiaGraph.ActivationGain;
        _weight =
            Rows(context, weights.ReadParameter(convolution.Weight, 3, convolution.Inputs, 1, 1), gain / Math.Sqrt(convolution.Inputs));
        _activationBias = [.. weights.ReadParameter(convolution.Bias!, 3).Select(value => value * gain)];
        _bias = weights.ReadParameter(layer.Bias, 3);
    }

    public ToRgbLayer Layer { get; }

    public FeatureMap Output { get; }

    /// <summary>The RGB of row y from its pixels.</summary>
    public void Row(int y, float* pixels)
    {
        float* rgb = Output.Pixel(y, 0);
        _context.Kernels.Project(pixels, Output.Width, _stride, _weight, rgb);
        Vector128<float> activationBias = ThreeChannels.Pixel(_activationBias), bias = ThreeChannels.Pixel(_bias);
        for (int i = 0; i < 4 * Output.Width; i += 4)
        {
            Vector128<float> value = Vector128.Load(rgb + i) + activationBias;
            (Vector128.Max(value, value * LiaGraph.LeakySlope) + bias).Store(rgb + i);
        }
        if (_previous != null) ThreeChannels.AddUpsampledRow(_previous, y, rgb, Output.Width);
    }

    /// <summary>Three weight rows, scaled and padded as <see cref="CpuKernels.Project"/> reads them.</summary>
    public static float* Rows(CpuContext context, float[] weight, double scale)
    {
        int inputs = weight.Length / 3, stride = FeatureMap.RoundUp(inputs);
        float* rows = context.Own(new(3L * stride));
        for (int i = 0; i < weight.Length; i++) rows[i / inputs * stride + i % inputs] = (float)(weight[i] * scale);
        return rows;
    }
}

/// <summary>ToRGB of a whole map. (In the network it is part of <see cref="ToFlowStep"/>.)</summary>
internal sealed unsafe class ToRgbStep : Step
{
    private readonly ToRgb _toRgb;
    private readonly FeatureMap _input;

    public ToRgbStep(CpuContext context, ToRgb toRgb, FeatureMap input) : base(context, toRgb.Layer.Name) =>
        (_toRgb, _input, Output) = (toRgb, input, toRgb.Output);

    public override int Items => Output!.Height;

    public override void Run(int item, int worker) => _toRgb.Row(item, _input.Pixel(item, 0));
}
