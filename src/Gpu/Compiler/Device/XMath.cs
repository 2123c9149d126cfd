namespace Lia.Gpu.Compiler.Device;

/// <summary>
/// Floating point functions of kernels. The approximate ones state their error on the device; on the host they are the correctly rounded
/// function or MathF's.
/// </summary>
internal static class XMath
{
    /// <summary>Absolute value.</summary>
    public static float Abs(float value) => MathF.Abs(value);

    /// <summary>Smaller of two; a number wins over NaN (`min.f32`).</summary>
    public static float Min(float first, float second) => float.MinNumber(first, second);

    /// <summary>Smaller of two.</summary>
    public static int Min(int first, int second) => Math.Min(first, second);

    /// <summary>Larger of two; a number wins over NaN (`max.f32`).</summary>
    public static float Max(float first, float second) => float.MaxNumber(first, second);

    /// <summary>Larger of two.</summary>
    public static int Max(int first, int second) => Math.Max(first, second);

    /// <summary>The value, or the bound it lies beyond; NaN becomes <paramref name="max"/>.</summary>
    public static float Clamp(float value, float min, float max) => Max(Min(value, max), min);

    /// <summary>The value, or the bound it lies beyond.</summary>
    public static int Clamp(int value, int min, int max) => Math.Max(Math.Min(value, max), min);

    /// <summary>Square root, correctly rounded (`sqrt.rn.f32`).</summary>
    public static float Sqrt(float value) => MathF.Sqrt(value);

    /// <summary>Square root, correctly rounded (`sqrt.rn.f64`).</summary>
    public static double Sqrt(double value) => Math.Sqrt(value);

    /// <summary>1 / sqrt(value); relative error at most 2^-22.4 (`rsqrt.approx.f32`).</summary>
    public static float Rsqrt(float value) => Intrinsics.RsqrtApprox(value);

    /// <summary>1 / value, correctly rounded (`rcp.rn.f32`).</summary>
    [Ptx("rcp.rn.f32 $d, $0;")]
    public static float Rcp(float value) => 1f / value;

    /// <summary>Largest integer not above the value.</summary>
    public static float Floor(float value) => MathF.Floor(value);

    /// <summary>Smallest integer not below the value.</summary>
    public static float Ceiling(float value) => MathF.Ceiling(value);

    /// <summary>Nearest integer, ties to even (`cvt.rni`).</summary>
    public static float Round(float value) => MathF.Round(value);

    /// <summary>The value without its fraction.</summary>
    public static float Truncate(float value) => MathF.Truncate(value);

    /// <summary>2^value; relative error at most 2^-22 (`ex2.approx.f32`).</summary>
    public static float Exp2(float value) => Intrinsics.Ex2Approx(value);

    /// <summary>
    /// e^value; relative error at most 3 * 2^-23 where the result is a normal number. value * log2(e) is split into a rounded product and
    /// its remainder, so that the error does not grow with the value.
    /// </summary>
    public static float Exp(float value)
    {
        // log2(e) = High + Low with High a float; e^v = 2^p * (1 + ln2 * remainder) for p = round(v * High).
        const float High = 1.44269502f, Low = 1.92596299e-8f, Ln2 = 0.693147182f;
        float clamped = Clamp(value, -104f, 89f);
        float product = clamped * High;
        float remainder = Intrinsics.Fma(clamped, Low, Intrinsics.Fma(clamped, High, -product));
        float power = Intrinsics.Ex2Approx(product);
        // At both ends of the range the power is 0 or infinity and infinity * remainder would be NaN.
        float scaled = remainder * Ln2;
        float result = power > 3.4e38f ? power : Intrinsics.Fma(power, scaled, power);
        return float.IsNaN(value) ? value : result;
    }

    /// <summary>
    /// log2(value); absolute error at most 2^-22 for values in [0.5, 2], relative error at most 2^-22 elsewhere (`lg2.approx.f32`).
    /// </summary>
    public static float Log2(float value) => Intrinsics.Lg2Approx(value);

    /// <summary>ln(value); <see cref="Log2"/> times ln 2, with one more rounding.</summary>
    public static float Log(float value) => Intrinsics.Lg2Approx(value) * 0.693147182f;

    /// <summary>tanh(value); absolute error at most 2^-22: 1 - 2 / (e^2|v| + 1), which loses relative accuracy near zero.</summary>
    public static float Tanh(float value)
    {
        float tail = 2f / (Exp(2f * MathF.Abs(value)) + 1f);
        return MathF.CopySign(1f - tail, value);
    }

    /// <summary>sin(value); absolute error at most 2^-20 for values in [-pi, pi] (`sin.approx.f32`).</summary>
    public static float Sin(float value) => Intrinsics.SinApprox(value);

    /// <summary>cos(value); absolute error at most 2^-20 for values in [-pi, pi] (`cos.approx.f32`).</summary>
    public static float Cos(float value) => Intrinsics.CosApprox(value);
}
