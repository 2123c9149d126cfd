using System.Numerics;
using System.Runtime.InteropServices;

namespace Lia.PtxEmulator.Tests;

/// <summary>cvt between all kinds of types.</summary>
public class ConversionTests
{
    private static readonly ushort[] AllHalves = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];

    // Halfway cases and their neighbours are where rounding goes wrong.
    private static readonly float[] Singles =
    [
        .. Samples.Floats, .. Samples.RandomFloats(4000, 5),
        .. Enumerable.Range(0, 4000)
            .SelectMany(i => { float x = ((i * 37 % 2047) + 0.5f)
            * MathF.ScaleB(1, (i % 45) - 30); return new[] { x, MathF.BitIncrement(x), -MathF.BitDecrement(x) }; }),
        65519.996f, 65520f, -65520f, 65536f, 3.39e38f, -3.4e38f, 2.9802322e-8f, 2.9802326e-8f,
    ];

    [Fact]
    public void Every_half_becomes_its_single()
    {
        float[] result = Ptx.Each<float, ushort>("cvt.f32.f16 $d, $a;", AllHalves);
        for (int i = 0; i < result.Length; i++)
        {
            double expected = SmallFloatReference.Half.Value((ushort)i);
            Assert.Equal(double.IsNaN(expected) ? 0x7FFF_FFFFu : BitConverter.SingleToUInt32Bits((float)expected),
                BitConverter.SingleToUInt32Bits(result[i]));
        }
        Assert.Equal(result.Select(x => (double)x), Ptx.Each<double, ushort>("cvt.f64.f16 $d, $a;", AllHalves));
    }

    [Theory]
    [InlineData("rn"), InlineData("rz"), InlineData("rm"), InlineData("rp")]
    public void Singles_round_to_halves(string mode)
    {
        ushort[] result = Ptx.Each<ushort, float>($"cvt.{mode}.f16.f32 $d, $a;", Singles);
        for (int i = 0; i < result.Length; i++)
            Assert.True(SmallFloatReference.Half.Round(Singles[i], mode) == result[i], $"{mode} of {Singles[i]:R} gave {result[i]:X4}");
    }

    [Theory]
    [InlineData("rn"), InlineData("rz")]
    public void Singles_round_to_bfloats(string mode)
    {
        ushort[] result = Ptx.Each<ushort, float>($"cvt.{mode}.bf16.f32 $d, $a;", Singles);
        for (int i = 0; i < result.Length; i++)
            Assert.True(SmallFloatReference.BFloat.Round(Singles[i], mode) == result[i], $"{mode} of {Singles[i]:R} gave {result[i]:X4}");
    }

    [Theory]
    [InlineData("rn"), InlineData("rz")]
    public void Two_singles_become_a_pair_with_the_first_on_top(string mode)
    {
        float[] b = [.. Singles.Reverse()];
        uint[] halves = Ptx.Each<uint, uint>($"mov.b32 %f1, $a;\nmov.b32 %f2, $b;\ncvt.{mode}.f16x2.f32 $d, %f1, %f2;",
            Samples.Bits(Singles), Samples.Bits(b));
        uint[] bfloats = Ptx.Each<uint, uint>($"mov.b32 %f1, $a;\nmov.b32 %f2, $b;\ncvt.{mode}.bf16x2.f32 $d, %f1, %f2;",
            Samples.Bits(Singles), Samples.Bits(b));
        for (int i = 0; i < halves.Length; i++)
        {
            Assert.Equal(((uint)SmallFloatReference.Half.Round(Singles[i], mode) << 16) | SmallFloatReference.Half.Round(b[i], mode),
                halves[i]);
            Assert.Equal(((uint)SmallFloatReference.BFloat.Round(Singles[i], mode) << 16) | SmallFloatReference.BFloat.Round(b[i], mode),
                bfloats[i]);
        }
    }

    [Fact]
    public void A_pair_of_halves_saturates_where_it_is_asked_for()
    {
        // PTX 8.1 has it.
        const string Body = """
            ld.global.v2.f32 {%f1, %f2}, [%ra];
            cvt.rn.satfinite.f16x2.f32 %r1, %f1, %f2;
            st.global.u32 [%rd], %r1;
            """;
        uint Pack(float upper, float lower)
        {
            using var memory = new EmulatedMemory();
            ulong a = memory.Allocate(8), d = memory.Allocate(4);
            memory.Write(a, MemoryMarshal.AsBytes<float>([upper, lower]));
            Ptx.Launch(memory, Ptx.Module(Body).Replace(".version 7.8", ".version 8.1", StringComparison.Ordinal), a, d, new Dim3(1));
            byte[] result = new byte[4];
            memory.Read(d, result);
            return BitConverter.ToUInt32(result);
        }

        Assert.Equal(0x7BFF_FBFFu, Pack(1e6f, -1e6f));
        Assert.Equal(0x7BFF_FBFFu, Pack(65519.996f, float.NegativeInfinity));
        Assert.Equal(0x7BFF_7FFFu, Pack(65520f, float.NaN));
        Assert.Equal(0x3C00_8000u, Pack(1f, -0f));
        Assert.Contains("needs PTX 8.1", Assert.Throws<PtxSyntaxException>(() => PtxModule.Parse(Ptx.Module(Body))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Relu_replaces_what_is_negative() =>
        Assert.Equal([(ushort)0, 0x3C00, 0x7FFF], Ptx.Each<ushort, float>("cvt.rn.relu.f16.f32 $d, $a;", [-2f, 1f, float.NaN]));

    [Fact]
    public void Doubles_round_to_singles_in_every_mode()
    {
        double x = 1 + Math.ScaleB(1, -24) + Math.ScaleB(1, -50);   // a little above the midpoint of 1 and its successor
        float next = MathF.BitIncrement(1);
        Assert.Equal([next, -next], Ptx.Each<float, double>("cvt.rn.f32.f64 $d, $a;", [x, -x]));
        Assert.Equal([1f, -1f], Ptx.Each<float, double>("cvt.rz.f32.f64 $d, $a;", [x, -x]));
        Assert.Equal([1f, -next], Ptx.Each<float, double>("cvt.rm.f32.f64 $d, $a;", [x, -x]));
        Assert.Equal([next, -1f], Ptx.Each<float, double>("cvt.rp.f32.f64 $d, $a;", [x, -x]));
    }

    [Fact]
    public void Tf32_rounds_ties_away_from_zero()
    {
        // 10 bits of mantissa: 1 + 2^-11 is a tie.
        float tie = 1 + MathF.ScaleB(1, -11);
        Assert.Equal([0x3F80_2000u, 0xBF80_2000, 0x3F80_0000],
            Ptx.Each<uint, uint>("mov.b32 %f1, $a;\ncvt.rna.tf32.f32 $d, %f1;", Samples.Bits([tie, -tie, MathF.BitDecrement(tie)])));
    }

    [Fact]
    public void Floating_point_to_integer_rounds_as_told_and_saturates()
    {
        (string Mode, Func<double, double> Round)[] modes =
        [
            ("rni", x => Math.Round(x, MidpointRounding.ToEven)), ("rzi", Math.Truncate), ("rmi", Math.Floor), ("rpi", Math.Ceiling),
        ];
        float[] a = [.. Samples.Floats, -0.5f, 0.49999997f, 1.5f, -1.5f, 254.5f, 300f, -129f, 9.3e18f, 1.9e19f, -9.3e18f];
        foreach ((string mode, Func<double, double> round) in modes)
        {
            void Check<T>(string type) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
            {
                T[] result = Ptx.Each<T, float>($"cvt.{mode}.{type}.f32 $d, $a;", a);
                for (int i = 0; i < a.Length; i++)
                {
                    double x = round(a[i]);
                    T expected = double.IsNaN(x)
                        ? (System.Runtime.InteropServices.Marshal.SizeOf<T>() == 8
                        ? (T.IsNegative(T.MinValue) ? T.MinValue : T.MaxValue / (T.One + T.One) + T.One) : T.Zero)
                        : T.CreateSaturating(new BigInteger(double.IsInfinity(x) ? Math.CopySign(1e300, x) : x));
                    Assert.True(expected == result[i], $"cvt.{mode}.{type}.f32 of {a[i]:R} gave {result[i]}");
                }
            }
            Check<int>("s32");
            Check<uint>("u32");
            Check<short>("s16");
            Check<ushort>("u16");
            Check<long>("s64");
            Check<ulong>("u64");
        }
        // Into a wider register: saturated to the type, then extended.
        Assert.Equal([255u, 0, 12], Ptx.Each<uint, uint>("mov.b32 %f1, $a;\ncvt.rni.sat.u8.f32 $d, %f1;",
            Samples.Bits([300f, -5f, 12.4f])));
        Assert.Equal([-128, 127], Ptx.Each<int, int>("mov.b32 %f1, $a;\ncvt.rni.s8.f32 $d, %f1;",
            [BitConverter.SingleToInt32Bits(-300f), BitConverter.SingleToInt32Bits(300f)]));
    }

    [Fact]
    public void Integers_round_once_to_floating_point()
    {
        ulong[] a = [.. Samples.Integers64, 0x1000_0010_0000_0001, 0x1000_0010_0000_0000, 0x1000_0030_0000_0000, 0xFFFF_FF80_0000_0000,
            0xFFFF_FF7F_FFFF_FFFF, 0x8000_0080_0000_0000, 0x8000_0080_0000_0001];
        float[] unsigned = Ptx.Each<float, uint>("mov.b64 %l5, {$a, $b};\ncvt.rn.f32.u64 $d, %l5;", [.. a.Select(x => (uint)x)],
            [.. a.Select(x => (uint)(x >> 32))]);
        float[] signed = Ptx.Each<float, uint>("mov.b64 %l5, {$a, $b};\ncvt.rn.f32.s64 $d, %l5;", [.. a.Select(x => (uint)x)],
            [.. a.Select(x => (uint)(x >> 32))]);
        float[] down = Ptx.Each<float, uint>("mov.b64 %l5, {$a, $b};\ncvt.rz.f32.u64 $d, %l5;", [.. a.Select(x => (uint)x)],
            [.. a.Select(x => (uint)(x >> 32))]);
        for (int i = 0; i < a.Length; i++)
        {
            Assert.Equal(Nearest(a[i]), unsigned[i]);
            Assert.Equal((long)a[i] < 0 ? -Nearest(-(BigInteger)(long)a[i]) : Nearest(a[i]), signed[i]);
            Assert.True(a[i] < 1 << 24 ? down[i] == a[i] : (BigInteger)down[i] <= a[i] && (BigInteger)MathF.BitIncrement(down[i]) > a[i],
                $"{a[i]} gave {down[i]:R}");
        }
        int[] s = Samples.Cast<int>(Samples.Integers64);
        Assert.Equal(s.Select(x => (float)(double)x), Ptx.Each<float, int>("cvt.rn.f32.s32 $d, $a;", s));
        uint[] u = Samples.Cast<uint>(Samples.Integers64);
        Assert.Equal(u.Select(x => (float)(double)x), Ptx.Each<float, uint>("cvt.rn.f32.u32 $d, $a;", u));
        Assert.Equal(u.Select(x => SmallFloatReference.Half.Round(x, "rn")), Ptx.Each<ushort, uint>("cvt.rn.f16.u32 $d, $a;", u));
        Assert.Equal(s.Select(x => (double)x), Ptx.Each<double, int>("cvt.rn.f64.s32 $d, $a;", s));

        // 24 leading bits, and the rest decides.
        static float Nearest(BigInteger value)
        {
            int shift = Math.Max(0, (int)value.GetBitLength() - 24);
            BigInteger kept = value >> shift, twice = (value - (kept << shift)) * 2, one = BigInteger.One << shift;
            if (shift > 0 && (twice > one || (twice == one && !kept.IsEven))) kept += 1;
            return (float)((double)kept * Math.ScaleB(1, shift));
        }
    }

    [Fact]
    public void Integers_extend_truncate_and_saturate()
    {
        uint[] a = Samples.Cast<uint>(Samples.Integers64);
        Assert.Equal(a.Select(x => (ulong)x), Ptx.Each<ulong, uint>("cvt.u64.u32 $d, $a;", a));
        Assert.Equal(a.Select(x => (ulong)(int)x), Ptx.Each<ulong, uint>("cvt.s64.s32 $d, $a;", a));
        Assert.Equal(a.Select(x => (ushort)x), Ptx.Each<ushort, uint>("cvt.u16.u32 $d, $a;", a));
        Assert.Equal(a.Select(x => (uint)(sbyte)x), Ptx.Each<uint, uint>("cvt.s32.s8 $d, $a;", a));
        Assert.Equal(a.Select(x => (uint)(byte)x), Ptx.Each<uint, uint>("cvt.u32.u8 $d, $a;", a));
        Assert.Equal(a.Select(x => (uint)(short)x), Ptx.Each<uint, uint>("cvt.s16.u32 $d, $a;", a));
        Assert.Equal(a.Select(x => (uint)Math.Clamp((int)x, -128, 127)), Ptx.Each<uint, uint>("cvt.sat.s8.s32 $d, $a;", a));
        Assert.Equal(a.Select(x => (uint)Math.Clamp((int)x, 0, 255)), Ptx.Each<uint, uint>("cvt.sat.u8.s32 $d, $a;", a));
        Assert.Equal(Samples.Integers64.Select(x => (uint)x), Ptx.Each<uint, ulong>("cvt.u32.u64 $d, $a;", Samples.Integers64));
        Assert.Equal(Samples.Integers64.Select(x => (int)Math.Clamp((long)x, int.MinValue, int.MaxValue)),
            Ptx.Each<int, ulong>("cvt.sat.s32.s64 $d, $a;", Samples.Integers64));
    }

    [Fact]
    public void Rounding_within_a_type_and_saturation_of_floats()
    {
        float[] a = [0.5f, 1.5f, -0.5f, -1.7f, 2.2f, float.NaN];
        Assert.Equal([0f, 2f, -0f, -2f, 2f, float.NaN], Ptx.Each<float, float>("cvt.rni.f32.f32 $d, $a;", a));
        Assert.Equal([0f, 1f, -1f, -2f, 2f, float.NaN], Ptx.Each<float, float>("cvt.rmi.f32.f32 $d, $a;", a));
        Assert.Equal([0.5f, 1f, 0f, 0f, 1f, 0f], Ptx.Each<float, float>("cvt.sat.f32.f32 $d, $a;", a));
    }
}
