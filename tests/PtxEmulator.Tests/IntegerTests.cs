using System.Numerics;

namespace Lia.PtxEmulator.Tests;

/// <summary>Integer and bit instructions against arithmetic on arbitrarily large integers, on all pairs of corner values.</summary>
public class IntegerTests
{
    private static BigInteger Wrap(BigInteger value, int bits, bool signed)
    {
        BigInteger wrapped = value & ((BigInteger.One << bits) - 1);
        return signed && (wrapped >> (bits - 1)) == 1 ? wrapped - (BigInteger.One << bits) : wrapped;
    }

    private static void Binary<T>(string instruction, Func<BigInteger, BigInteger, BigInteger?> truth)
        where T : unmanaged, IBinaryInteger<T> => Binary<T, T>(instruction, truth);

    private static void Binary<TOut, T>(string instruction, Func<BigInteger, BigInteger, BigInteger?> truth)
        where T : unmanaged, IBinaryInteger<T> where TOut : unmanaged, IBinaryInteger<TOut>
    {
        (T[] a, T[] b) = Samples.Pairs(Samples.Cast<T>(Samples.Integers64));
        TOut[] result = Ptx.Each<TOut, T>(instruction + " $d, $a, $b;", a, b);
        int bits = System.Runtime.InteropServices.Marshal.SizeOf<TOut>() * 8;
        bool signed = TOut.IsNegative(TOut.AllBitsSet);
        for (int i = 0; i < a.Length; i++)
        {
            if (truth(BigInteger.CreateChecked(a[i]), BigInteger.CreateChecked(b[i])) is BigInteger expected)
                Assert.True(Wrap(expected, bits, signed) == BigInteger.CreateChecked(result[i]),
                    $"{instruction} {a[i]}, {b[i]} gave {result[i]}");
        }
    }

    private static void EachType(string instruction, Func<BigInteger, BigInteger, BigInteger?> truth)
    {
        Binary<ushort>(instruction + ".u16", truth);
        Binary<short>(instruction + ".s16", truth);
        Binary<uint>(instruction + ".u32", truth);
        Binary<int>(instruction + ".s32", truth);
        Binary<ulong>(instruction + ".u64", truth);
        Binary<long>(instruction + ".s64", truth);
    }

    [Fact]
    public void Add_subtract_and_low_products_wrap_around()
    {
        EachType("add", (a, b) => a + b);
        EachType("sub", (a, b) => a - b);
        EachType("mul.lo", (a, b) => a * b);
    }

    [Fact]
    public void Minimum_and_maximum_respect_the_sign()
    {
        EachType("min", (a, b) => BigInteger.Min(a, b));
        EachType("max", (a, b) => BigInteger.Max(a, b));
    }

    [Fact]
    public void Division_truncates_towards_zero()
    {
        EachType("div", (a, b) => b.IsZero ? null : BigInteger.Divide(a, b));
        EachType("rem", (a, b) => b.IsZero ? null : BigInteger.Remainder(a, b));
    }

    [Fact]
    public void High_products_are_the_upper_half()
    {
        Binary<ushort>("mul.hi.u16", (a, b) => a * b >> 16);
        Binary<short>("mul.hi.s16", (a, b) => a * b >> 16);
        Binary<uint>("mul.hi.u32", (a, b) => a * b >> 32);
        Binary<int>("mul.hi.s32", (a, b) => a * b >> 32);
        Binary<ulong>("mul.hi.u64", (a, b) => a * b >> 64);
        Binary<long>("mul.hi.s64", (a, b) => a * b >> 64);
    }

    [Fact]
    public void Wide_products_are_whole()
    {
        Binary<uint, ushort>("mul.wide.u16", (a, b) => a * b);
        Binary<int, short>("mul.wide.s16", (a, b) => a * b);
        Binary<ulong, uint>("mul.wide.u32", (a, b) => a * b);
        Binary<long, int>("mul.wide.s32", (a, b) => a * b);
    }

