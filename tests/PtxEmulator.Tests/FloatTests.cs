namespace Lia.PtxEmulator.Tests;

/// <summary>Floating-point instructions to the bit; the reference works in wider formats or on exact decimals.</summary>
public class FloatTests
{
    private const uint CanonicalNaN = 0x7FFF_FFFF;

    private static uint Bits(float x) => float.IsNaN(x) ? CanonicalNaN : BitConverter.SingleToUInt32Bits(x);

    private static (float[] A, float[] B) Operands()
    {
        (float[] a, float[] b) = Samples.Pairs(Samples.Floats);
        return ([.. a, .. Samples.RandomFloats(2000, 1)], [.. b, .. Samples.RandomFloats(2000, 2)]);
    }

    private static void Binary(string instruction, Func<float, float, float> truth)
    {
        (float[] a, float[] b) = Operands();
        float[] result = Ptx.Each<float, float>(instruction, a, b);
        for (int i = 0; i < a.Length; i++)
            Assert.True(Bits(truth(a[i], b[i])) == BitConverter.SingleToUInt32Bits(result[i]),
                $"{instruction} of {a[i]:R}, {b[i]:R} gave {result[i]:R}");
    }

    private static void Unary(string instruction, Func<float, float> truth)
    {
        float[] a = [.. Samples.Floats, .. Samples.RandomFloats(3000, 3)];
        float[] result = Ptx.Each<float, float>(instruction, a);
        for (int i = 0; i < a.Length; i++)
            Assert.True(Bits(truth(a[i])) == BitConverter.SingleToUInt32Bits(result[i]), $"{instruction} of {a[i]:R} gave {result[i]:R}");
    }

    [Fact]
    public void Arithmetic_rounds_to_nearest_even_and_keeps_subnormals()
    {
        // Sums, products and quotients of singles, computed in double, round to the correctly rounded single (53 >= 2 * 24 + 2).
        Binary("add.f32 $d, $a, $b;", (a, b) => (float)((double)a + b));
        Binary("sub.rn.f32 $d, $a, $b;", (a, b) => (float)((double)a - b));
        Binary("mul.rn.f32 $d, $a, $b;", (a, b) => (float)((double)a * b));
        Binary("div.rn.f32 $d, $a, $b;", (a, b) => (float)((double)a / b));
        Unary("rcp.rn.f32 $d, $a;", a => (float)(1 / (double)a));
        Unary("sqrt.rn.f32 $d, $a;", a => (float)Math.Sqrt(a));
    }

    [Fact]
    public void Saturation_clamps_to_zero_and_one()
    {
        Binary("add.sat.f32 $d, $a, $b;", (a, b) => (double)a + b is var s && s > 0 ? (float)Math.Min(1, s) : 0);
        Binary("mul.rn.sat.f32 $d, $a, $b;", (a, b) => (double)a * b is var s && s > 0 ? (float)Math.Min(1, s) : 0);
        Unary("fma.rn.sat.f32 $d, $a, $a, $a;",
            a => a > 0 ? MathF.Min(1, MathF.FusedMultiplyAdd(a, a, a)) : (double)a * a + a is var s && s > 0 ? (float)Math.Min(1, s) : 0);
    }

    [Fact]
    public void Fused_multiply_add_rounds_once()
    {
        // (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24, which two roundings would lose.
        float x = 1 + MathF.ScaleB(1, -12);
        Assert.Equal([MathF.ScaleB(1, -24)], Ptx.Each<float, float>("fma.rn.f32 $d, $a, $a, $b;", [x], [-(1 + MathF.ScaleB(1, -11))]));
        double y = 1 + Math.ScaleB(1, -27);
        Assert.Equal([Math.ScaleB(1, -54)], Ptx.Each<double, double>("fma.rn.f64 $d, $a, $a, $b;", [y], [-(1 + Math.ScaleB(1, -26))]));

        (float[] a, float[] b) = Operands();
        float[] c = [.. b.Skip(7), .. b.Take(7)];
        float[] result = Ptx.Each<float, float>("fma.rn.f32 $d, $a, $b, $c;", a, b, c);
        for (int i = 0; i < a.Length; i++)
            Assert.Equal(Bits(MathF.FusedMultiplyAdd(a[i], b[i], c[i])), BitConverter.SingleToUInt32Bits(result[i]));
    }

