namespace Lia.PtxEmulator.Tests;

/// <summary>Arithmetic on 16-bit floating point: each result is the exact one, rounded once.</summary>
public class HalfTests
{
    private static (ushort[] A, ushort[] B, ushort[] C) Operands()
    {
        ushort[] special = [0, 0x8000, 1, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x3C01, 0x3BFF, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00,
            0x4248, 0x0080, 0x7F7F, 0x3F80, 0x3F81];
        (ushort[] a, ushort[] b) = Samples.Pairs(special);
        var random = new Random(9);
        ushort[] Next(int count) => [.. Enumerable.Range(0, count).Select(_ => (ushort)random.Next(65536))];
        ushort[] x = [.. a, .. Next(6000)];
        return (x, [.. b, .. Next(6000)], Next(x.Length));
    }

    private static ushort Exact(SmallFloatReference format, double a, double b, double c)
    {
        double product = a * b;   // exact: at most 22 bits
        double sum = product + c;
        if (!double.IsFinite(sum) || sum == 0) return format.Round(sum, "rn");
        System.Numerics.BigInteger exact = ScaledExactly(product) + ScaledExactly(c);
        // Where the double sum is inexact, move it off any midpoint in the direction of what was lost.
        System.Numerics.BigInteger lost = exact - ScaledExactly(sum);
        if (lost > 0) sum = Math.BitIncrement(sum);
        else if (lost < 0) sum = Math.BitDecrement(sum);
        return format.Round(sum, "rn");
    }

    // x times 2^1075, an integer.
    private static System.Numerics.BigInteger ScaledExactly(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52 & 0x7FF);
        long mantissa = (bits & 0xF_FFFF_FFFF_FFFF) | (exponent == 0 ? 0 : 1L << 52);
        System.Numerics.BigInteger value = new System.Numerics.BigInteger(mantissa) << Math.Max(exponent, 1);
        return bits < 0 ? -value : value;
    }

    private static void Check(string type, SmallFloatReference format)
    {
        (ushort[] a, ushort[] b, ushort[] c) = Operands();
        void Is(string instruction, Func<double, double, double, ushort> truth)
        {
            ushort[] result = Ptx.Each<ushort, ushort>(instruction, a, b, c);
            for (int i = 0; i < a.Length; i++)
            {
                ushort expected = truth(format.Value(a[i]), format.Value(b[i]), format.Value(c[i]));
                Assert.True(expected == result[i],
                    $"{instruction} of {a[i]:X4} {b[i]:X4} {c[i]:X4} gave {result[i]:X4}, not {expected:X4}");
            }
        }
        Is($"add.rn.{type} $d, $a, $b;", (x, y, _) => Exact(format, x, 1, y));
        Is($"sub.{type} $d, $a, $b;", (x, y, _) => Exact(format, x, 1, -y));
        Is($"mul.{type} $d, $a, $b;", (x, y, _) => format.Round(x * y, "rn"));
        Is($"fma.rn.{type} $d, $a, $b, $c;", (x, y, z) => Exact(format, x, y, z));
        Is($"min.{type} $d, $a, $b;", (x, y, _) => format.Round(double.MinNumber(x, y), "rn"));
        Is($"max.NaN.{type} $d, $a, $b;", (x, y, _) => format.Round(Math.Max(x, y), "rn"));
        Is($"fma.rn.relu.{type} $d, $a, $b, $c;", (x, y, z) => Exact(format, x, y, z) is var r && (r & 0x8000) != 0 ? (ushort)0 : r);
    }

    [Fact]
    public void Halves() => Check("f16", SmallFloatReference.Half);

    [Fact]
    public void Bfloats() => Check("bf16", SmallFloatReference.BFloat);

    [Fact]
    public void Pairs_compute_both_halves_on_their_own()
    {
        (ushort[] a, ushort[] b, ushort[] c) = Operands();
        uint[] Pair(ushort[] x) => [.. x.Select((v, i) => ((uint)x[x.Length - 1 - i] << 16) | v)];
        foreach (string type in (string[])["f16", "bf16"])
        {
            foreach (string instruction in (string[])["add.rn.{0} $d, $a, $b;", "sub.{0} $d, $a, $b;", "mul.rn.{0} $d, $a, $b;",
                "fma.rn.{0} $d, $a, $b, $c;", "max.{0} $d, $a, $b;", "neg.{0} $d, $a;", "abs.{0} $d, $a;"])
            {
                ushort[] one = Ptx.Each<ushort, ushort>(instruction.Replace("{0}", type, StringComparison.Ordinal), a, b, c);
                uint[] two =
                    Ptx.Each<uint, uint>(instruction.Replace("{0}", type + "x2", StringComparison.Ordinal), Pair(a), Pair(b), Pair(c));
                Assert.Equal(Pair(one), two);
            }
        }
    }

    [Fact]
    public void Signs_and_saturation()
    {
        Assert.Equal([(ushort)0xBC00, 0x7C00], Ptx.Each<ushort, ushort>("neg.f16 $d, $a;", [0x3C00, 0xFC00]));
        Assert.Equal([(ushort)0x3C00, 0, 0x3800],
            Ptx.Each<ushort, ushort>("add.sat.f16 $d, $a, $b;", [0x3C00, 0xBC00, 0x3400], [0x3C00, 0x3800, 0x3400]));
    }

    [Fact]
    public void Comparisons()
    {
        (ushort[] a, ushort[] b, _) = Operands();
        Assert.Equal(a.Zip(b, (x, y) => SmallFloatReference.Half.Value(x) < SmallFloatReference.Half.Value(y) ? (ushort)1 : (ushort)0),
            Ptx.Each<ushort, ushort>("setp.lt.f16 %p1, $a, $b;\nselp.b16 $d, 1, 0, %p1;", a, b));
    }
}
