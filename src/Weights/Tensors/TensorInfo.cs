namespace Lia.Weights;

/// <summary>Name, element type and shape of a tensor.</summary>
/// <param name="Name">The tensor's name in its checkpoint, for example <c>dec.conv1.conv.weight</c>.</param>
/// <param name="DType">Element type as stored.</param>
/// <param name="Shape">Extent of each axis, outermost first; empty for a scalar.</param>
public sealed record TensorInfo(string Name, DType DType, IReadOnlyList<int> Shape)
{
    /// <summary>
    /// Number of elements: the product of <see cref="Shape"/> (1 for a scalar). It fits for every tensor of a file; those whose product
    /// overflows are refused.
    /// </summary>
    /// <exception cref="OverflowException">The product overflows.</exception>
    public long ElementCount => Shape.Aggregate(1L, (product, extent) => checked(product * extent));
}