    [Fact]
    public void Minimum_and_maximum_prefer_numbers_to_NaN_unless_told_otherwise()
    {
        static float Order(float a, float b, bool least) => a == b ? (float.IsNegative(a) == least ? a : b) : (a < b) == least ? a : b;
        Binary("min.f32 $d, $a, $b;", (a, b) => float.IsNaN(a) ? b : float.IsNaN(b) ? a : Order(a, b, true));
        Binary("max.f32 $d, $a, $b;", (a, b) => float.IsNaN(a) ? b : float.IsNaN(b) ? a : Order(a, b, false));
        Binary("min.NaN.f32 $d, $a, $b;", (a, b) => float.IsNaN(a) || float.IsNaN(b) ? float.NaN : Order(a, b, true));
        Binary("max.NaN.f32 $d, $a, $b;", (a, b) => float.IsNaN(a) || float.IsNaN(b) ? float.NaN : Order(a, b, false));
        Assert.Equal([1.0, -0.0], Ptx.Each<double, double>("min.f64 $d, $a, $b;", [double.NaN, 0.0], [1.0, -0.0]).Select(x => x));
        Assert.True(double.IsNegative(Ptx.Each<double, double>("min.f64 $d, $a, $b;", [0.0], [-0.0])[0]));
    }

    [Fact]
    public void Signs()
    {
        uint[] bits = [.. Samples.Floats.Select(BitConverter.SingleToUInt32Bits)];
        Assert.Equal(bits.Select(x => x & 0x7FFF_FFFF), Ptx.Each<float, float>("abs.f32 $d, $a;", Samples.Floats)
            .Select(BitConverter.SingleToUInt32Bits));
        Assert.Equal(bits.Select(x => x ^ 0x8000_0000), Ptx.Each<float, float>("neg.f32 $d, $a;", Samples.Floats)
            .Select(BitConverter.SingleToUInt32Bits));
        Assert.Equal([-3f, 3f], Ptx.Each<float, float>("copysign.f32 $d, $a, $b;", [-1f, 2f], [3f, -3f]));
    }

    [Fact]
    public void Doubles()
    {
        double[] a = [1.0, 1e308, -1e-308, 1.0 / 3, 5e-324], b = [3.0, 10.0, 1e-20, -7.5, 0.5];
        Assert.Equal(a.Zip(b, (x, y) => x + y), Ptx.Each<double, double>("add.rn.f64 $d, $a, $b;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => x * y), Ptx.Each<double, double>("mul.f64 $d, $a, $b;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => x / y), Ptx.Each<double, double>("div.rn.f64 $d, $a, $b;", a, b));
        Assert.Equal(a.Select(Math.Sqrt), Ptx.Each<double, double>("sqrt.rn.f64 $d, $a;", a));
        Assert.Equal(b.Select(x => 1 / x), Ptx.Each<double, double>("rcp.rn.f64 $d, $a;", b));
    }

