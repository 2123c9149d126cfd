using Lia.Gpu.Runtime;
using static Lia.Gpu.Tests.TestAccelerators;

namespace Lia.Gpu.Tests.Kernels;

/// <summary>Approximate functions against float64, each within the error its documentation states.</summary>
public class FloatFunctionTests
{
    private const int Functions = 13;

    [TestKernel]
    internal static void All(Index1D index, ArrayView<float> x, ArrayView<float> y, int n)
    {
        float v = x[index], positive = XMath.Abs(v) + 0.01f;
        y[index] = XMath.Exp(v);
        y[n + index] = XMath.Exp2(v);
        y[2 * n + index] = XMath.Log(positive);
        y[3 * n + index] = XMath.Log2(positive);
        y[4 * n + index] = XMath.Rsqrt(positive);
        y[5 * n + index] = XMath.Tanh(v);
        y[6 * n + index] = 1f / (1f + XMath.Exp(-v));
        y[7 * n + index] = XMath.Sin(v * 0.1f);
        y[8 * n + index] = XMath.Cos(v * 0.1f);
        y[9 * n + index] = Intrinsics.TanhApprox(v);
        y[10 * n + index] = Intrinsics.RcpApprox(positive);
        y[11 * n + index] = Intrinsics.DivApprox(v, positive);
        y[12 * n + index] = Intrinsics.SqrtApprox(positive);
    }

    [Theory, EveryAccelerator]
    public void Approximations_keep_to_their_stated_errors(string device)
    {
        float[] x = [.. RandomFloats(997).Select(v => v * 30f), 0f, 1f, -1f];
        int n = x.Length;
        float[] y = Run(device, loader =>
        {
            using var input = loader.Allocate1D(x);
            using var output = loader.Allocate1D<float>(Functions * n);
            loader.Load<Action<Index1D, ArrayView<float>, ArrayView<float>, int>>(All)(n, input.View, output.View, n);
            return output.GetAsArray1D();
        });
        for (int i = 0; i < n; i++)
        {
            double v = x[i], positive = Math.Abs(x[i]) + 0.01f;
            double tenth = x[i] * 0.1f;
            Within("exp", 0, Math.Exp(v), relative: 3 * Ulp);
            Within("exp2", 1, Math.Pow(2, v), relative: Power(-22));
            Within("log", 2, Math.Log(positive), relative: Power(-22) + Ulp, absolute: Power(-22));
            Within("log2", 3, Math.Log2(positive), relative: Power(-22), absolute: Power(-22));
            Within("rsqrt", 4, 1 / Math.Sqrt(positive), relative: Math.Pow(2, -22.4));
            Within("tanh", 5, Math.Tanh(v), absolute: Power(-22));
            Within("sigmoid", 6, 1 / (1 + Math.Exp(-v)), relative: Power(-20));
            Within("sin", 7, Math.Sin(tenth), absolute: Power(-20));
            Within("cos", 8, Math.Cos(tenth), absolute: Power(-20));
            Within("tanh.approx", 9, Math.Tanh(v), relative: Power(-10.987));
            Within("rcp.approx", 10, 1 / positive, relative: 2 * Ulp);
            Within("div.approx", 11, v / positive, relative: 4 * Ulp);
            Within("sqrt.approx", 12, Math.Sqrt(positive), relative: Power(-22));

            void Within(string name, int function, double truth, double relative = 0, double absolute = 0)
            {
                double error = Math.Abs(y[function * n + i] - truth);
                Assert.True(error <= relative * Math.Abs(truth) + absolute,
                    $"{name}({x[i]:R}): {y[function * n + i]:R} is {error:g3} from {truth:R}");
            }
        }
    }

    private static readonly double Ulp = Power(-23);

    private static double Power(double exponent) => Math.Pow(2, exponent);
}
