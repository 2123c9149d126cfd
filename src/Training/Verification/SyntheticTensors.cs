using System.Runtime.InteropServices;
using Lia.Weights;

namespace Lia.Training.Verification;

/// <summary>Made-up weights for any names and shapes, by the recipe of <see cref="SyntheticCheckpoint"/>.</summary>
/// <param name="name">What messages call them.</param>
/// <param name="tensors">Names and shapes.</param>
/// <param name="seed">Another seed gives other values.</param>
/// <param name="gain">What a tensor's values are multiplied by.</param>
internal sealed class SyntheticTensors(string name, IEnumerable<TensorInfo> tensors, ulong seed, Func<TensorInfo, double>? gain = null)
    : ITensorSource
{
    public string Name => name;

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; } = tensors.ToDictionary(tensor => tensor.Name);

    /// <summary>Names under which the recipe knows tensors that have another here.</summary>
    public Func<string, string> RecipeName { get; init; } = name => name;

    public void CopyTo(string name, Span<float> destination)
    {
        TensorInfo tensor = Tensors[name];
        SyntheticCheckpoint.Fill(RecipeName(name), seed, destination);
        if (gain?.Invoke(tensor) is not ({ } factor and not 1)) return;
        foreach (ref float value in destination) value = (float)(value * factor);
    }

    public void CopyBytesTo(string name, Span<byte> destination) => CopyTo(name, MemoryMarshal.Cast<byte, float>(destination));

    public void Dispose()
    {
    }
}
