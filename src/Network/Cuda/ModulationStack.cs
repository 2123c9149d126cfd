using Lia.Kernels.Convolution;
using Lia.Kernels.Modulation;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>Stacks the modulations of all layers into one matrix, and their demodulations into one table.</summary>
/// <param name="weights">The checkpoint.</param>
/// <param name="granule">What the rows of a layer are padded to: padded styles are zero, padded demodulations finite.</param>
internal sealed class ModulationStack(ITensorSource weights, int granule)
{
    /// <summary>Styles and demodulations of a layer start at a multiple of 16 bytes.</summary>
    public const int LeastGranule = 4;

    public List<float> Matrix { get; } = [];

    public List<float> Bias { get; } = [];

    public List<float> Squared { get; } = [];

    public List<DemodulationRow> Rows { get; } = [];

    /// <summary>The demodulated layers.</summary>
    public List<StyleLayer> Layers { get; } = [];

    public int DemodulationLength { get; private set; }

    /// <summary>Appends a modulation, padded with zero rows; returns where its outputs start.</summary>
    public int AddModulation(LinearLayer layer)
    {
        int offset = Bias.Count, padding = (granule - layer.Outputs % granule) % granule;
        double scale = layer.LrMul / Math.Sqrt(layer.Inputs);
        float[] matrix = weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs);
        for (int i = 0; i < matrix.Length; i++) matrix[i] = (float)(matrix[i] * scale);
        Matrix.AddRange(matrix.AsSpan());
        Matrix.AddRange(new float[padding * layer.Inputs]);
        Bias.AddRange(weights.ReadParameter(layer.Bias, layer.Outputs).Select(value => value * layer.LrMul));
        Bias.AddRange(new float[padding]);
        return offset;
    }

    /// <summary>Appends a demodulation; returns where its factors start.</summary>
    public int AddDemodulation(ModulatedConvolutionLayer layer, int style, float[] weight)
    {
        int offset = DemodulationLength, padded = (layer.Outputs + granule - 1) / granule * granule;
        for (int output = 0; output < padded; output++)
        {
            int inputs = output < layer.Outputs ? layer.Inputs : 0;
            Rows.Add(new() { Style = style, Inputs = inputs, Weights = Squared.Count + output * inputs, Output = offset + output, Layer = Layers.Count });
        }
        Layers.Add(new() { Offset = style, Length = layer.Inputs });
        Squared.AddRange(ConvolutionWeights.SquaredSums(weight, layer.Outputs, layer.Inputs, layer.Kernel));
        DemodulationLength += padded;
        return offset;
    }
}
