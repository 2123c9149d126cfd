using ILGPU.IR.Intrinsics;
using ILGPU;
using Half = ILGPU.Half;

namespace Lia.Gpu;

/// <summary>
/// What the hardware has and ILGPU does not name. Each method is one PTX instruction; errors are those the PTX manual states. In C#,
/// `a * b + c` is always two roundings, on the device too: a fused multiply-add happens exactly where
/// <see cref="Fma(float, float, float)"/> is called.
/// </summary>
public static partial class Intrinsics
{
    /// <summary>`a * b + c`, rounded once (`fma.rn.f32`). Host and device.</summary>
    [IntrinsicImplementation, Ptx("fma.rn.f32 $d, $0, $1, $2;")]
    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    /// <summary>`a * b + c`, rounded once (`fma.rn.f64`). Host and device.</summary>
    [IntrinsicImplementation, Ptx("fma.rn.f64 $d, $0, $1, $2;")]
    public static double Fma(double a, double b, double c) => Math.FusedMultiplyAdd(a, b, c);

    /// <summary>`a * b + c`, rounded once (`fma.rn.f16`).</summary>
    [IntrinsicImplementation, Ptx("fma.rn.f16 $d, $0, $1, $2;")]
    public static Half Fma(Half a, Half b, Half c) => throw DeviceOnly.Error();

    /// <summary>The magnitude of one number with the sign of another (`copysign.f32`). Host and device.</summary>
    [Builtin(Builtin.CopySign)]
    public static float CopySign(float magnitude, float sign) =>
        // ILGPU's own compiler loses MathF.CopySign and gives the magnitude.
        Interop.IntAsFloat((Interop.FloatAsInt(magnitude) & 0x7fffffffu) | (Interop.FloatAsInt(sign) & 0x80000000u));

    /// <summary>2^x; relative error at most 2^-22 (`ex2.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("ex2.approx.f32 $d, $0;")]
    public static float Ex2Approx(float x) => MathF.Pow(2f, x);

    /// <summary>
    /// log2(x); absolute error at most 2^-22 for x in [0.5, 2], relative error at most 2^-22 elsewhere (`lg2.approx.f32`).
    /// </summary>
    [IntrinsicImplementation, Ptx("lg2.approx.f32 $d, $0;")]
    public static float Lg2Approx(float x) => MathF.Log2(x);

    /// <summary>1 / sqrt(x); relative error at most 2^-22.4 (`rsqrt.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("rsqrt.approx.f32 $d, $0;")]
    public static float RsqrtApprox(float x) => 1f / MathF.Sqrt(x);

    /// <summary>1 / x; error at most 1 ulp (`rcp.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("rcp.approx.f32 $d, $0;")]
    public static float RcpApprox(float x) => 1f / x;

    /// <summary>a / b; error at most 2 ulp for |b| in [2^-126, 2^126] (`div.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("div.approx.f32 $d, $0, $1;")]
    public static float DivApprox(float a, float b) => a / b;

    /// <summary>sqrt(x); relative error at most 2^-23 (`sqrt.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("sqrt.approx.f32 $d, $0;")]
    public static float SqrtApprox(float x) => MathF.Sqrt(x);

    /// <summary>tanh(x); relative error at most 2^-11 (`tanh.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("tanh.approx.f32 $d, $0;")]
    public static float TanhApprox(float x) => MathF.Tanh(x);

    /// <summary>sin(x); absolute error at most 2^-20 for x in [-pi, pi] (`sin.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("sin.approx.f32 $d, $0;")]
    public static float SinApprox(float x) => MathF.Sin(x);

    /// <summary>cos(x); absolute error at most 2^-20 for x in [-pi, pi] (`cos.approx.f32`).</summary>
    [IntrinsicImplementation, Ptx("cos.approx.f32 $d, $0;")]
    public static float CosApprox(float x) => MathF.Cos(x);

    /// <summary>The value cut to [0, 1]; NaN becomes 0 (`cvt.sat.f32.f32`).</summary>
    [IntrinsicImplementation, Ptx("cvt.sat.f32.f32 $d, $0;")]
    public static float Saturate(float x) => x >= 0f ? MathF.Min(x, 1f) : 0f;

