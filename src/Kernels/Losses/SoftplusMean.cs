using Lia.Gpu.Runtime;

namespace Lia.Kernels.Losses;

/// <summary>What the adversarial loss is passed.</summary>
internal struct SoftplusMeanArguments
{
    /// <summary>x, D's answers [pass, image]; of a critic that answers for patches, each is an image here.</summary>
    public ArrayView<float> Input;

    /// <summary>w [image], how much an answer counts, the same in every pass; empty: 1.</summary>
    public ArrayView<float> Weights;

    /// <summary>Receives their gradient, the same shape; empty: not wanted.</summary>
    public ArrayView<float> Gradient;

    /// <summary>Receives the loss [1]; empty: not wanted.</summary>
    public ArrayView<float> Value;

    public int Passes, Images;

    /// <summary>Bit k: pass k goes in with sign -1, as what shall be taken for real does; else with sign +1.</summary>
    public int Negated;

    /// <summary>Factor of the loss, and so of its gradient.</summary>
    public float Scale;

    /// <summary>1: the loss is added to what is there.</summary>
    public int AccumulatesValue;
}

/// <summary>
/// Scale * sum over passes of mean(w softplus(s x)), s = +1 or -1: dx = Scale / images * w s sigmoid(s x).
/// softplus(x) = max(x, 0) + log1p(e^-|x|), which neither overflows nor loses what is small: its relative error is that of the exponential,
/// below 2^-20 for every x. One block, doubles, always the same order; nothing bounds it but the launch.
/// </summary>
internal static class SoftplusMean
{
    private const int Warps = 8;

    /// <exception cref="ArgumentOutOfRangeException">There are more passes than bits for their signs.</exception>
    public static KernelLaunch Prepare(KernelLoader loader, SoftplusMeanArguments arguments)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(arguments.Passes, 32);
        return KernelLaunch.Create(loader, Run, new KernelConfig(new Index1D(1), new Index1D(32 * Warps)), arguments,
            bytes: 2.0 * sizeof(float) * arguments.Passes * arguments.Images);
    }

    public static void Run(SoftplusMeanArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        double sum = 0.0;
        for (int i = Group.IdxX; i < a.Passes * a.Images; i += 32 * Warps)
        {
            int pass = i / a.Images;
            float sign = ((a.Negated >> pass) & 1) != 0 ? -1f : 1f, weight = 1f;
            if (a.Weights.Length != 0) weight = a.Weights[i - pass * a.Images];
            float x = sign * a.Input[i];
            float tail = XMath.Exp(-XMath.Abs(x));
            sum += weight * ((x > 0f ? x : 0f) + (double)Log1p(tail));
            // e^x / (1 + e^x) below zero, where 1 + e^-x would lose or overflow.
            if (a.Gradient.Length != 0) a.Gradient[i] = sign * weight * a.Scale / a.Images * ((x < 0f ? tail : 1f) / (1f + tail));
        }
        sum = BlockSum.Of(sum, shared, Warps);
        float value = (float)(sum * a.Scale / a.Images);
        if (Group.IdxX == 0 && a.Value.Length != 0) a.Value[0] = a.AccumulatesValue != 0 ? a.Value[0] + value : value;
    }

    // ln(1 + x) for x in [0, 1]: 2 artanh(z) with z = x / (2 + x), at most a third; the series leaves out less than 2^-29 of the sum.
    private static float Log1p(float x)
    {
        float z = x / (2f + x), square = z * z;
        float p = Intrinsics.Fma(square, 1f / 15f, 1f / 13f);
        p = Intrinsics.Fma(p, square, 1f / 11f);
        p = Intrinsics.Fma(p, square, 1f / 9f);
        p = Intrinsics.Fma(p, square, 1f / 7f);
        p = Intrinsics.Fma(p, square, 1f / 5f);
        p = Intrinsics.Fma(p, square, 1f / 3f);
        return 2f * Intrinsics.Fma(z * square, p, z);
    }
}
