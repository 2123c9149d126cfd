using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>16-bit floating point: conversions against .NET's own, arithmetic against float32 rounded once.</summary>
public class HalfTests
{
    [TestKernel]
    internal static void Widen(Index1D index, ArrayView<Half> source, ArrayView<float> target) => target[index] = source[index];

    [Theory, EveryAccelerator]
    public void Every_half_widens_exactly(string device)
    {
        Half[] all = [.. Enumerable.Range(0, 65536).Select(bits => Interop.IntAsFloat((ushort)bits))];
        float[] result = Run(device, loader =>
        {
            using var input = loader.Allocate1D(all);
            using var output = loader.Allocate1D<float>(65536);
            loader.Load<Action<Index1D, ArrayView<Half>, ArrayView<float>>>(Widen)(65536, input.View, output.View);
            return output.GetAsArray1D();
        });
        for (int bits = 0; bits < 65536; bits++)
            Assert.Equal((float)BitConverter.UInt16BitsToHalf((ushort)bits), result[bits]);
    }

    [TestKernel(80)]
    internal static void Narrow(Index1D index, ArrayView<float> source, ArrayView<Half> halves, ArrayView<BFloat16> brains,
        ArrayView<uint> pairs, ArrayView<uint> saturated)
    {
        float value = source[index];
        halves[index] = (Half)value;
        brains[index] = (BFloat16)value;
        pairs[index] = Intrinsics.PackHalf2(value, -value);
        saturated[index] = Intrinsics.PackHalf2Saturated(value, -value);
    }

    [Theory, EveryAccelerator]
    public void Floats_narrow_to_the_nearest_half_with_ties_to_even(string device)
    {
        // Random bits reach every exponent; halves plus half a unit are the ties.
        var random = new Random(6);
        float[] values =
        [
            .. Enumerable.Range(0, 4000).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))
                .Where(float.IsFinite),
            .. Enumerable.Range(0, 500).Select(i => BitConverter.Int32BitsToSingle((0x38801000 + (i << 16)) | ((i & 1) << 13))),
            0f, -0f, 65504f, 65519.996f, 65520f, float.MaxValue, float.PositiveInfinity, float.NegativeInfinity, 5.9604645e-8f,
            2.9802322e-8f, 2.9802326e-8f,
        ];
        int n = values.Length;
        uint[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(values);
            using var halves = loader.Allocate1D<Half>(n);
            using var brains = loader.Allocate1D<BFloat16>(n);
            using var pairs = loader.Allocate1D<uint>(n);
            using var saturated = loader.Allocate1D<uint>(n);
            loader.Load<Action<Index1D, ArrayView<float>, ArrayView<Half>, ArrayView<BFloat16>, ArrayView<uint>, ArrayView<uint>>>(Narrow)(
                n, input.View, halves.View, brains.View, pairs.View, saturated.View);
            return (uint[])[.. halves.GetAsArray1D().Select(h => (uint)Interop.FloatAsInt(h)), .. brains.GetAsArray1D()
                .Select(b => (uint)b.RawValue), .. pairs.GetAsArray1D(), .. saturated.GetAsArray1D()];
        });
        for (int i = 0; i < n; i++)
        {
            ushort half = BitConverter.HalfToUInt16Bits((System.Half)values[i]);
            Assert.Equal(half, result[i]);
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            Assert.Equal((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, result[n + i]);
            Assert.Equal(half | (uint)(half ^ 0x8000) << 16, result[2 * n + i]);
            ushort finite = BitConverter.HalfToUInt16Bits(System.Half.Clamp((System.Half)values[i], System.Half.MinValue,
                System.Half.MaxValue));
            Assert.Equal(finite | (uint)(finite ^ 0x8000) << 16, result[3 * n + i]);
            Assert.Equal(result[3 * n + i], Intrinsics.PackHalf2Saturated(values[i], -values[i]));
        }
    }

    [TestKernel(80)]
    internal static void NarrowOne(Index1D index, ArrayView<float> source, ArrayView<uint> saturated) =>
        saturated[index] = Intrinsics.PackHalf2Saturated(source[index], 1e9f);

    [Theory, EveryAccelerator]
    public void What_is_no_number_does_not_saturate(string device)
    {
        uint[] result = RunExact(device, loader =>
        {
            using var input = loader.Allocate1D(new[] { float.NaN });
            using var output = loader.Allocate1D<uint>(1);
            loader.Load<Action<Index1D, ArrayView<float>, ArrayView<uint>>>(NarrowOne)(1, input.View, output.View);
            return output.GetAsArray1D();
        });
        Assert.True(System.Half.IsNaN(BitConverter.UInt16BitsToHalf((ushort)result[0])));
        Assert.Equal(0x7bffu, result[0] >> 16);
    }

    [TestKernel]
    internal static void Arithmetic(Index1D index, ArrayView<Half> a, ArrayView<Half> b, ArrayView<Half> result, int n)
    {
        Half x = a[index], y = b[index];
        result[index] = x + y;
        result[n + index] = x - y;
        result[2 * n + index] = x * y;
        result[3 * n + index] = x / y;
        Half2 pair = new Half2(x, y) * new Half2(y, y) + new Half2(x, x);
        result[4 * n + index] = pair.X;
        result[5 * n + index] = pair.Y;
    }

    [Theory, EveryAccelerator]
    public void Half_arithmetic_rounds_once(string device)
    {
        const int Count = 700;
        Half[] a = [.. RandomFloats(Count).Select(x => Intrinsics.ToHalf(x * 8f))],
            b = [.. RandomFloats(Count, 2).Select(x => Intrinsics.ToHalf(x * 300f + 1f))];
        Half[] result = RunExact(device, loader =>
        {
            using var ba = loader.Allocate1D(a);
            using var bb = loader.Allocate1D(b);
            using var br = loader.Allocate1D<Half>(6 * Count);
            loader.Load<Action<Index1D, ArrayView<Half>, ArrayView<Half>, ArrayView<Half>, int>>(Arithmetic)(Count, ba.View, bb.View,
                br.View, Count);
            return br.GetAsArray1D();
        });
        for (int i = 0; i < Count; i++)
        {
            float x = a[i], y = b[i];
            Assert.Equal(Intrinsics.ToHalf(x + y), result[i]);
            Assert.Equal(Intrinsics.ToHalf(x - y), result[Count + i]);
            Assert.Equal(Intrinsics.ToHalf(x * y), result[2 * Count + i]);
            Assert.Equal(Intrinsics.ToHalf(x / y), result[3 * Count + i]);
            Assert.Equal(Intrinsics.ToHalf((float)Intrinsics.ToHalf(x * y) + x), result[4 * Count + i]);
            Assert.Equal(Intrinsics.ToHalf((float)Intrinsics.ToHalf(y * y) + x), result[5 * Count + i]);
        }
    }
}
