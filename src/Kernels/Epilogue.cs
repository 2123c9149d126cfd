namespace Lia.Kernels;

/// <summary>
/// What a convolution's result goes through before it is stored, all of it optional (an empty view leaves a step out):
/// y = (act(acc * d[frame, channel] + b[channel]) + residual) * residualGain, with d the demodulation, act = FusedLeakyReLU.
/// </summary>
internal struct Epilogue
{
    /// <summary>Demodulation d [frame, channel], rows <see cref="ScaleStride"/> apart.</summary>
    public ArrayView<float> Scale;

    /// <summary>b [channel].</summary>
    public ArrayView<float> Bias;

    /// <summary>What is added last, laid out as the output.</summary>
    public ArrayView<float> Residual;

    /// <summary>Elements from one frame's demodulation to the next.</summary>
    public int ScaleStride;

    /// <summary>1: FusedLeakyReLU; 2: ReLU, of the perceptual network.</summary>
    public int Activate;

    /// <summary>Factor after the residual was added.</summary>
    public float ResidualGain;

    /// <summary>Applies it to channels <paramref name="channel"/> to +3 of the pixel that is stored at <paramref name="row"/>.</summary>
    public static Float4 Apply<TAccess>(Epilogue e, Float4 value, int frame, int row, int channel, int channels)
        where TAccess : struct, IChannelAccess
    {
        if (e.Scale.Length != 0) value = Quad.Multiply(value, Quad.Load<TAccess>(e.Scale, frame * e.ScaleStride, channel, channels));
        if (e.Bias.Length != 0) value = Quad.Add(value, Quad.Load<TAccess>(e.Bias, 0, channel, channels));
        if (e.Activate == 2)
        {
            value = new(XMath.Max(value.X, 0f), XMath.Max(value.Y, 0f), XMath.Max(value.Z, 0f), XMath.Max(value.W, 0f));
        }
        else if (e.Activate != 0)
        {
            value = new(Activation.LeakyRelu(value.X), Activation.LeakyRelu(value.Y), Activation.LeakyRelu(value.Z),
                Activation.LeakyRelu(value.W));
        }
        if (e.Residual.Length != 0)
        {
            value = Quad.Scale(Quad.Add(value, Quad.Load<TAccess>(e.Residual, row, channel, channels)), e.ResidualGain);
        }
        return value;
    }
}