    [Fact]
    public void Multiply_add_adds_the_third_operand()
    {
        (uint[] a, uint[] b) = Samples.Pairs(Samples.Cast<uint>(Samples.Integers64));
        uint[] c = [.. a.Select((x, i) => (x * 77) + (uint)i)];
        Assert.Equal(Enumerable.Range(0, a.Length)
            .Select(i => unchecked((a[i] * b[i]) + c[i])), Ptx.Each<uint, uint>("mad.lo.u32 $d, $a, $b, $c;", a, b, c));
        Assert.Equal(Enumerable.Range(0, a.Length).Select(i => unchecked((uint)((long)(int)a[i] * (int)b[i] >> 32) + c[i])),
            Ptx.Each<uint, uint>("mad.hi.s32 $d, $a, $b, $c;", a, b, c));
        Assert.Equal(Enumerable.Range(0, a.Length).Select(i => unchecked(((ulong)a[i] * b[i]) + c[i])),
            Ptx.Each<ulong, uint>("cvt.u64.u32 %l5, $c;\nmad.wide.u32 $d, $a, $b, %l5;", a, b, c));
    }

    [Fact]
    public void Sign_instructions()
    {
        int[] a = Samples.Cast<int>(Samples.Integers64);
        Assert.Equal(a.Select(x => unchecked(-x)), Ptx.Each<int, int>("neg.s32 $d, $a;", a));
        Assert.Equal(a.Select(x => x < 0 ? unchecked(-x) : x), Ptx.Each<int, int>("abs.s32 $d, $a;", a));
        long[] l = Samples.Cast<long>(Samples.Integers64);
        Assert.Equal(l.Select(x => unchecked(-x)), Ptx.Each<long, long>("neg.s64 $d, $a;", l));
    }

    [Fact]
    public void Logic_works_on_all_widths()
    {
        Binary<ushort>("and.b16", (a, b) => a & b);
        Binary<uint>("or.b32", (a, b) => a | b);
        Binary<ulong>("xor.b64", (a, b) => a ^ b);
        uint[] x = Samples.Cast<uint>(Samples.Integers64);
        Assert.Equal(x.Select(v => ~v), Ptx.Each<uint, uint>("not.b32 $d, $a;", x));
    }

    [Fact]
    public void Shift_amounts_above_the_width_are_clamped()
    {
        (ulong[] a, ulong[] b) = Samples.Pairs(Samples.Integers64);
        ulong[] left = Ptx.Each<ulong, ulong>("cvt.u32.u64 %r1, $b;\nshl.b64 $d, $a, %r1;", a, b);
        ulong[] right = Ptx.Each<ulong, ulong>("cvt.u32.u64 %r1, $b;\nshr.u64 $d, $a, %r1;", a, b);
        ulong[] arithmetic = Ptx.Each<ulong, ulong>("cvt.u32.u64 %r1, $b;\nshr.s64 $d, $a, %r1;", a, b);
        for (int i = 0; i < a.Length; i++)
        {
            uint n = (uint)b[i];
            Assert.Equal(n > 63 ? 0 : a[i] << (int)n, left[i]);
            Assert.Equal(n > 63 ? 0 : a[i] >> (int)n, right[i]);
            Assert.Equal((ulong)((long)a[i] >> (int)Math.Min(n, 63)), arithmetic[i]);
        }
        (uint[] x, uint[] y) = Samples.Pairs(Samples.Cast<uint>(Samples.Integers64));
        Assert.Equal(x.Zip(y, (v, n) => n > 31 ? 0 : v << (int)n), Ptx.Each<uint, uint>("shl.b32 $d, $a, $b;", x, y));
        Assert.Equal(x.Zip(y, (v, n) => (uint)((int)v >> (int)Math.Min(n, 31))), Ptx.Each<uint, uint>("shr.s32 $d, $a, $b;", x, y));
    }

