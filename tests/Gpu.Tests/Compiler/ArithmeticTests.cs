namespace Lia.Gpu.Tests.Compiler;

/// <summary>Every operator and conversion gives on the device what it gives on the CLR, at the edges of its range too.</summary>
public class ArithmeticTests
{
    private readonly struct AddMultiply
        : IFunction<Pair<int>, int> { public int Apply(Pair<int> x) => x.A * x.B + x.A - (x.B ^ 0x55) + ~x.A - -x.B; }

    private readonly struct Division
        : IFunction<Pair<int>, int>
        { public int Apply(Pair<int> x) => x.B == 0 || (x.A == int.MinValue && x.B == -1) ? 0 : x.A / x.B * 31 + x.A % x.B; }

    private readonly struct UnsignedDivision
        : IFunction<Pair<int>, int>
        { public int Apply(Pair<int> x) => x.B == 0 ? 0 : (int)((uint)x.A / (uint)x.B * 31 + (uint)x.A % (uint)x.B); }

    private readonly struct Shifts
        : IFunction<Pair<int>, int>
        { public int Apply(Pair<int> x) => (x.A << x.B) ^ (x.A >> x.B) ^ (int)((uint)x.A >> x.B) ^ (x.A << 3) ^ (x.A >> 5) ^ (x.A >>> 7); }

