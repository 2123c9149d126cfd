using Lia.Gpu;
using Lia.Gpu.Tests;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Kernels.Tests;

/// <summary>
/// The intrinsics that <see cref="Gpu.Stock.StockIntrinsics"/> makes known to ILGPU's own compiler, each against double, by every engine.
/// </summary>
public class StockIntrinsicTests
{
    private const int Floats = 11;

    internal struct IntrinsicArguments
    {
        public ArrayView<float> X, Y, Z, Single;
        public ArrayView<double> Double;
        public ArrayView<uint> Bits;
        public ArrayView<byte> Bytes;
        public int Count;
    }

    internal static void Apply(IntrinsicArguments a)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i < a.Count)
        {
            float x = a.X[i], y = a.Y[i], z = a.Z[i];
            a.Single[i] = Intrinsics.Fma(x, y, z);
            a.Single[i + a.Count] = Intrinsics.Ex2Approx(x);
            a.Single[i + 2 * a.Count] = Intrinsics.Lg2Approx(y);
            a.Single[i + 3 * a.Count] = Intrinsics.RsqrtApprox(y);
            a.Single[i + 4 * a.Count] = Intrinsics.RcpApprox(y);
            a.Single[i + 5 * a.Count] = Intrinsics.DivApprox(x, y);
            a.Single[i + 6 * a.Count] = Intrinsics.SqrtApprox(y);
            a.Single[i + 7 * a.Count] = Intrinsics.TanhApprox(x);
            a.Single[i + 8 * a.Count] = Intrinsics.SinApprox(x);
            a.Single[i + 9 * a.Count] = Intrinsics.CosApprox(x);
            a.Single[i + 10 * a.Count] = Intrinsics.Saturate(x);
            a.Double[i] = Intrinsics.Fma((double)x, (double)y, (double)z);
            a.Bits[i] = Intrinsics.MulHigh((uint)i * 2654435761u, 0x9e3779b9u);
            a.Bytes[i] = Intrinsics.RoundToByte(x * 100f);
        }
    }

    [Theory, EveryEngine]
    public void Each_computes_what_it_says_within_the_error_it_states(string device)
    {
        const int Count = 300;
        float[] x = [.. RandomFloats(Count, 1).Select(value => 3 * value)],
            y = [.. RandomFloats(Count, 2).Select(value => MathF.Abs(value) + 0.01f)], z = RandomFloats(Count, 3);
        (float[] single, double[] fused, uint[] bits, byte[] bytes) = Run(device, loader =>
        {
            using DeviceScope scope = new(loader);
            IntrinsicArguments arguments = new()
            {
                X = scope.Upload(x),
                Y = scope.Upload(y),
                Z = scope.Upload(z),
                Single = scope.Allocate<float>(Floats * Count),
                Double = scope.Allocate<double>(Count),
                Bits = scope.Allocate<uint>(Count),
                Bytes = scope.Allocate<byte>(Count),
                Count = Count,
            };
            scope.Run(KernelLaunch.Create(loader, Apply, KernelLaunch.Linear(Count, 64), arguments));
            return (scope.Download(arguments.Single), scope.Download(arguments.Double), scope.Download(arguments.Bits),
                scope.Download(arguments.Bytes));
        });
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(MathF.FusedMultiplyAdd(x[i], y[i], z[i]), single[i]);
            Relative(Math.Pow(2, x[i]), single[i + Count], -22);
            Assert.True(Math.Abs(Math.Log2(y[i]) - single[i + 2 * Count]) <= Math.Max(1, Math.Abs(Math.Log2(y[i]))) * Math.Pow(2, -21.9));
            Relative(1 / Math.Sqrt(y[i]), single[i + 3 * Count], -22);
            Relative(1.0 / y[i], single[i + 4 * Count], -22.9);
            Relative((double)x[i] / y[i], single[i + 5 * Count], -21.9);
            Relative(Math.Sqrt(y[i]), single[i + 6 * Count], -22.9);
            Relative(Math.Tanh(x[i]), single[i + 7 * Count], -10.9);
            Assert.Equal(Math.Sin(x[i]), single[i + 8 * Count], Math.Pow(2, -20));
            Assert.Equal(Math.Cos(x[i]), single[i + 9 * Count], Math.Pow(2, -20));
            Assert.Equal(Math.Clamp(x[i], 0f, 1f), single[i + 10 * Count]);
            Assert.Equal(Math.FusedMultiplyAdd(x[i], y[i], (double)z[i]), fused[i]);
            Assert.Equal((uint)(((ulong)((uint)i * 2654435761u) * 0x9e3779b9u) >> 32), bits[i]);
            Assert.Equal((byte)Math.Clamp(MathF.Round(x[i] * 100f), 0, 255), bytes[i]);
        }

        static void Relative(double expected, float actual, double exponent) =>
            Assert.True(Math.Abs(expected - actual) <= Math.Abs(expected) * Math.Pow(2, exponent),
                $"{actual} is not {expected} within 2^{exponent}");
    }
}
