using System.Text;
using Lia.Weights;

namespace Lia.Training.Parameters;

/// <summary>
/// Where parameters start: at a checkpoint's, and those that it has not as the recipe has it: weights normally distributed with variance 1
/// (the layers divide by the root of their inputs), biases 0, biases of modulations 1; the
/// probe of labels 0.
/// </summary>
/// <param name="seed">Another seed gives other values.</param>
/// <param name="generator">A generator's tensors, or null.</param>
/// <param name="discriminator">A discriminator's tensors, or null.</param>
/// <param name="critic">A patch critic's tensors, or null.</param>
/// <param name="flowStart">Factor of the random weights that flows are made by: below 1, warps begin near the identity.</param>
internal sealed class InitialParameters(
    ulong seed, ITensorSource? generator = null, ITensorSource? discriminator = null, ITensorSource? critic = null,
    double flowStart = 1)
{
    /// <summary>A tensor of the generator.</summary>
    public void FillGenerator(TensorInfo tensor, Span<float> values) => Fill(generator, "generator", tensor, values);

    /// <summary>A tensor of the discriminator.</summary>
    public void FillDiscriminator(TensorInfo tensor, Span<float> values) => Fill(discriminator, "discriminator", tensor, values);

    /// <summary>A tensor of the patch critic.</summary>
    public void FillCritic(TensorInfo tensor, Span<float> values) => Fill(critic, "critic", tensor, values);

    private void Fill(ITensorSource? source, string network, TensorInfo tensor, Span<float> values)
    {
        string name = tensor.Name;
        if (source?.Tensors.ContainsKey(name) == true) source.CopyTo(name, values);
        else if (name.EndsWith(".modulation.bias", StringComparison.Ordinal)) values.Fill(1);
        else if (name.EndsWith(".bias", StringComparison.Ordinal) || name == ParameterLayout.Probe) values.Clear();
        else
        {
            Normal($"{network}.{name}", values);
            if (IsFlow(name))
                foreach (ref float value in values) value *= (float)flowStart;
        }
    }

    private static bool IsFlow(string name) =>
        name.StartsWith("dec.to_flows.", StringComparison.Ordinal) && name.EndsWith(".conv.weight", StringComparison.Ordinal);

    private const double Unit = 1.0 / (1UL << 53);

    // Box and Muller's transform of SplitMix64, begun at the name's hash: the same whatever else there is.
    private void Normal(string name, Span<float> values)
    {
        ulong state = seed;
        foreach (byte letter in Encoding.UTF8.GetBytes(name)) state = Next(ref state) ^ letter;
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = Math.Sqrt(-2 * Math.Log((Next(ref state) >> 11) * Unit + Unit / 2));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * ((Next(ref state) >> 11) * Unit));
            values[i] = (float)(radius * cosine);
            if (i + 1 < values.Length) values[i + 1] = (float)(radius * sine);
        }
    }

    private static ulong Next(ref ulong state)
    {
        unchecked
        {
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