    private readonly struct SignedComparisons : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x) =>
            (x.A < x.B ? 1 : 0) + (x.A <= x.B ? 2 : 0) + (x.A > x.B ? 4 : 0) + (x.A >= x.B ? 8 : 0) + (x.A == x.B ? 16 : 0)
            + (x.A != x.B ? 32 : 0);
    }

    private readonly struct UnsignedComparisons : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            uint a = (uint)x.A, b = (uint)x.B;
            return (a < b ? 1 : 0) + (a <= b ? 2 : 0) + (a > b ? 4 : 0) + (a >= b ? 8 : 0) + (a > 0 ? 16 : 0) + (a < 100u ? 32 : 0);
        }
    }

    private readonly struct ConstantDivisors : IFunction<int, int>
    {
        public int Apply(int x) =>
            x / 3 + x % 3 * 7 + x / 7 * 11 + x % 10 * 13 + x / 641 + x % 1000 + x / 8 * 3 + x % 16 * 5 + x / 1 + x / 2147483647;
    }

    private readonly struct UnsignedConstantDivisors : IFunction<int, int>
    {
        public int Apply(int x)
        {
            uint u = (uint)x;
            return (int)(u / 3 + u % 3 * 7 + u / 7 * 11 + u % 10 * 13 + u / 641 + u % 1000 + u / 8 * 3 + u % 16 * 5 + u / 4000000000u);
        }
    }

    private readonly struct NonNegativeDivisors : IFunction<int, int>
    {
        public int Apply(int x)
        {
            int n = x & int.MaxValue;
            return n / 3 + n % 5 * 3 + n / 7 % 7 + n / 12 + n % 100 + n / 64 + n % 64 + n / 1000003;
        }
    }

    private interface IDivisor
    {
        int Value { get; }
    }

    private readonly struct Seven : IDivisor { public int Value => 7; }

    private readonly struct Sixtyfour : IDivisor { public int Value => 64; }

    private readonly struct Thousand : IDivisor { public int Value => 1000; }

    private readonly struct LargePrime : IDivisor { public int Value => 1000000007; }

    private readonly struct Largest : IDivisor { public int Value => int.MaxValue; }

    /// <summary>The same number divided as a signed, an unsigned, and a non-negative one.</summary>
    private readonly struct ByConstant<TDivisor> : IFunction<int, long> where TDivisor : struct, IDivisor
    {
        public long Apply(int x)
        {
            int d = default(TDivisor).Value, half = x & int.MaxValue;
            return ((long)(x / d) << 32) ^ (x % d) ^ ((long)((uint)x / (uint)d) << 17) ^ ((long)((uint)x % (uint)d) << 7)
                ^ ((long)(half / d) << 40) ^ ((long)(half % d) << 23);
        }
    }

    private readonly struct LongArithmetic : IFunction<Pair<long>, long>
    {
        public long Apply(Pair<long> x) =>
            (x.A * x.B + x.A - x.B) ^ (x.A << (int)x.B) ^ (x.A >> (int)(x.B & 63)) ^ (long)((ulong)x.A >> 13) ^ (x.A & x.B)
            ^ (x.A | 12345678901234L);
    }

    private readonly struct LongDivision : IFunction<Pair<long>, long>
    {
        public long Apply(Pair<long> x) => x.B == 0 || (x.A == long.MinValue && x.B == -1) ? 0
            : x.A / x.B + x.A % x.B + x.A / 16 + x.A % 64 + (long)((ulong)x.A / (ulong)x.B) + x.A / 10;
    }

    private readonly struct LongComparisons : IFunction<Pair<long>, long>
    {
        public long Apply(Pair<long> x) =>
            (x.A < x.B ? 1L : 0L) + (x.A > x.B ? 2L : 0L) + ((ulong)x.A <= (ulong)x.B ? 1L << 40 : 0L) + (x.A == x.B ? 8L : 0L);
    }

    private readonly struct SmallIntegers : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            byte b = (byte)x.A;
            sbyte s = (sbyte)x.B;
            short h = (short)(x.A + x.B);
            ushort u = (ushort)x.A;
            b += 200;
            s--;
            h <<= 3;
            u = (ushort)(u * u);
            return b + s * 3 + h * 5 + u * 7;
        }
    }

    private readonly struct ReinterpretedBytes : IFunction<int, int>
    {
        public int Apply(int x)
        {
            byte b = (byte)x;
            short s = (short)x;
            return System.Runtime.CompilerServices.Unsafe.As<byte, sbyte>(ref b)
                + System.Runtime.CompilerServices.Unsafe.As<short, ushort>(ref s) * 3;
        }
    }

    private readonly struct IntegerWidths : IFunction<Pair<int>, long>
    {
        public long Apply(Pair<int> x) =>
            x.A + ((long)x.B << 20) + (uint)x.A * 3L - (long)(ulong)(uint)x.B + (int)((long)x.A * x.B) + (x.A * (long)x.B >> 7);
    }

    private readonly struct FloatArithmetic
        : IFunction<Pair<float>, float> { public float Apply(Pair<float> x) => (x.A + x.B) * (x.A - x.B) / (x.B * 3f + 1f) - x.A * -x.B; }

    private readonly struct FloatNoContraction
        : IFunction<Pair<float>, float> { public float Apply(Pair<float> x) => x.A * x.B + x.A * 1.0000001f - x.B * x.B; }

    private readonly struct FloatPowerOfTwoQuotients
        : IFunction<Pair<float>, float> { public float Apply(Pair<float> x) => x.A / 4f + x.B / 0.5f + x.A / 3f + x.A / -8f; }

    private readonly struct FloatComparisons : IFunction<Pair<float>, int>
    {
        public int Apply(Pair<float> x)
        {
            int r = (x.A < x.B ? 1 : 0) + (x.A <= x.B ? 2 : 0) + (x.A > x.B ? 4 : 0) + (x.A >= x.B ? 8 : 0) + (x.A == x.B ? 16 : 0)
                + (x.A != x.B ? 32 : 0);
            // Negated comparisons hold for NaN, and as branches are other instructions.
            if (!(x.A < x.B)) r += 64;
            if (!(x.A >= x.B)) r += 128;
            if (x.A != x.B) r += 256;
            return !(x.A == x.B) ? r + 512 : r;
        }
    }

    private readonly struct FloatFunctions : IFunction<Pair<float>, float>
    {
        public float Apply(Pair<float> x) =>
            MathF.Abs(x.A) + MathF.Floor(x.A) * 2f + MathF.Ceiling(x.B) - MathF.Truncate(x.A) + MathF.Round(x.B) + MathF.CopySign(x.A, x.B)
                + MathF.Sqrt(MathF.Abs(x.A));
    }

    private readonly struct FloatMinMax
        : IFunction<Pair<float>, float> { public float Apply(Pair<float> x) => MathF.Min(x.A, x.B) + 2f * MathF.Max(x.A, x.B); }

    // On the device a number wins over NaN, as min.f32 has it; on the host ILGPU hands NaN on.
    private static float Min(float a, float b) => Intrinsics.TargetSm == 0 ? float.MinNumber(a, b) : XMath.Min(a, b);

    private static float Max(float a, float b) => Intrinsics.TargetSm == 0 ? float.MaxNumber(a, b) : XMath.Max(a, b);

    private static float Clamp(float value, float min, float max) =>
        Intrinsics.TargetSm == 0 ? Max(Min(value, max), min) : XMath.Clamp(value, min, max);

    private readonly struct NumberMinMax
        : IFunction<Pair<float>, float> { public float Apply(Pair<float> x) => Min(x.A, x.B) - 3f * Max(x.A, x.B); }

    private readonly struct IntMinMax : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x) =>
            Math.Min(x.A, x.B) * 3 + Math.Max(x.A, x.B) + (int)Math.Min((uint)x.A, (uint)x.B) * 5 + (int)Math.Max((uint)x.A, (uint)x.B)
            + Math.Clamp(x.A, -10, 10);
    }

    private readonly struct BitCounts : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x) =>
            IntrinsicMath.PopCount((uint)x.A) + 40 * IntrinsicMath.LeadingZeroCount((uint)x.B) + 1600
            * IntrinsicMath.TrailingZeroCount((uint)x.A)
            + (int)System.Numerics.BitOperations.RotateLeft((uint)x.A, x.B) + System.Numerics.BitOperations.Log2((uint)x.B);
    }

    private readonly struct FloatToInteger : IFunction<float, long>
    {
        public long Apply(float x) =>
            (int)x * 3L + (uint)(int)Clamp(x, -1e9f, 1e9f) + ((long)Clamp(x, -1e15f, 1e15f) << 1) + (byte)(int)Clamp(x, 0f, 255f)
            + (short)(int)Clamp(x, -3e4f, 3e4f);
    }

    private readonly struct IntegerToFloat : IFunction<Pair<int>, double>
    {
        public double Apply(Pair<int> x) =>
            (float)x.A + (double)x.B + (float)(uint)x.A * 2.0 + (double)(uint)x.B + (float)(((long)x.A << 20) + x.B)
            + (double)((long)x.A * x.B);
    }

    private readonly struct DoubleArithmetic : IFunction<Pair<double>, double>
    {
        public double Apply(Pair<double> x) =>
            (x.A + x.B) * 0.1 - x.A / x.B + Math.Sqrt(Math.Abs(x.A)) + Math.Floor(x.B) + (float)x.A + (x.A < x.B ? 1 : -1);
    }

    private readonly struct Bits : IFunction<Pair<float>, int>
    {
        public int Apply(Pair<float> x) =>
            (int)(Interop.FloatAsInt(x.A) ^ (Interop.FloatAsInt(x.B) >> 3))
            + BitConverter.SingleToInt32Bits(Interop.IntAsFloat(Interop.FloatAsInt(x.A) & 0x7fffffff));
    }

    private readonly struct Halves : IFunction<Pair<float>, float>
    {
        public float Apply(Pair<float> x)
        {
            if (Intrinsics.TargetSm == 0) return OnHost(x);
            Half a = (Half)x.A, b = (Half)x.B;
            return a + b + (float)(a * b) - (float)(a - b) + (float)-a + (a < b ? 1f : 2f)
                + Interop.IntAsFloat((ushort)(Interop.FloatAsInt(a) ^ 1));
        }

        // ILGPU's own arithmetic cuts off on the host.
        private static float OnHost(Pair<float> x)
        {
            System.Half a = (System.Half)x.A, b = (System.Half)x.B;
            return (float)(a + b) + (float)(a * b) - (float)(a - b) + (float)-a + (a < b ? 1f : 2f)
                + (float)BitConverter.UInt16BitsToHalf((ushort)(BitConverter.HalfToUInt16Bits(a) ^ 1));
        }
    }

    private readonly struct PackedHalves : IFunction<Pair<float>, uint>
    {
        public uint Apply(Pair<float> x)
        {
            var a = new Half2(x.A, x.B);
            var b = new Half2(Intrinsics.ToHalf(x.B), (Half)1.5f);
            return (a + b).RawValue ^ (a * b).RawValue ^ (a - b).RawValue ^ new Half2(a.Y, a.X).RawValue;
        }
    }

    private readonly struct BrainFloats : IFunction<Pair<float>, float>
    {
        public float Apply(Pair<float> x) => (BFloat16)x.A + (float)((BFloat16)x.A * (BFloat16)x.B);
    }

    // NaN and infinity would make payloads and conversions differ where neither side promises anything.
    private static readonly Pair<float>[] s_tame =
        Differential.Pairs([0f, -0f, 1f, -1f, 0.1f, 1.5f, -2.5f, 3.25f, 100.7f, -1000.3f, 60000f, 6e-5f, 3e-7f]);

    [Fact] public void Integer_sums_and_products() => Differential.IntPairs<AddMultiply>();
    [Fact] public void Signed_division() => Differential.IntPairs<Division>();
    [Fact] public void Unsigned_division() => Differential.IntPairs<UnsignedDivision>();
    [Fact] public void Shift_counts_are_taken_modulo_the_width() => Differential.IntPairs<Shifts>();
    [Fact] public void Signed_order() => Differential.IntPairs<SignedComparisons>();
    [Fact] public void Unsigned_order() => Differential.IntPairs<UnsignedComparisons>();
    [Fact] public void Division_by_constants() => Differential.Ints<ConstantDivisors>();
    [Fact] public void Unsigned_division_by_constants() => Differential.Ints<UnsignedConstantDivisors>();
    [Fact] public void Division_of_non_negative_numbers_by_constants() => Differential.Ints<NonNegativeDivisors>();
    [Fact]
    public void Multiplication_by_a_reciprocal_is_exact()
    {
        var random = new Random(5);
        int[] numbers = [0, 1, -1, int.MaxValue, int.MinValue, .. Enumerable.Range(0, 2000)
            .Select(_ => random.Next(int.MinValue, int.MaxValue) >> random.Next(32)),
            // Around multiples of the divisors, where a quotient that is off by one shows.
            .. from k in new[] { 1, 2, 3, 1000, 30000 } from d in new[] { 7, 64, 1000, 71582 } from e in new[]
                { -1, 0, 1 } select k * d + e];
        Differential.Run<ByConstant<Seven>, int, long>(numbers);
        Differential.Run<ByConstant<Sixtyfour>, int, long>(numbers);
        Differential.Run<ByConstant<Thousand>, int, long>(numbers);
        Differential.Run<ByConstant<LargePrime>, int, long>(numbers);
        Differential.Run<ByConstant<Largest>, int, long>(numbers);
    }

    [Fact] public void Long_arithmetic() => Differential.LongPairs<LongArithmetic>();
    [Fact] public void Long_division() => Differential.LongPairs<LongDivision>();
    [Fact] public void Long_order() => Differential.LongPairs<LongComparisons>();
    [Fact] public void Small_integers_wrap() => Differential.IntPairs<SmallIntegers>();
    [Fact] public void Bytes_are_read_as_the_type_they_are_read_by() => Differential.Ints<ReinterpretedBytes>();
    [Fact] public void Widening_and_narrowing() =>
        Differential.Run<IntegerWidths, Pair<int>, long>(Differential.Pairs([0, 1, -1, 77, -77, int.MaxValue, int.MinValue]));
    [Fact] public void Float_arithmetic() => Differential.FloatPairs<FloatArithmetic>();
    [Fact] public void Products_and_sums_are_rounded_separately() => Differential.FloatPairs<FloatNoContraction>();
    [Fact] public void Quotients_by_powers_of_two() => Differential.FloatPairs<FloatPowerOfTwoQuotients>();
    [Fact] public void Float_order_with_NaN() =>
        Differential.Run<FloatComparisons, Pair<float>, int>(Differential.Pairs([0f, -0f, 1f, -1f, float.NaN, float.PositiveInfinity]));
    [Fact] public void Float_functions() => Differential.FloatPairs<FloatFunctions>();
    [Fact] public void NET_minimum_and_maximum_hand_NaN_on() => Differential.FloatPairs<FloatMinMax>();
    [Fact] public void XMath_minimum_and_maximum_prefer_numbers() => Differential.FloatPairs<NumberMinMax>();
    [Fact] public void Integer_minimum_and_maximum() => Differential.IntPairs<IntMinMax>();
    [Fact] public void Counting_bits() => Differential.IntPairs<BitCounts>();
    [Fact] public void Floats_to_integers() =>
        Differential.Run<FloatToInteger, float, long>(
        [0f, -0f, 0.9f, -0.9f, 1.5f, -1.5f, 254.999f, 1e9f, -1e9f, 3e9f, -3e9f, 1e15f, float.NaN]);
    [Fact] public void Integers_to_floats() =>
        Differential.Run<IntegerToFloat, Pair<int>, double>(
        Differential.Pairs([0, 1, -1, 16777217, -16777219, int.MaxValue, int.MinValue]));
    [Fact] public void Double_arithmetic() => Differential.DoublePairs<DoubleArithmetic>();
    [Fact] public void Reinterpreted_bits() => Differential.Run<Bits, Pair<float>, int>(s_tame);
    [Fact] public void Halves_round_like_floats_cut_to_16_bits() => Differential.Run<Halves, Pair<float>, float>(s_tame);
    [Fact] public void Packed_halves() => Differential.Run<PackedHalves, Pair<float>, uint>(s_tame);
    [Fact] public void Brain_floats() => Differential.Run<BrainFloats, Pair<float>, float>(s_tame);
}
