using Lia.Gpu.Runtime;

namespace Lia.Kernels.Optimizers;

/// <summary>
/// What Adam's update depends on besides the buffers, in one element of device memory, so that a captured graph is replayed with other
/// rates. All that depends on the step's number is worked out here, in double.
/// </summary>
internal struct AdamRates
{
    /// <summary>learning rate / (1 - beta1^t).</summary>
    public float StepSize;

    /// <summary>beta1 and 1 - beta1.</summary>
    public float Beta1, Rest1;

    /// <summary>beta2 and 1 - beta2.</summary>
    public float Beta2, Rest2;

    /// <summary>1 / sqrt(1 - beta2^t).</summary>
    public float RootFactor;

    public float Epsilon;

    /// <summary>Of a step.</summary>
    /// <param name="learningRate">At this step.</param>
    /// <param name="beta1">Of the first moment, below 1; 0 in the official recipe.</param>
    /// <param name="beta2">Of the second, below 1.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="step">t, 1 for the first.</param>
    /// <exception cref="ArgumentOutOfRangeException">The step is below 1.</exception>
    public static AdamRates Of(double learningRate, double beta1, double beta2, double epsilon, long step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        return new()
        {
            StepSize = (float)(learningRate / (1 - Math.Pow(beta1, step))),
            Beta1 = (float)beta1,
            Rest1 = (float)(1 - beta1),
            Beta2 = (float)beta2,
            Rest2 = (float)(1 - beta2),
            RootFactor = (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step))),
            Epsilon = (float)epsilon,
        };
    }
}

/// <summary>What Adam is passed: flat buffers of equal length that start at multiples of 16 bytes.</summary>
internal struct AdamArguments
{
    /// <summary>w.</summary>
    public ArrayView<float> Parameters;

    /// <summary>g.</summary>
    public ArrayView<float> Gradients;

    /// <summary>m; empty where beta1 is 0 and it is g: then neither read nor kept.</summary>
    public ArrayView<float> First;

    /// <summary>v.</summary>
    public ArrayView<float> Second;

    /// <summary>[1].</summary>
    public ArrayView<AdamRates> Rates;
}

/// <summary>
/// Adam without weight decay, as torch.optim.Adam:
/// <code>
///     m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2,   w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// </code>
/// All tensors of a network in one launch; padding between them stays zero where its gradient is zero. A thread takes four neighbors.
/// Bound by bytes: 28 a parameter, 20 without m (1.7 GB for 60 million).
/// </summary>
internal static class Adam
{
    /// <exception cref="ArgumentException">The buffers are of different lengths.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, AdamArguments arguments)
    {
        long length = arguments.Parameters.Length;
        if (arguments.Gradients.Length != length || arguments.Second.Length != length
            || (arguments.First.Length != 0 && arguments.First.Length != length))
        {
            throw new ArgumentException(
                $"Parameters ({length}), gradients ({arguments.Gradients.Length}) and moments ({arguments.First.Length}, "
                + $"{arguments.Second.Length}) are of different lengths.");
        }
        return KernelLaunch.Create(loader, Run, KernelLaunch.Linear((length + 3) / 4), arguments,
            bytes: sizeof(float) * (arguments.First.Length != 0 ? 7.0 : 5.0) * length);
    }

    public static void Run(AdamArguments a)
    {
        int index = Grid.IdxX * Group.DimX + Group.IdxX, length = a.Parameters.IntLength;
        AdamRates rates = a.Rates[0];
        if (4 * index + 3 < length)
        {
            Float4 w = a.Parameters.Cast<Float4>()[index], g = a.Gradients.Cast<Float4>()[index], v = a.Second.Cast<Float4>()[index], m = g;
            if (a.First.Length != 0)
            {
                m = a.First.Cast<Float4>()[index];
                m = new(First(rates, m.X, g.X), First(rates, m.Y, g.Y), First(rates, m.Z, g.Z), First(rates, m.W, g.W));
                a.First.Cast<Float4>()[index] = m;
            }
            v = new(Second(rates, v.X, g.X), Second(rates, v.Y, g.Y), Second(rates, v.Z, g.Z), Second(rates, v.W, g.W));
            a.Second.Cast<Float4>()[index] = v;
            a.Parameters.Cast<Float4>()[index] = new(
                Moved(rates, w.X, m.X, v.X), Moved(rates, w.Y, m.Y, v.Y), Moved(rates, w.Z, m.Z, v.Z), Moved(rates, w.W, m.W, v.W));
        }
        else
        {
            for (int i = 4 * index; i < length; i++)
            {
                float g = a.Gradients[i], m = g;
                if (a.First.Length != 0)
                {
                    m = First(rates, a.First[i], g);
                    a.First[i] = m;
                }
                float v = Second(rates, a.Second[i], g);
                a.Second[i] = v;
                a.Parameters[i] = Moved(rates, a.Parameters[i], m, v);
            }
        }
    }

    private static float First(AdamRates rates, float m, float g) => Intrinsics.Fma(rates.Rest1, g, rates.Beta1 * m);

    private static float Second(AdamRates rates, float v, float g) => Intrinsics.Fma(rates.Rest2 * g, g, rates.Beta2 * v);

    private static float Moved(AdamRates rates, float w, float m, float v) =>
        Intrinsics.Fma(-rates.StepSize, m / Intrinsics.Fma(XMath.Sqrt(v), rates.RootFactor, rates.Epsilon), w);
}
