namespace Lia.Weights;

public sealed partial record ModelArchitecture
{
    /// <summary>Problems named in one message; the rest is counted.</summary>
    private const int MostNamed = 5;

    /// <summary>
    /// Checks that a checkpoint has exactly this architecture's tensors, as floats, and that its FIR kernels are the ones computed with.
    /// </summary>
    /// <remarks>Values of weights are checked when they are read, by <see cref="TensorSourceExtensions.Read"/>.</remarks>
    /// <param name="source">The checkpoint.</param>
    /// <exception cref="WeightsException">A tensor is missing, surplus, misshapen or no float, or a kernel differs: the message names the
    /// tensors and what was expected.</exception>
    public void Validate(ITensorSource source) => Validate(source, Layout(), $"a LIA generator for size {Size}");

    /// <param name="source">The checkpoint.</param>
    /// <param name="layout">What it must hold.</param>
    /// <param name="what">What that is called.</param>
    internal static void Validate(ITensorSource source, IReadOnlyList<TensorInfo> layout, string what)
    {
        HashSet<string> names = [.. layout.Select(tensor => tensor.Name)];
        List<string> problems = [];
        foreach (TensorInfo want in layout)
        {
            if (!source.Tensors.TryGetValue(want.Name, out TensorInfo? have))
                problems.Add($"{want.Name} {Text.Shape(want.Shape)} is missing");
            else if (!have.Shape.SequenceEqual(want.Shape))
                problems.Add($"{want.Name} has the shape {Text.Shape(have.Shape)}, {Text.Shape(want.Shape)} was expected");
            else if (!have.DType.IsFloat()) problems.Add($"{want.Name} is of type {have.DType.SafetensorsName()}, a float was expected");
        }
        foreach (TensorInfo have in source.Tensors.Values)
        {
            if (!names.Contains(have.Name))
                problems.Add($"{Text.Quote(have.Name, quotes: false)} {Text.Shape(have.Shape)} is not part of the model");
        }
        if (problems.Count > 0)
        {
            string more = problems.Count > MostNamed ? $"; and {problems.Count - MostNamed} more" : "";
            throw new WeightsException($"{source.Name}: not {what}: {string.Join("; ", problems.Take(MostNamed))}{more}");
        }
        foreach (string name in names.Where(IsFirKernel))
        {
            if (!source.Read(name).AsSpan().SequenceEqual(FirKernel(name)))
                throw new WeightsException(
                    $"{source.Name}: {name} is not the FIR kernel [1, 3, 3, 1] x [1, 3, 3, 1] the network computes with");
        }
    }
}
