namespace Lia.Kernels.Convolution;

/// <summary>The parts of a <see cref="HalfEpilogue"/>, as flags.</summary>
internal static class EpilogueParts
{
    /// <summary>Demodulation.</summary>
    public const int Scale = 1;

    /// <summary>Bias and FusedLeakyReLU.</summary>
    public const int Activation = 2;

    /// <summary>The next layer's modulation.</summary>
    public const int Style = 4;

    /// <summary>Bias and activation came before a skip was added.</summary>
    public const int Skip = 8;

    /// <summary>A gain other than one.</summary>
    public const int Gain = 16;

    /// <summary>Instead of everything: partial sums are stored.</summary>
    public const int Partial = 32;

    /// <summary>Instead of the map, ToFlow's sums over its channels are stored.</summary>
    public const int Flow = 64;

    /// <summary>Instead of everything: a float32 map (<see cref="Float32Result"/>), whose channels are multiples of four.</summary>
    public const int Float32 = 128;

    /// <summary>The same for any number of channels.</summary>
    public const int Float32OfAny = 256;

    /// <summary>Either of them.</summary>
    public const int AnyFloat32 = Float32 | Float32OfAny;
}

/// <summary>
/// What an fp16 convolution's sums go through, in float32, two channels at a time:
/// y = act(acc Factor d[frame, c] + b[c]) Gain s'[frame, c], or with a skip y = (act(acc Factor + b[c]) + skip SecondFactor) Gain.
/// <see cref="Parts"/> says what there is.
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

    /// <summary><see cref="EpilogueParts"/>.</summary>
    public int Parts;

    public float Factor, SecondFactor, Gain;

    /// <summary>1 over <see cref="SecondFactor"/>. A division would be a call in the kernel, before which `wgmma` is waited for.</summary>
    public float SecondInverse;

    /// <summary>Bias and activation before the skip's steps: from the first weights' scale to the second's.</summary>
    public static Float2 BeforeSkip(HalfEpilogue e, Float2 sum, int channel) => BeforeSkip(e, sum, e.Bias.Cast<Float2>()[channel >> 1]);

    /// <summary>The same, the bias loaded before.</summary>
    public static Float2 BeforeSkip(HalfEpilogue e, Float2 sum, Float2 bias) => new(
        Activation.LeakyRelu(Intrinsics.Fma(sum.X, e.Factor, bias.X)) * e.SecondInverse,
        Activation.LeakyRelu(Intrinsics.Fma(sum.Y, e.Factor, bias.Y)) * e.SecondInverse);

    /// <summary>What <see cref="Apply"/> needs of channels <paramref name="channel"/> (even) and the next.</summary>
    /// <param name="e">The epilogue.</param>
    /// <param name="parts">Its parts, a constant where the kernel knows them.</param>
    /// <param name="frame">Frame.</param>
    /// <param name="channel">Channel.</param>
    public static HalfEpilogueTerms Load(HalfEpilogue e, int parts, int frame, int channel)
    {
        float factor = (parts & EpilogueParts.Skip) != 0 ? e.SecondFactor : e.Factor;
        HalfEpilogueTerms terms = new() { Scale = new(factor, factor), Bias = new(0f, 0f), Style = new(e.Gain, e.Gain) };
        if ((parts & EpilogueParts.Scale) != 0)
        {
            Float2 scale = e.Scale.Cast<Float2>()[(frame * e.ScaleStride + channel) >> 1];
            terms.Scale = new(scale.X * factor, scale.Y * factor);
        }
        if ((parts & EpilogueParts.Activation) != 0) terms.Bias = e.Bias.Cast<Float2>()[channel >> 1];
        if ((parts & EpilogueParts.Style) != 0)
        {
            Float2 style = e.NextStyle.Cast<Float2>()[(frame * e.NextStyleStride + channel) >> 1];
            terms.Style = new(style.X * e.Gain, style.Y * e.Gain);
        }
        return terms;
    }

    /// <summary>The same of two channels that are no neighbors.</summary>
    public static HalfEpilogueTerms Load(HalfEpilogue e, int parts, int frame, int first, int second)
    {
        float factor = (parts & EpilogueParts.Skip) != 0 ? e.SecondFactor : e.Factor;
        HalfEpilogueTerms terms = new() { Scale = new(factor, factor), Bias = new(0f, 0f), Style = new(e.Gain, e.Gain) };
        if ((parts & EpilogueParts.Scale) != 0)
        {
            int row = frame * e.ScaleStride;
            terms.Scale = new(e.Scale[row + first] * factor, e.Scale[row + second] * factor);
        }
        if ((parts & EpilogueParts.Activation) != 0) terms.Bias = new(e.Bias[first], e.Bias[second]);
        if ((parts & EpilogueParts.Style) != 0)
        {
            int row = frame * e.NextStyleStride;
            terms.Style = new(e.NextStyle[row + first] * e.Gain, e.NextStyle[row + second] * e.Gain);
        }
        return terms;
    }

    /// <summary>Everything but <see cref="BeforeSkip(HalfEpilogue, Float2, int)"/>, on two channels of a pixel.</summary>
    public static Float2 Apply(HalfEpilogueTerms terms, int parts, Float2 sum)
    {
        Float2 value = new(Intrinsics.Fma(sum.X, terms.Scale.X, terms.Bias.X), Intrinsics.Fma(sum.Y, terms.Scale.Y, terms.Bias.Y));
        if ((parts & EpilogueParts.Activation) != 0) value = new(Activation.LeakyRelu(value.X), Activation.LeakyRelu(value.Y));
        if ((parts & (EpilogueParts.Style | EpilogueParts.Gain)) != 0) value = new(value.X * terms.Style.X, value.Y * terms.Style.Y);
        return value;
    }

    /// <summary>Stores two channels as two halves each, <paramref name="part"/> pairs apart; what is beyond fp16 is no number.</summary>
    public static void StorePair(ArrayView<uint> output, int pair, int part, Float2 value)
    {
        Half2 high = new(value.X, value.Y);
        output[pair] = high.RawValue;
        output[pair + part] = new Half2(value.X - high.X, value.Y - high.Y).RawValue;
    }

    /// <summary>Two channels as halves; what is beyond fp16 becomes its largest number, NaN stays.</summary>
    public static uint Pack(Float2 value) => Octet.Saturated(value.X, value.Y).RawValue;
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
