using Lia.Weights;

namespace Lia.Network.Graph;

/// <summary>Reads the parameters a graph names.</summary>
internal static class ParameterReader
{
    /// <summary>Reads a parameter, checked to have a shape (axes of extent 1 may be missing or added) and finite values.</summary>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="name">The parameter.</param>
    /// <param name="shape">The extents expected.</param>
    /// <exception cref="WeightsException">It is missing, has another shape, or holds a NaN or an infinity.</exception>
    public static float[] ReadParameter(this ITensorSource weights, string name, params ReadOnlySpan<int> shape)
    {
        DemandShape(weights, name, shape);
        return weights.Read(name);
    }

    /// <summary>
    /// What <see cref="ReadParameter"/> gives, without a copy where the file holds it so; not to be used after the checkpoint is closed.
    /// </summary>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="name">The parameter.</param>
    /// <param name="shape">The extents expected.</param>
    /// <exception cref="WeightsException">It is missing, has another shape, or holds a NaN or an infinity.</exception>
    public static ReadOnlyMemory<float> ViewParameter(this ITensorSource weights, string name, params ReadOnlySpan<int> shape)
    {
        DemandShape(weights, name, shape);
        return weights.View(name);
    }

    private static void DemandShape(ITensorSource weights, string name, ReadOnlySpan<int> shape)
    {
        if (weights.Tensors.TryGetValue(name, out TensorInfo? info) && !Squeeze(info.Shape.ToArray()).SequenceEqual(Squeeze(shape)))
            throw new WeightsException(
                $"{weights.Name}: tensor '{name}' has shape [{string.Join(", ", info.Shape)}], expected " +
                $"[{string.Join(", ", shape.ToArray())}]");
    }

    private static int[] Squeeze(ReadOnlySpan<int> shape) => [.. shape.ToArray().Where(extent => extent != 1)];
}