    /// <summary>Rounds to nearest even and cuts to [0, 255]; NaN becomes 0 (`cvt.rni.sat.u8.f32`).</summary>
    [IntrinsicImplementation, Ptx("cvt.rni.sat.u8.f32 $d, $0;")]
    public static byte RoundToByte(float x)
    {
        // ILGPU's own compiler reads this body too, and Math.Clamp can throw, which no kernel can. Added to 2^23 a float is rounded to a
        // whole number, to nearest even.
        const float Whole = 8388608f;
        float clamped = x >= 0f ? MathF.Min(x, 255f) : 0f;
        return (byte)(clamped + Whole - Whole);
    }

    /// <summary>
    /// Rounds to nearest even; beyond 65504 gives infinity (`cvt.rn.f16.f32`). On the host ILGPU's own conversion cuts off instead.
    /// </summary>
    [IntrinsicImplementation, Ptx("cvt.rn.f16.f32 $d, $0;")]
    public static Half ToHalf(float value) => Interop.IntAsFloat(BitConverter.HalfToUInt16Bits((System.Half)value));

    /// <summary>
    /// Two floats rounded to nearest even and packed, <paramref name="low"/> in bits 0-15 (`cvt.rn.f16x2.f32` from sm_80 on).
    /// </summary>
    public static uint PackHalf2(float low, float high) =>
        TargetSm >= 80 ? ConvertToHalf2(high, low) : Interop.FloatAsInt(ToHalf(low)) | ((uint)Interop.FloatAsInt(ToHalf(high)) << 16);

    /// <summary>
    /// As <see cref="PackHalf2"/>, but what is too large becomes 65504; NaN stays NaN (`cvt.rn.satfinite.f16x2.f32` from sm_80 and PTX 8.1
    /// on).
    /// </summary>
    public static uint PackHalf2Saturated(float low, float high)
    {
        if (TargetSm >= 80 && TargetPtx >= 81) return ConvertToHalf2Saturated(high, low);
        // Rounding gave infinity (0x7c00 under the sign) to what is too large; one less is 65504. The difference from infinity has 15 bits,
        // so that adding 0x7fff sets a half's top bit exactly if it is not zero, and never carries into the other half.
        uint bits = PackHalf2(low, high);
        uint difference = (bits & 0x7fff7fff) ^ 0x7c007c00;
        uint infinite = ~(difference + 0x7fff7fff) & 0x80008000;
        return bits - (infinite >> 15);
    }

    /// <summary>
    /// Rounds to tf32 (10 bits of fraction), ties away from zero; the result is still a float's bits (`cvt.rna.tf32.f32`, sm_80 and up).
    /// </summary>
    [IntrinsicImplementation, Ptx("cvt.rna.tf32.f32 $d, $0;", MinSm = 80)]
    public static uint ToTf32(float x) => (BitConverter.SingleToUInt32Bits(x) + 0x1000) & 0xffffe000;

    /// <summary>The target's compute capability times ten, a compile-time constant in kernels; 0 on the host.</summary>
    public static int TargetSm { [Builtin(Builtin.TargetSm)] get => 0; }

    /// <summary>
    /// Whether the target is sm_90a, which has `wgmma` and `setmaxnreg`: a compile-time constant in kernels; false on the host.
    /// </summary>
    public static bool TargetIsHopper => TargetSm == 90 && TargetIsArchitectureSpecific;

    private static bool TargetIsArchitectureSpecific { [Builtin(Builtin.TargetIsArchitectureSpecific)] get => false; }

    /// <summary>The target's version of PTX times ten, a compile-time constant in kernels; 0 on the host.</summary>
    public static int TargetPtx { [Builtin(Builtin.TargetPtx)] get => 0; }

    // PTX takes the high element first.
    [IntrinsicImplementation, Ptx("cvt.rn.satfinite.f16x2.f32 $d, $0, $1;", MinSm = 80, MinPtx = 81)]
    private static uint ConvertToHalf2Saturated(float high, float low) => throw DeviceOnly.Error();

    [IntrinsicImplementation, Ptx("cvt.rn.f16x2.f32 $d, $0, $1;", MinSm = 80)]
    private static uint ConvertToHalf2(float high, float low) => throw DeviceOnly.Error();

    [IntrinsicImplementation, Ptx("cvt.rn.bf16x2.f32 $d, $0, $1;", MinSm = 80)]
    private static uint ConvertToBFloat16x2(float high, float low) => throw DeviceOnly.Error();
}
