namespace Lia.Kernels;

/// <summary>The network's nonlinearities, accurate to float32.</summary>
internal static class Activation
{
    /// <summary>Slope of leaky ReLU below zero.</summary>
    public const float Slope = 0.2f;

    /// <summary>sqrt(2), which keeps the variance through a leaky ReLU.</summary>
    public const float Gain = 1.41421354f;

    /// <summary>FusedLeakyReLU once the bias is added: sqrt(2) * leaky_relu(x, 0.2).</summary>
    public static float LeakyRelu(float x) => (x < 0f ? x * Slope : x) * Gain;

    /// <summary>
    /// tanh(x), relative error at most 2^-22. Below 0.6 a polynomial in x^2 (interpolated at the Chebyshev nodes of [0, 0.36]), above it
    /// 1 - 2 / (e^2x + 1): there the subtraction loses nothing.
    /// </summary>
    public static float Tanh(float x) => TanhOrSigmoid(x, false);

    /// <summary>
    /// <see cref="Sigmoid"/> of <paramref name="x"/> or its <see cref="Tanh"/>, for lanes that need one or the other: one exponential and
    /// one division.
    /// </summary>
    public static float TanhOrSigmoid(float x, bool isSigmoid)
    {
        float square = x * x;
        float p = Intrinsics.Fma(-0.006269119679927826f, square, 0.021110959351062775f);
        p = Intrinsics.Fma(p, square, -0.053873948752880096f);
        p = Intrinsics.Fma(p, square, 0.13332915306091309f);
        p = Intrinsics.Fma(p, square, -0.3333333134651184f);
        float near = Intrinsics.Fma(x, p * square, x);
        float magnitude = XMath.Abs(x);
        float quotient = (isSigmoid ? 1f : 2f) / (XMath.Exp(isSigmoid ? -x : 2f * magnitude) + 1f);
        float tanh = magnitude < 0.6f ? near : Intrinsics.CopySign(1f - quotient, x);
        return isSigmoid ? quotient : tanh;
    }

    /// <summary>1 / (1 + e^-x), relative error at most 2^-21; below the smallest normal number it may be zero.</summary>
    public static float Sigmoid(float x) => 1f / (1f + XMath.Exp(-x));

    /// <summary>1 - tanh(x)^2 without its cancellation: 4 e / (1 + e)^2 with e = exp(-2 |x|).</summary>
    public static float TanhSlope(float x)
    {
        float e = XMath.Exp(-2f * XMath.Abs(x));
        return 4f * e / ((1f + e) * (1f + e));
    }

    /// <summary>m (1 - m) of m = sigmoid(x), likewise.</summary>
    public static float SigmoidSlope(float x)
    {
        float e = XMath.Exp(-XMath.Abs(x));
        return e / ((1f + e) * (1f + e));
    }
}
