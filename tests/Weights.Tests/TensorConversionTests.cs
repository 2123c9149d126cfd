namespace Lia.Weights.Tests;

public class TensorConversionTests
{
    public static TheoryData<DType, byte[], float[]> Values => new()
    {
        { DType.Bool, [0, 1, 2], [0, 1, 1] },
        { DType.UInt8, [0, 255], [0, 255] },
        { DType.Int8, [0x80, 0x7f], [-128, 127] },
        { DType.UInt16, [0xff, 0xff], [65535] },
        { DType.Int16, [0, 0x80], [-32768] },
        { DType.UInt32, [0xff, 0xff, 0xff, 0xff], [4294967296f] },
        { DType.Int32, [0xff, 0xff, 0xff, 0xff], [-1] },
        { DType.UInt64, [0, 0, 0, 0, 0, 0, 0, 0x80], [9223372036854775808f] },
        { DType.Int64, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [-2] },
        { DType.Float32, [0, 0, 0x80, 0x3f], [1] },
        { DType.Float64, BitConverter.GetBytes(0.1), [0.1f] },
        { DType.BFloat16, [0x80, 0x3f, 0x80, 0xbf, 0x80, 0x7f], [1, -1, float.PositiveInfinity] },
        { DType.Float16, [0, 0x3c, 0xff, 0x7b, 0, 0xfc, 1, 0], [1, 65504, float.NegativeInfinity, 5.9604645e-8f] },
        // OCP 8-bit floats: largest, smallest subnormal, special values.
        { DType.Float8E5M2, [0x3c, 0x7b, 0x01, 0x7c, 0x7d, 0xbc], [1, 57344, 1.52587890625e-5f, float.PositiveInfinity, float.NaN, -1] },
        { DType.Float8E4M3, [0x38, 0x7e, 0x01, 0x7f, 0xff, 0xb8, 0x80], [1, 448, 0.001953125f, float.NaN, float.NaN, -1, -0f] },
        { DType.Float8E5M2Fnuz, [0x40, 0x7f, 0x01, 0x80], [1, 57344, 7.62939453125e-6f, float.NaN] },
        { DType.Float8E4M3Fnuz, [0x40, 0x7f, 0x01, 0x80], [1, 240, 0.0009765625f, float.NaN] },
        { DType.Float8E8M0, [127, 128, 0, 254, 255], [1, 2, 5.877471754111438e-39f, 1.7014118346046923e38f, float.NaN] },
    };

    [Theory, MemberData(nameof(Values))]
    public void Elements_become_the_nearest_float32(DType type, byte[] bytes, float[] expected)
    {
        float[] actual = new float[expected.Length];
        TensorConversion.ToSingle(type, bytes, actual);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Every_half_becomes_what_the_runtime_makes_of_it()
    {
        ushort[] bits = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i), 0x3c00, 0xbc00, 1]; // An odd tail for the scalar loop.
        float[] actual = new float[bits.Length];
        TensorConversion.ToSingle(DType.Float16, System.Runtime.InteropServices.MemoryMarshal.AsBytes<ushort>(bits), actual);
        for (int i = 0; i < bits.Length; i++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf(bits[i]);
            if (float.IsNaN(expected)) Assert.True(float.IsNaN(actual[i]), $"{bits[i]:x4}");
            else Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(actual[i]));
        }
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Rounding_gives_the_nearest_value_and_ties_go_to_even(DType type)
    {
        // Every finite value is kept, and the middle between neighbours goes to the even one.
        byte[] bytes = new byte[4];
        float[] pair = new float[2];
        for (int bits = 0; bits < (type == DType.Float16 ? 0x7bff : 0x7f7f); bits++)
        {
            BitConverter.TryWriteBytes(bytes, bits | ((bits + 1) << 16));
            TensorConversion.ToSingle(type, bytes, pair);
            double middle = (pair[0] + (double)pair[1]) / 2;
            if (middle != (float)middle) continue; // Between float32 subnormals.
            Assert.Equal(-1, TensorConversion.FromSingle(type, [pair[0], (float)middle], bytes));
            Assert.Equal(bits, BitConverter.ToUInt16(bytes));
            Assert.Equal(bits + (bits & 1), BitConverter.ToUInt16(bytes, 2));
        }
    }

    [Theory]
    [InlineData(DType.Float16, 65520f)]
    [InlineData(DType.BFloat16, float.MaxValue)]
    public void Values_that_become_infinite_are_told(DType type, float value)
    {
        Assert.Equal(2, TensorConversion.FromSingle(type, [1, float.NegativeInfinity, -value, value], new byte[8]));
    }

    [Fact]
    public void The_first_value_that_is_not_finite_is_found_at_any_place()
    {
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            for (int length = 0; length < 40; length++)
            {
                float[] values = [.. Enumerable.Repeat(float.MaxValue, length)];
                Assert.Equal(-1, TensorSourceExtensions.FirstNonFinite(values));
                for (int at = length - 1; at >= 0; at--)
                {
                    values[at] = bad;
                    Assert.Equal(at, TensorSourceExtensions.FirstNonFinite(values));
                }
            }
        }
    }
}
