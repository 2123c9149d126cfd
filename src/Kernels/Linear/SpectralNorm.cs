using Lia.Gpu.Runtime;

namespace Lia.Kernels.Linear;

/// <summary>Where a weight lies that is divided by its largest singular value.</summary>
internal struct SpectralRow
{
    /// <summary>Where [output, input] begins in the flat arrays; of a convolution, inputs are its channels times its taps.</summary>
    public int Weight;

    public int Outputs, Inputs;

    /// <summary>Where the left vector u [output] and the right one v [input] begin.</summary>
    public int Left, Right;
}

/// <summary>What the normalization is passed. Flat arrays are of equal length.</summary>
internal struct SpectralNormArguments
{
    /// <summary>The weights as they are learned, flat.</summary>
    public ArrayView<float> Values;

    /// <summary>Receives the divided weights, where they lie in <see cref="Values"/>; nothing between them is written.</summary>
    public ArrayView<float> Normalized;

    /// <summary>On the way back: the gradient by the divided weights, which becomes the one by the weights.</summary>
    public ArrayView<float> Gradients;

    /// <summary>u of all rows, which the next step goes on from.</summary>
    public ArrayView<float> Lefts;

    /// <summary>v of all rows, made from u; kept for the way back.</summary>
    public ArrayView<float> Rights;

    /// <summary>The singular values [row].</summary>
    public ArrayView<float> Norms;

    /// <summary>[row].</summary>
    public ArrayView<SpectralRow> Rows;
}

/// <summary>
/// Weights divided by their largest singular value, by one step of the power iteration, with the gradient through it:
/// <code>
///     v = W'u / |W'u|,   sigma = |W v|,   u = W v / sigma,   Wn = c W,   c = sqrt(inputs) / sigma
///     dW = c (dWn - (dWn . W) / sigma u v')              u and v count as constants, as in spectral normalization everywhere
/// </code>
/// The root of the inputs is what an equalised layer divides by. A block takes a weight, all of them in one launch, and reads it three
/// times, twice on the way back; what bounds it is the largest weight, which lies in the second cache meanwhile.
/// </summary>
internal static class SpectralNorm
{
    private const int Warps = 16, Threads = 32 * Warps;

    // Keeps a weight of zeros from being divided by its length.
    private const float Least = 1e-12f;

    public static KernelLaunch Prepare(KernelLoader loader, SpectralNormArguments arguments) =>
        KernelLaunch.Create(loader, Run, Config(arguments), arguments, bytes: 4.0 * arguments.Values.LengthInBytes);

    /// <summary>The way back, after <see cref="Prepare"/> of the same step.</summary>
    public static KernelLaunch PrepareGradient(KernelLoader loader, SpectralNormArguments arguments) =>
        KernelLaunch.Create(loader, Back, Config(arguments), arguments, bytes: 4.0 * arguments.Values.LengthInBytes);

    private static KernelConfig Config(SpectralNormArguments arguments) =>
        new(new Index1D(arguments.Rows.IntLength), new Index1D(Threads));

    public static void Run(SpectralNormArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        SpectralRow row = a.Rows[Grid.IdxX];
        double square = 0.0;
        for (int input = Group.IdxX; input < row.Inputs; input += Threads)
        {
            float sum = 0f;
            for (int output = 0; output < row.Outputs; output++)
                sum = Intrinsics.Fma(a.Values[row.Weight + output * row.Inputs + input], a.Lefts[row.Left + output], sum);
            a.Rights[row.Right + input] = sum;
            square += (double)sum * sum;
        }
        float length = XMath.Sqrt((float)BlockSum.Of(square, shared, Warps));
        float factor = 1f / (length > Least ? length : Least);
        for (int input = Group.IdxX; input < row.Inputs; input += Threads) a.Rights[row.Right + input] *= factor;
        Group.Barrier();

        int lane = Group.IdxX & 31;
        square = 0.0;
        for (int output = Group.IdxX >> 5; output < row.Outputs; output += Warps)
        {
            double sum = 0.0;
            for (int input = lane; input < row.Inputs; input += 32)
                sum += (double)a.Values[row.Weight + output * row.Inputs + input] * a.Rights[row.Right + input];
            sum = WarpSum.Of(sum);
            if (lane == 0)
            {
                a.Lefts[row.Left + output] = (float)sum;
                square += sum * sum;
            }
        }
        float sigma = XMath.Sqrt((float)BlockSum.Of(square, shared, Warps));
        sigma = sigma > Least ? sigma : Least;
        for (int output = Group.IdxX; output < row.Outputs; output += Threads) a.Lefts[row.Left + output] /= sigma;
        if (Group.IdxX == 0) a.Norms[Grid.IdxX] = sigma;
        float scale = XMath.Sqrt((float)row.Inputs) / sigma;
        for (int i = Group.IdxX; i < row.Outputs * row.Inputs; i += Threads)
            a.Normalized[row.Weight + i] = a.Values[row.Weight + i] * scale;
    }

    public static void Back(SpectralNormArguments a)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(Warps);
        SpectralRow row = a.Rows[Grid.IdxX];
        int count = row.Outputs * row.Inputs;
        double product = 0.0;
        for (int i = Group.IdxX; i < count; i += Threads)
            product += (double)a.Gradients[row.Weight + i] * a.Values[row.Weight + i];
        product = BlockSum.Of(product, shared, Warps);
        float sigma = a.Norms[Grid.IdxX], scale = XMath.Sqrt((float)row.Inputs) / sigma, share = (float)(product / sigma);
        for (int i = Group.IdxX; i < count; i += Threads)
        {
            int output = i / row.Inputs;
            float outer = a.Lefts[row.Left + output] * a.Rights[row.Right + (i - output * row.Inputs)];
            a.Gradients[row.Weight + i] = scale * Intrinsics.Fma(-share, outer, a.Gradients[row.Weight + i]);
        }
    }
}
