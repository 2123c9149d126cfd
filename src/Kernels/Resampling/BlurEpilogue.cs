namespace Lia.Kernels.Resampling;

/// <summary>
/// What follows a blur after an upsampling, of one octet of channels: y = FusedLeakyReLU(v d + b) s in two multiply-adds and a
/// multiplication, where v lacks the FIR kernel's gain f. With z = f v d + b and w = sqrt(2) s z,
/// <code>
///     y = sqrt(2) s max(z, 0.2 z) = 0.6 w + 0.4 sign(s) |w|
/// </code>
/// and sqrt(2) s f d, sqrt(2) s b and 0.4 sign(s) are the same for all pixels.
/// </summary>
internal struct BlurEpilogue
{
    private Octet _factor, _offset, _bend;

    /// <summary>An octet's of a frame.</summary>
    /// <param name="a">The blur's operands.</param>
    /// <param name="frame">Whose factors.</param>
    /// <param name="octet">The octet.</param>
    /// <param name="firGain">f, a power of two.</param>
    public static BlurEpilogue Of(HalfBlurArguments a, int frame, int octet, float firGain)
    {
        Octet style = new(new(1f, 1f, 1f, 1f), new(1f, 1f, 1f, 1f));
        if (a.Style.Length != 0) style = Octet.Load(a.Style.SubView(frame * a.StyleStride), octet);
        Octet gain = Octet.Scale(style, Activation.Gain), demodulation = Octet.Load(a.Scale.SubView(frame * a.ScaleStride), octet);
        BlurEpilogue result = default;
        result._factor = Octet.Multiply(Octet.Scale(demodulation, firGain), gain);
        result._offset = Octet.Multiply(Octet.Load(a.Bias, octet), gain);
        result._bend = new(new(Bend(style.Low.X), Bend(style.Low.Y), Bend(style.Low.Z), Bend(style.Low.W)),
            new(Bend(style.High.X), Bend(style.High.Y), Bend(style.High.Z), Bend(style.High.W)));
        return result;
    }

    /// <summary>y of v.</summary>
    public readonly Octet Apply(Octet value)
    {
        Octet w = Octet.Fma(value, _factor, _offset);
        return new(
            new(Apply(w.Low.X, _bend.Low.X), Apply(w.Low.Y, _bend.Low.Y), Apply(w.Low.Z, _bend.Low.Z), Apply(w.Low.W, _bend.Low.W)),
            new(Apply(w.High.X, _bend.High.X), Apply(w.High.Y, _bend.High.Y), Apply(w.High.Z, _bend.High.Z),
                Apply(w.High.W, _bend.High.W)));
    }

    // Half the difference of the slopes, with the sign of the style.
    private static float Bend(float style) => Intrinsics.CopySign((1f - Activation.Slope) / 2f, style);

    private static float Apply(float w, float bend) => Intrinsics.Fma(XMath.Abs(w), bend, w * ((1f + Activation.Slope) / 2f));
}
