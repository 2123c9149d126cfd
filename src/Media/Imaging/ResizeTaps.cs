namespace Lia.Media.Imaging;

/// <summary>
/// The weights of Pillow's default resize (bicubic, antialiased) along one axis, in fixed point. With n inputs and m outputs: scale = n/m,
/// f = max(1, scale), support 2f. Output x has its centre at c = (x + 0.5) scale and takes taps [int(c - 2f + 0.5), int(c + 2f + 0.5))
/// clipped to the picture,
/// weighted by Keys' cubic (a = -0.5) of (tap - c + 0.5)/f, normalised in double and rounded, half away from zero, to 22 bits.
/// </summary>
internal sealed class ResizeTaps
{
    /// <summary>Bits of the fixed point.</summary>
    public const int Bits = 22;

    private readonly int[] _first, _count, _weights;

    /// <param name="inputs">Samples before.</param>
    /// <param name="outputs">Samples after.</param>
    public ResizeTaps(int inputs, int outputs)
    {
        double scale = (double)inputs / outputs, filterScale = Math.Max(1, scale), support = 2 * filterScale;
        Most = Math.Min(inputs, 2 * (int)Math.Ceiling(support) + 1);
        (_first, _count, _weights) = (new int[outputs], new int[outputs], new int[outputs * Most]);
        double[] weights = new double[Most];
        for (int x = 0; x < outputs; x++)
        {
            double center = (x + 0.5) * scale, sum = 0;
            int first = Math.Max((int)(center - support + 0.5), 0), end = Math.Min((int)(center + support + 0.5), inputs);
            for (int i = 0; i < end - first; i++)
            {
                weights[i] = Cubic((first + i - center + 0.5) * (1 / filterScale));
                sum += weights[i];
            }
            for (int i = 0; i < end - first; i++)
            {
                double weight = weights[i] / sum * (1 << Bits);
                _weights[x * Most + i] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }
            (_first[x], _count[x]) = (first, end - first);
        }
    }

    /// <summary>Room for the taps of one output.</summary>
    public int Most { get; }

    /// <summary>The first tap of each output.</summary>
    public ReadOnlySpan<int> First => _first;

    /// <summary>Taps of each output.</summary>
    public ReadOnlySpan<int> Count => _count;

    /// <summary>[output, <see cref="Most"/>].</summary>
    public ReadOnlySpan<int> AllWeights => _weights;

    /// <summary>The taps of one output.</summary>
    public ReadOnlySpan<int> Weights(int output, out int first)
    {
        first = _first[output];
        return _weights.AsSpan(output * Most, _count[output]);
    }

    /// <summary>Keys' cubic with a = -0.5.</summary>
    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
            : x < 2 ? (((x - 5) * x + 8) * x - 4) * a
            : 0;
    }
}
