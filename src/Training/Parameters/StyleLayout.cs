using Lia.Kernels.Modulation;
using Lia.Network.Cuda;
using Lia.Network.Graph;

namespace Lia.Training.Parameters;

/// <summary>Where the styles, demodulations and squared weights of modulated layers lie among those of all.</summary>
internal sealed class StyleLayout
{
    private readonly ModulationStack _stack = new(ModulationStack.LeastGranule);
    private readonly Dictionary<string, (int Style, int Demodulation, int Squares)> _places = [];

    /// <param name="layers">
    /// In the order in which their modulations lie among the parameters, which is matrices first, then biases; their channels are multiples
    /// of four, so that nothing lies between.
    /// </param>
    public StyleLayout(IEnumerable<ModulatedConvolutionLayer> layers)
    {
        Layers = [.. layers];
        foreach (ModulatedConvolutionLayer layer in Layers)
        {
            int style = _stack.AddModulation(layer.Modulation), squares = _stack.SquaresLength;
            _places.Add(layer.Name, (style, layer.Demodulated ? _stack.AddDemodulation(layer, style) : 0, squares));
        }
        Rows = [.. _stack.Rows];
    }

    public IReadOnlyList<ModulatedConvolutionLayer> Layers { get; }

    /// <summary>The table that demodulation reads.</summary>
    public DemodulationRow[] Rows { get; }

    /// <summary>Styles of a pair.</summary>
    public int StyleLength => _stack.StyleLength;

    /// <summary>Demodulations of a pair.</summary>
    public int DemodulationLength => _stack.DemodulationLength;

    /// <summary>Sums of squared weights.</summary>
    public int SquaresLength => _stack.SquaresLength;

    public (int Style, int Demodulation, int Squares) this[ModulatedConvolutionLayer layer] => _places[layer.Name];
}