    [Fact]
    public void Counting_and_reversing_bits()
    {
        uint[] a = Samples.Cast<uint>(Samples.Integers64);
        Assert.Equal(a.Select(x => (uint)BitOperations.PopCount(x)), Ptx.Each<uint, uint>("popc.b32 $d, $a;", a));
        Assert.Equal(a.Select(x => (uint)BitOperations.LeadingZeroCount(x)), Ptx.Each<uint, uint>("clz.b32 $d, $a;", a));
        Assert.Equal(a.Select(x => Convert.ToUInt32(new string([.. Convert.ToString(x, 2).PadLeft(32, '0').Reverse()]), 2)),
            Ptx.Each<uint, uint>("brev.b32 $d, $a;", a));
        Assert.Equal(Samples.Integers64.Select(x => (uint)BitOperations.LeadingZeroCount(x)),
            Ptx.Each<uint, ulong>("clz.b64 $d, $a;", Samples.Integers64));
    }

    [Fact]
    public void Bit_fields()
    {
        // From the definition in the manual: field of c bits from b on; the sign (or 0) fills above.
        Assert.Equal((uint[])[0xBCDu, 0xFFFF_FBCD, 0, 0x8, 0xFFFF_FFF8, 0xABCD_1234, 0],
        (uint[])[
            .. Ptx.Each<uint, uint>("bfe.u32 $d, $a, 16, 12;", [0xABCD_1234]),
            .. Ptx.Each<uint, uint>("bfe.s32 $d, $a, 16, 12;", [0xABCD_1234]),
            .. Ptx.Each<uint, uint>("bfe.s32 $d, $a, 5, 0;", [0xABCD_1234]),
            .. Ptx.Each<uint, uint>("bfe.u32 $d, $a, 28, 20;", [0x8BCD_1234]),
            .. Ptx.Each<uint, uint>("bfe.s32 $d, $a, 28, 20;", [0x8BCD_1234]),
            .. Ptx.Each<uint, uint>("bfe.u32 $d, $a, 0, 32;", [0xABCD_1234]),
            .. Ptx.Each<uint, uint>("bfe.u32 $d, $a, 40, 8;", [0xABCD_1234]),
        ]);
        Assert.Equal((uint[])[0xFFFF_5AFFu, 0x5FFF_FFFF, 0xFFFF_FFFF],
        (uint[])[
            .. Ptx.Each<uint, uint>("bfi.b32 $d, $a, $b, 8, 8;", [0x1234_565A], [0xFFFF_FFFF]),
            .. Ptx.Each<uint, uint>("bfi.b32 $d, $a, $b, 28, 8;", [0x1234_5675], [0xFFFF_FFFF]),
            .. Ptx.Each<uint, uint>("bfi.b32 $d, $a, $b, 8, 0;", [0x1234_5675], [0xFFFF_FFFF]),
        ]);
    }

    [Fact]
    public void Bytes_are_permuted_with_sign_replication()
    {
        Assert.Equal((uint[])[0x4411_2233u, 0x88FF_7700, 0x5566_7788],
        (uint[])[
            .. Ptx.Each<uint, uint>("prmt.b32 $d, $a, $b, 0x0321;", [0x1122_3344]),
            .. Ptx.Each<uint, uint>("prmt.b32 $d, $a, $b, 0x4C05;", [0x1122_3377], [0x5566_0088]),
            .. Ptx.Each<uint, uint>("prmt.b32 $d, $a, $b, 0x7654;", [0x1122_3344], [0x5566_7788]),
        ]);
    }

    [Fact]
    public void Three_input_logic_follows_its_table()
    {
        (uint[] a, uint[] b) = Samples.Pairs(Samples.Cast<uint>(Samples.Integers64));
        uint[] c = [.. a.Select((x, i) => x * 2654435761u + (uint)i)];
        foreach (int table in (int[])[0x00, 0x80, 0x96, 0xE8, 0xCA, 0x01, 0xFF])
        {
            uint[] result = Ptx.Each<uint, uint>($"lop3.b32 $d, $a, $b, $c, {table};", a, b, c);
            for (int i = 0; i < a.Length; i++)
            {
                uint expected = 0;
                for (int bit = 0; bit < 32; bit++)
                {
                    uint index = (a[i] >> bit & 1) * 4 + (b[i] >> bit & 1) * 2 + (c[i] >> bit & 1);
                    expected |= (uint)(table >> (int)index & 1) << bit;
                }
                Assert.Equal(expected, result[i]);
            }
        }
    }