    [Fact]
    public void Approximations_are_within_half_a_unit_of_the_last_place()
    {
        float[] a = [0.001f, 0.3f, 1f, 1.7f, 2f, 9.5f, 30f, 100f];
        void Near(string instruction, Func<double, double> truth)
        {
            float[] result = Ptx.Each<float, float>(instruction, a);
            for (int i = 0; i < a.Length; i++)
                Assert.InRange(result[i] - truth(a[i]), -MathF.BitIncrement(MathF.Abs(result[i])) * 6e-8,
                    MathF.BitIncrement(MathF.Abs(result[i])) * 6e-8);
        }
        Near("rcp.approx.f32 $d, $a;", x => 1 / x);
        Near("sqrt.approx.f32 $d, $a;", Math.Sqrt);
        Near("rsqrt.approx.f32 $d, $a;", x => 1 / Math.Sqrt(x));
        Near("ex2.approx.f32 $d, $a;", x => Math.Pow(2, x));
        Near("lg2.approx.f32 $d, $a;", Math.Log2);
        Near("sin.approx.f32 $d, $a;", Math.Sin);
        Near("cos.approx.f32 $d, $a;", Math.Cos);
        Near("tanh.approx.f32 $d, $a;", Math.Tanh);
        Near("div.approx.f32 $d, $a, $a;", _ => 1);
        Near("div.full.f32 $d, $a, 0f40000000;", x => x / 2);
    }

    [Fact]
    public void Special_values_of_approximations()
    {
        float[] Of(string instruction, params float[] a) => Ptx.Each<float, float>(instruction + " $d, $a;", a);
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, 0f], Of("rcp.approx.f32", 0f, -0f, float.PositiveInfinity));
        Assert.Equal([float.PositiveInfinity, 0f, float.NaN], Of("rsqrt.approx.f32", 0f, float.PositiveInfinity, -1f));
        Assert.Equal([0f, float.PositiveInfinity, 1f], Of("ex2.approx.f32", float.NegativeInfinity, float.PositiveInfinity, 0f));
        Assert.Equal([float.NegativeInfinity, float.NaN, float.PositiveInfinity], Of("lg2.approx.f32", 0f, -1f, float.PositiveInfinity));
        Assert.Equal([1f, -1f], Of("tanh.approx.f32", float.PositiveInfinity, float.NegativeInfinity));
    }

    [Fact]
    public void Ordered_and_unordered_comparisons()
    {
        (float[] a, float[] b) = Samples.Pairs(Samples.Floats);
        (string Name, Func<float, float, bool> Truth)[] comparisons =
        [
            ("eq", (x, y) => x == y), ("ne", (x, y) => x < y || x > y), ("lt", (x, y) => x < y), ("le", (x, y) => x <= y),
            ("gt", (x, y) => x > y), ("ge", (x, y) => x >= y),
            ("equ", (x, y) => !(x < y || x > y)), ("neu", (x, y) => x != y), ("ltu", (x, y) => !(x >= y)), ("leu", (x, y) => !(x > y)),
            ("gtu", (x, y) => !(x <= y)), ("geu", (x, y) => !(x < y)),
            ("num", (x, y) => !float.IsNaN(x) && !float.IsNaN(y)), ("nan", (x, y) => float.IsNaN(x) || float.IsNaN(y)),
        ];
        foreach ((string name, Func<float, float, bool> truth) in comparisons)
            Assert.Equal(a.Zip(b, (x, y) => truth(x, y) ? 1f : 0f),
                Ptx.Each<float, float>($"setp.{name}.f32 %p1, $a, $b;\nselp.f32 $d, 0f3F800000, 0f00000000, %p1;", a, b));
    }

    [Fact]
    public void Properties_of_numbers()
    {
        (string Name, Func<float, bool> Truth)[] properties =
        [
            ("finite", float.IsFinite), ("infinite", float.IsInfinity), ("number", x => !float.IsNaN(x)), ("notanumber", float.IsNaN),
            ("subnormal", float.IsSubnormal),
            ("normal", x => float.IsNormal(x) || x == 0),
        ];
        foreach ((string name, Func<float, bool> truth) in properties)
            Assert.Equal(Samples.Floats.Select(x => truth(x) ? 1f : 0f),
                Ptx.Each<float, float>($"testp.{name}.f32 %p1, $a;\nselp.f32 $d, 0f3F800000, 0f00000000, %p1;", Samples.Floats));
    }
}
