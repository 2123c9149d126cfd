using Lia.Kernels.Modulation;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>Says where the modulations of all layers lie in one matrix, and their demodulations in one table.</summary>
/// <param name="granule">What the rows of a layer are padded to: padded styles are zero, padded demodulations finite.</param>
internal sealed class ModulationStack(int granule)
{
    /// <summary>Styles and demodulations of a layer start at a multiple of 16 bytes.</summary>
    public const int LeastGranule = 4;

    public List<DemodulationRow> Rows { get; } = [];

    /// <summary>The demodulated layers, padding included.</summary>
    public List<StyleLayer> Layers { get; } = [];

    /// <summary>Rows of the matrix.</summary>
    public int StyleLength { get; private set; }

    public int DemodulationLength { get; private set; }

    /// <summary>Sums of squared weights of all demodulated layers.</summary>
    public int SquaresLength { get; private set; }

    /// <summary>Appends a modulation, padded with zero rows; returns where its outputs start.</summary>
    public int AddModulation(LinearLayer layer)
    {
        int offset = StyleLength;
        StyleLength += Padded(layer.Outputs);
        return offset;
    }

    /// <summary>
    /// Appends a demodulation, whose squares lie at <see cref="SquaresLength"/> as it was before; returns where its factors start.
    /// </summary>
    public int AddDemodulation(ModulatedConvolutionLayer layer, int style)
    {
        int offset = DemodulationLength, padded = Padded(layer.Outputs);
        for (int output = 0; output < padded; output++)
        {
            int inputs = output < layer.Outputs ? layer.Inputs : 0;
            Rows.Add(new() { Style = style, Inputs = inputs, Weights = SquaresLength + output * inputs, Output = offset + output });
        }
        Layers.Add(new() { Offset = style, Length = Padded(layer.Inputs) });
        SquaresLength += layer.Outputs * layer.Inputs;
        DemodulationLength += padded;
        return offset;
    }

    /// <summary>Reads a modulation into its share of the matrix and of the biases.</summary>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="layer">The modulation.</param>
    /// <param name="matrix">From the layer's first row on, [outputs, inputs].</param>
    /// <param name="bias">From the layer's first output on.</param>
    public static void Fill(ITensorSource weights, LinearLayer layer, Span<float> matrix, Span<float> bias)
    {
        double scale = layer.LrMul / Math.Sqrt(layer.Inputs);
        ReadOnlySpan<float> values = weights.ViewParameter(layer.Weight, layer.Outputs, layer.Inputs).Span;
        for (int i = 0; i < values.Length; i++) matrix[i] = (float)(values[i] * scale);
        values = weights.ViewParameter(layer.Bias, layer.Outputs).Span;
        for (int i = 0; i < values.Length; i++) bias[i] = values[i] * layer.LrMul;
    }

    private int Padded(int rows) => (rows + granule - 1) / granule * granule;
}
