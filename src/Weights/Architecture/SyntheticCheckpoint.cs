using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Lia.Weights;

/// <summary>
/// Made-up weights for tests and measurements, the same bits wherever they are made. They animate nothing sensible.
/// </summary>
/// <remarks>
/// A tensor's values are a SplitMix64 stream seeded by the FNV-1a hash of its name xor the checkpoint's seed. One draw gives one value
/// of variance 1: the centered sum of its four 16-bit fields (Irwin-Hall, n = 4) times the double 1.0/37837.22, then
/// times 0.1 for biases and noise gains, plus 1 for modulation biases, rounded to float32. <c>.kernel</c> tensors hold the FIR kernel.
/// Values are made when they are read; nothing is kept.
/// </remarks>
public sealed class SyntheticCheckpoint : ITensorSource
{
    /// <summary>The metadata entry that files of synthetic weights carry.</summary>
    internal const string MetadataKey = "synthetic";

    private readonly ulong _seed;

    /// <summary>Describes synthetic weights.</summary>
    /// <param name="architecture">The extents.</param>
    /// <param name="seed">Another seed gives other values.</param>
    public SyntheticCheckpoint(ModelArchitecture architecture, ulong seed)
    {
        Architecture = architecture;
        _seed = seed;
        Name = $"synthetic weights (size {architecture.Size}, seed {seed})";
        Tensors = architecture.Layout().ToDictionary(tensor => tensor.Name);
        Metadata = new Dictionary<string, string>
        {
            [MetadataKey] = "true",
            ["size"] = architecture.Size.ToString(CultureInfo.InvariantCulture),
            ["seed"] = seed.ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>The extents the weights were made for.</summary>
    public ModelArchitecture Architecture { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <inheritdoc/>
    public void CopyTo(string name, Span<float> destination)
    {
        this.Find(name, destination.Length);
        if (ModelArchitecture.IsFirKernel(name)) ModelArchitecture.FirKernel(name).CopyTo(destination);
        else Fill(name, _seed, destination);
    }

    /// <inheritdoc/>
    public void CopyBytesTo(string name, Span<byte> destination)
    {
        if (destination.Length % sizeof(float) != 0)
            throw new ArgumentException($"Tensor {name} takes a multiple of 4 bytes, the destination {destination.Length}.");
        CopyTo(name, MemoryMarshal.Cast<byte, float>(destination));
    }

    /// <inheritdoc/>
    public void Dispose() { }

    /// <summary>The recipe for one tensor.</summary>
    internal static void Fill(string name, ulong seed, Span<float> destination)
    {
        bool isBias = name.EndsWith(".bias", StringComparison.Ordinal) || name == "bias";
        bool isSmall = isBias || name.EndsWith("noise.weight", StringComparison.Ordinal);
        bool isModulationBias = isBias && name.Contains(".modulation.", StringComparison.Ordinal);
        int i = 0;
        foreach (double drawn in Draws(name, seed, destination.Length))
        {
            double value = drawn;
            if (isSmall) value = 0.1 * value;
            if (isModulationBias) value = 1.0 + value;
            destination[i++] = (float)value;
        }
    }

    /// <summary>The stream of a name: values of variance 1.</summary>
    internal static IEnumerable<double> Draws(string name, ulong seed, int count)
    {
        ulong state = Fnv1A64(name) ^ seed;
        for (int i = 0; i < count; i++)
        {
            state = unchecked(state + 0x9E3779B97F4A7C15);
            yield return Normal(state);
        }
    }

    private static double Normal(ulong state)
    {
        unchecked
        {
            ulong z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            z ^= z >> 31;
            int total = (int)(z & 0xffff) + (int)((z >> 16) & 0xffff) + (int)((z >> 32) & 0xffff) + (int)(z >> 48);
            return (total - 131070) * (1.0 / 37837.22); // The mean of the sum is 2 * 65535.
        }
    }

    private static ulong Fnv1A64(string text)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(text)) hash = unchecked((hash ^ b) * 0x100000001B3);
        return hash;
    }
}