    [Fact]
    public void Funnel_shifts()
    {
        (uint[] a, uint[] b) = Samples.Pairs(Samples.Cast<uint>(Samples.Integers64));
        foreach (int n in (int[])[0, 1, 31, 32, 40])
        {
            Assert.Equal(a.Zip(b, (x, y) => (uint)(((((ulong)y << 32) | x) << (n & 31)) >> 32)),
                Ptx.Each<uint, uint>($"shf.l.wrap.b32 $d, $a, $b, {n};", a, b));
            Assert.Equal(a.Zip(b, (x, y) => n > 31 ? y : (uint)((((ulong)y << 32) | x) >> n)),
                Ptx.Each<uint, uint>($"shf.r.clamp.b32 $d, $a, $b, {n};", a, b));
        }
    }

    [Fact]
    public void Comparisons_of_signed_and_unsigned_integers()
    {
        (int[] a, int[] b) = Samples.Pairs(Samples.Cast<int>(Samples.Integers64));
        (string Name, Func<int, int, bool> Truth)[] comparisons =
        [
            ("eq.s32", (x, y) => x == y), ("ne.s32", (x, y) => x != y), ("lt.s32", (x, y) => x < y), ("le.s32", (x, y) => x <= y),
            ("gt.s32", (x, y) => x > y), ("ge.s32", (x, y) => x >= y),
            ("lt.u32", (x, y) => (uint)x < (uint)y), ("hs.u32", (x, y) => (uint)x >= (uint)y), ("lo.u32", (x, y) => (uint)x < (uint)y),
            ("eq.b32", (x, y) => x == y),
        ];
        foreach ((string name, Func<int, int, bool> truth) in comparisons)
            Assert.Equal(a.Zip(b, (x, y) => truth(x, y) ? 1 : 0),
                Ptx.Each<int, int>($"setp.{name} %p1, $a, $b;\nselp.s32 $d, 1, 0, %p1;", a, b));
    }

    [Fact]
    public void Comparisons_combine_with_a_predicate_and_give_the_complement_too()
    {
        (int[] a, int[] b) = Samples.Pairs(Samples.Cast<int>(Samples.Integers64));
        int[] result = Ptx.Each<int, int>("""
            setp.gt.s32 %p1, $a, 5;
            setp.lt.and.s32 %p2|%p3, $a, $b, %p1;
            selp.s32 %r5, 1, 0, %p2;
            selp.s32 %r6, 2, 0, %p3;
            setp.lt.xor.s32 %p4, $a, $b, !%p1;
            selp.s32 %r7, 4, 0, %p4;
            add.s32 %r5, %r5, %r6;
            add.s32 $d, %r5, %r7;
            """, a, b);
        Assert.Equal(a.Zip(b, (x, y) => (x < y && x > 5 ? 1 : 0) + (!(x < y) && x > 5 ? 2 : 0) + (x < y ^ !(x > 5) ? 4 : 0)), result);
    }

    [Fact]
    public void Predicates_have_logic_of_their_own()
    {
        (int[] a, int[] b) = Samples.Pairs([0, 1]);
        int[] result = Ptx.Each<int, int>("""
            setp.ne.s32 %p1, $a, 0;
            setp.ne.s32 %p2, $b, 0;
            and.pred %p3, %p1, !%p2;
            or.pred %p4, %p1, %p2;
            xor.pred %p5, %p1, %p2;
            not.pred %p6, %p1;
            mov.pred %p7, %p6;
            selp.s32 %r5, 1, 0, %p3;
            selp.s32 %r6, 2, 0, %p4;
            selp.s32 %r7, 4, 0, %p5;
            selp.s32 %r8, 8, 0, %p7;
            or.b32 %r5, %r5, %r6;
            or.b32 %r7, %r7, %r8;
            or.b32 $d, %r5, %r7;
            """, a, b);
        Assert.Equal([8, 2 + 4 + 8, 1 + 2 + 4, 2], result);
    }
}
