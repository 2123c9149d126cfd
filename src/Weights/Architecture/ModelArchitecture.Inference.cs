using System.Collections.Immutable;

namespace Lia.Weights;

public sealed partial record ModelArchitecture
{
    private const int SmallestSize = 64, LargestSize = 1024;

    /// <summary>Reads the architecture off the shapes of a checkpoint's tensors; nothing else is needed, whatever the widths.</summary>
    /// <remarks>Every extent is read from several tensors and the majority counts, so that one damaged tensor is what
    /// <see cref="Validate(ITensorSource)"/> then complains of, and not all the others.</remarks>
    /// <param name="source">The checkpoint; only names and shapes are looked at.</param>
    /// <exception cref="WeightsException">The tensors an extent is read from are missing, or the size is not a power of two from 64 to
    /// 1024: this is not a LIA generator.</exception>
    public static ModelArchitecture Infer(ITensorSource source)
    {
        const string Flow = "dec.to_flows.";
        int levels = 0;
        foreach (string name in source.Tensors.Keys)
        {
            if (name.StartsWith(Flow, StringComparison.Ordinal) && int.TryParse(name[Flow.Length..].Split('.', 2)[0], out int level))
                levels = Math.Max(levels, level is >= 0 and < 16 ? level + 1 : 0);
        }
        if (levels == 0) throw new WeightsException($"{source.Name}: not a LIA generator: there are no flow layers (dec.to_flows.*)");
        int size = 4 << levels;
        if (size is < SmallestSize or > LargestSize)
            throw new WeightsException(
                $"{source.Name}: its {levels} flow layers make a picture size of {size}; sizes from {SmallestSize} to {LargestSize} are " +
                "supported");

        int style = Extent("the style length", ("dec.direction.weight", 2, 0), ("enc.fc.0.weight", 2, 0), ("enc.fc.1.bias", 1, 0));
        int motion =
            Extent("the number of motion directions", ("dec.direction.weight", 2, 1), ("enc.fc.4.weight", 2, 0), ("enc.fc.4.bias", 1, 0));
        ImmutableArray<int>.Builder channels = ImmutableArray.CreateBuilder<int>(levels + 1);
        channels.Add(Extent("the channels at 4x4", ("dec.input.input", 4, 1), ("dec.conv1.activate.bias", 4, 1),
            ("dec.to_rgb1.conv.0.weight", 4, 1)));
        for (int level = 0; level < levels; level++)
        {
            channels.Add(Extent($"the channels at {8 << level}x{8 << level}",
                ($"dec.to_flows.{level}.conv.weight", 5, 2), ($"dec.to_rgbs.{level}.conv.0.weight", 4, 1),
                ($"dec.convs.{2 * level}.activate.bias", 4, 1)));
        }
        if (motion > style)
            throw new WeightsException($"{source.Name}: {motion} motion directions are more than the code's {style} entries");
        return new(size, style, motion, channels.ToImmutable());

        int Extent(string what, params ReadOnlySpan<(string Name, int Rank, int Axis)> witnesses)
        {
            List<int> found = [];
            foreach ((string name, int rank, int axis) in witnesses)
            {
                if (source.Tensors.TryGetValue(name, out TensorInfo? tensor) && tensor.Shape.Count == rank && tensor.Shape[axis] > 0)
                    found.Add(tensor.Shape[axis]);
            }
            if (found.Count == 0)
                throw new WeightsException(
                    $"{source.Name}: not a LIA generator: {witnesses[0].Name}, which tells {what}, is missing or misshapen");
            return found.GroupBy(extent => extent).MaxBy(group => group.Count())!.Key;
        }
    }
}
