using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Training.Parameters;

/// <summary>
/// Where a network's parameters lie in one flat array: the same for values, gradients and the optimiser's moments, so that an update is one
/// launch. Each starts at a multiple of 16 bytes.
/// </summary>
internal sealed class ParameterLayout
{
    /// <summary>The matrix [label, direction] that tells labels from motion codes. It is learned with the generator, and no part of the
    /// model.</summary>
    public const string Probe = "probe.weight";

    private const int Granule = 4;
    private readonly Dictionary<string, (int Offset, int Length)> _places = [];

    /// <param name="tensors">Names and shapes, in the order they are laid out in.</param>
    public ParameterLayout(IEnumerable<TensorInfo> tensors)
    {
        Tensors = [.. tensors];
        foreach (TensorInfo tensor in Tensors)
        {
            int length = checked((int)tensor.ElementCount);
            _places.Add(tensor.Name, (Length, length));
            Length = checked(Length + (length + Granule - 1) / Granule * Granule);
        }
    }

    public IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Floats of all parameters.</summary>
    public int Length { get; }

    /// <summary>Where a parameter starts, and its values.</summary>
    public (int Offset, int Length) this[string name] => _places[name];

    /// <summary>
    /// The generator's: the modulations of all layers come first, their matrices and then their biases, each in the order of
    /// <see cref="Modulated"/>, so that they are one matrix and one vector.
    /// </summary>
    /// <param name="graph">The network.</param>
    /// <param name="labels">Labels that <see cref="Probe"/> tells; without any there is none.</param>
    public static ParameterLayout OfGenerator(LiaGraph graph, int labels = 0)
    {
        Dictionary<string, TensorInfo> tensors = graph.Architecture.Layout().ToDictionary(tensor => tensor.Name);
        ModulatedConvolutionLayer[] modulated = [.. Modulated(graph.Synthesis)];
        string[] first = [.. modulated.Select(layer => layer.Modulation.Weight), .. modulated.Select(layer => layer.Modulation.Bias)];
        return new([.. first.Select(name => tensors[name]), .. tensors.Values.Where(tensor => IsTrained(tensor.Name)
            && !first.Contains(tensor.Name)), .. labels > 0
                ? (TensorInfo[])[new(Probe, DType.Float32, [labels, graph.Architecture.Motion])] : []]);
    }

    /// <summary>The modulated layers in the order in which their styles lie.</summary>
    public static IEnumerable<ModulatedConvolutionLayer> Modulated(Synthesis synthesis) =>
        [synthesis.Conv1.Convolution, .. synthesis.Levels.SelectMany(level =>
            (ModulatedConvolutionLayer[])[level.Up.Convolution, level.Conv.Convolution, level.ToFlow.Convolution])];

    /// <summary>Whether a tensor of the generator learns: FIR kernels are fixed, and noise and to_rgb1 take no part.</summary>
    public static bool IsTrained(string name) => !ModelArchitecture.IsFirKernel(name)
        && !name.EndsWith("noise.weight", StringComparison.Ordinal) && !name.StartsWith("dec.to_rgb1.", StringComparison.Ordinal);
}
