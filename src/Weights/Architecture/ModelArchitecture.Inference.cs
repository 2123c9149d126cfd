using System.Collections.Immutable;

namespace Lia.Weights;

public sealed partial record ModelArchitecture
{
    private const int SmallestSize = 64, LargestSize = 1024;

    /// <summary>Reads the architecture off the shapes of a checkpoint's tensors; nothing else is needed, whatever the widths.</summary>
    /// <param name="source">The checkpoint; only names and shapes are looked at.</param>
    /// <exception cref="WeightsException">A tensor the architecture is read from is missing or has an unexpected rank, or the size is
    /// not a power of two from 64 to 1024: this is not a LIA generator.</exception>
    public static ModelArchitecture Infer(ITensorSource source)
    {
        IReadOnlyList<int> direction = Shape("dec.direction.weight", "[style, motion]", 2);
        int levels = 0;
        while (source.Tensors.ContainsKey($"dec.to_flows.{levels}.conv.weight")) levels++;
        int size = 4 << Math.Min(levels, 20);
        if (size is < SmallestSize or > LargestSize)
            throw new WeightsException($"{source.Name}: {levels} flow layers (dec.to_flows.*) make a picture size of {size}, sizes from {SmallestSize} to {LargestSize} are supported");

        ImmutableArray<int>.Builder channels = ImmutableArray.CreateBuilder<int>(levels + 1);
        channels.Add(Shape("dec.input.input", "[1, channels, 4, 4]", 4)[1]);
        for (int level = 0; level < levels; level++) channels.Add(Shape($"dec.to_flows.{level}.conv.weight", "[1, 3, channels, 1, 1]", 5)[2]);
        if (direction[1] > direction[0])
            throw new WeightsException($"{source.Name}: dec.direction.weight has the shape {Text.Shape(direction)}, more directions than the code has entries");
        return new(size, direction[0], direction[1], channels.ToImmutable());

        IReadOnlyList<int> Shape(string name, string expected, int rank)
        {
            if (!source.Tensors.TryGetValue(name, out TensorInfo? tensor))
                throw new WeightsException($"{source.Name}: not a LIA generator: tensor {name} {expected} is missing");
            if (tensor.Shape.Count != rank || tensor.Shape.Contains(0))
                throw new WeightsException($"{source.Name}: tensor {name} has the shape {Text.Shape(tensor.Shape)}, {expected} was expected");
            return tensor.Shape;
        }
    }
}
