using Lia.Gpu.Runtime;

namespace Lia.Kernels.Convolution;

/// <summary>An input of an fp16 convolution. Extents are in pixels and octets.</summary>
internal struct ConvolutionInput
{
    /// <summary>x, CHW8.</summary>
    public ArrayView<Half> View;

    public int Octets, Planes, Height, Width;
}

/// <summary>What an fp16 convolution kernel is passed. The tile is a rectangle of blocks of 8 x 8 output pixels, or the same block of several frames.</summary>
internal struct HalfConvolutionArguments
{
    public ConvolutionInput Input0, Input1;

    /// <summary>w, packed (<see cref="HalfConvolutionWeights"/>).</summary>
    public ArrayView<Half> Weights;

    /// <summary>y, CHW8 (phase-separated for a transposed convolution).</summary>
    public ArrayView<Half> Output;

    /// <summary>Partial sums when K is cut, [split] then the output's order; else empty.</summary>
    public ArrayView<float> Workspace;

    /// <summary><see cref="ConvolutionStep"/>s, two vectors each.</summary>
    public ArrayView<Int4> Steps;

    /// <summary><see cref="ConvolutionPart"/>s.</summary>
    public ArrayView<Int4> Parts;

    public HalfEpilogue Epilogue;

    /// <summary>For <see cref="FlowResult"/>.</summary>
    public FlowOperands Flow;

    public int Frames, OutputOctets, OutputPlanes, OutputHeight, OutputWidth;

    /// <summary>Output rows and columns of plane 0: all there are, unless the output is phase-separated.</summary>
    public int Rows, Columns;

    /// <summary>The tile's blocks along x and y, and its frames; their product is the kernel's.</summary>
    public int BlocksX, BlocksY, TileFrames;

    /// <summary>Tiles along x, y and the frames.</summary>
    public int TilesX, TilesY, TilesFrames;

    /// <summary>Tiles along the output channels.</summary>
    public int TilesN;

    public int PartCount;

    /// <summary>Work items: tiles x parts x channel tiles.</summary>
    public int Items;
}

/// <summary>What <see cref="WgmmaConvolution"/> is passed besides.</summary>
internal struct WgmmaConvolutionArguments
{
    public HalfConvolutionArguments Convolution;

    /// <summary>A map for each of <see cref="HalfConvolutionWeights.TileShapes"/>: [frame][octet][plane][row][8 columns].</summary>
    public ArrayView<TensorMap> InputMaps;

    /// <summary>The weights as rows of core matrices.</summary>
    public ArrayView<TensorMap> WeightMap;

    /// <summary>Halves from one input tile in shared memory to the next.</summary>
    public int InputStage;
}

/// <summary>
/// What an fp16 convolution's sums go through, in float32, two channels at a time:
/// y = act(acc Factor d[frame, c] + b[c]) Gain s'[frame, c], or with a skip y = (act(acc Factor + b[c]) + skip SecondFactor) Gain. Empty views leave a step out.
/// </summary>
internal struct HalfEpilogue
{
    /// <summary>Demodulation d [frame, channel], rows <see cref="ScaleStride"/> apart.</summary>
    public ArrayView<float> Scale;

    /// <summary>b [channel], padded with zeros.</summary>
    public ArrayView<float> Bias;

    /// <summary>The next layer's modulation s' [frame, channel], rows <see cref="NextStyleStride"/> apart.</summary>
    public ArrayView<float> NextStyle;

    public int ScaleStride, NextStyleStride;

    /// <summary>1: FusedLeakyReLU.</summary>
    public int Activate;

    /// <summary>1: the activation happened before the skip was added.</summary>
    public int HasSkip;

    public float Factor, SecondFactor, Gain;

    /// <summary>Bias and activation before the skip's steps: from the first weights' scale to the second's.</summary>
    public static Float2 BeforeSkip(HalfEpilogue e, Float2 sum, int channel)
    {
        Float2 bias = e.Bias.Cast<Float2>()[channel >> 1];
        float inverse = 1f / e.SecondFactor;
        return new(
            Activation.LeakyRelu(Intrinsics.Fma(sum.X, e.Factor, bias.X)) * inverse,
            Activation.LeakyRelu(Intrinsics.Fma(sum.Y, e.Factor, bias.Y)) * inverse);
    }

    /// <summary>What <see cref="Apply"/> needs of channels <paramref name="channel"/> (even) and the next.</summary>
    public static HalfEpilogueTerms Load(HalfEpilogue e, int frame, int channel)
    {
        HalfEpilogueTerms terms = new() { Scale = new(1f, 1f), Bias = new(0f, 0f), Style = new(1f, 1f) };
        if (e.Scale.Length != 0) terms.Scale = e.Scale.Cast<Float2>()[(frame * e.ScaleStride + channel) >> 1];
        if (e.Activate != 0) terms.Bias = e.Bias.Cast<Float2>()[channel >> 1];
        if (e.NextStyle.Length != 0) terms.Style = e.NextStyle.Cast<Float2>()[(frame * e.NextStyleStride + channel) >> 1];
        float factor = e.HasSkip != 0 ? e.SecondFactor : e.Factor;
        terms.Scale = new(terms.Scale.X * factor, terms.Scale.Y * factor);
        terms.Style = new(terms.Style.X * e.Gain, terms.Style.Y * e.Gain);
        return terms;
    }

    /// <summary>Everything but <see cref="BeforeSkip"/>, on two channels of a pixel.</summary>
    public static Float2 Apply(HalfEpilogue e, HalfEpilogueTerms terms, Float2 sum)
    {
        Float2 value = new(Intrinsics.Fma(sum.X, terms.Scale.X, terms.Bias.X), Intrinsics.Fma(sum.Y, terms.Scale.Y, terms.Bias.Y));
        Float2 active = new(Activation.LeakyRelu(value.X), Activation.LeakyRelu(value.Y));
        value = e.Activate != 0 ? active : value;
        return new(value.X * terms.Style.X, value.Y * terms.Style.Y);
    }

    /// <summary>Two channels as halves; what is beyond fp16 becomes its largest number, NaN stays.</summary>
    public static uint Pack(Float2 value) => Intrinsics.PackHalf2(Saturate(value.X), Saturate(value.Y));

    private static float Saturate(float value)
    {
        const float Most = 65504f;
        value = value > Most ? Most : value;
        return value < -Most ? -Most : value;
    }
}

/// <summary>Two channels' share of <see cref="HalfEpilogue"/>: y = act(sum Scale + Bias) Style.</summary>
internal struct HalfEpilogueTerms
{
    /// <summary>Demodulation times the weights' factor.</summary>
    public Float2 Scale;

    public Float2 Bias;

    /// <summary>The next layer's modulation times the gain.</summary>
    public Float2 Style;
}
