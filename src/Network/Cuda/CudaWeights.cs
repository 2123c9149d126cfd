using Lia.Gpu;
using Lia.Gpu.Runtime;
using Lia.Kernels.Convolution;
using Lia.Kernels.Modulation;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>Every parameter of the network on the device, laid out as the kernels read them. The checkpoint is read once, here.</summary>
internal sealed class CudaWeights : IDisposable
{
    private const int Granule = 4; // Styles and demodulations of a layer start at a multiple of 16 bytes.

    private readonly Accelerator _accelerator;
    private readonly Dictionary<string, ConvolutionWeights> _convolutions = [];
    private readonly Dictionary<string, MemoryBuffer1D<float>> _vectors = [];
    private readonly Dictionary<string, int> _styleOffsets = [], _demodulationOffsets = [];
    private readonly List<IDisposable> _owned = [];

    public CudaWeights(Accelerator accelerator, ITensorSource weights, LiaGraph graph)
    {
        _accelerator = accelerator;
        try
        {
            AddEncoder(weights, graph);
            AddSynthesis(weights, graph.Synthesis);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Values of all modulations of one frame.</summary>
    public int StyleLength { get; private set; }

    /// <summary>Values of all demodulations of one frame.</summary>
    public int DemodulationLength { get; private set; }

    /// <summary>The stacked modulation matrices [<see cref="StyleLength"/>, style].</summary>
    public ArrayView<float> Modulation { get; private set; }

    /// <summary>Their biases.</summary>
    public ArrayView<float> ModulationBias { get; private set; }

    /// <summary>Squared weights of all demodulated layers.</summary>
    public ArrayView<float> SquaredWeights { get; private set; }

    /// <summary>The rows of all demodulations.</summary>
    public ArrayView<DemodulationRow> DemodulationRows { get; private set; }

    /// <summary>The folded motion head [motion, style].</summary>
    public ArrayView<float> Head { get; private set; }

    /// <summary>Its offset [motion].</summary>
    public ArrayView<float> HeadOffset { get; private set; }

    /// <summary>The constant the decoder starts from [4, 4, channel].</summary>
    public ArrayView<float> Constant { get; private set; }

    /// <summary>A convolution by the name of its weight.</summary>
    public ConvolutionWeights Convolution(string weight) => _convolutions[weight];

    /// <summary>A vector by the name of its parameter.</summary>
    public ArrayView<float> Vector(string parameter) => _vectors[parameter].View;

    /// <summary>Where a layer's modulation starts among all modulations.</summary>
    public int StyleOffset(ModulatedConvolutionLayer layer) => _styleOffsets[layer.Name];

    /// <summary>Where a layer's demodulation starts among all demodulations.</summary>
    public int DemodulationOffset(ModulatedConvolutionLayer layer) => _demodulationOffsets[layer.Name];

    public void Dispose()
    {
        foreach (ConvolutionWeights convolution in _convolutions.Values) convolution.Dispose();
        foreach (MemoryBuffer1D<float> vector in _vectors.Values) vector.Dispose();
        foreach (IDisposable owned in _owned) owned.Dispose();
    }

    private void AddEncoder(ITensorSource weights, LiaGraph graph)
    {
        ConvolutionLayer first = graph.Encoder.First;
        AddRows(weights, first.Weight, first.Outputs, first.Inputs, transpose: true);
        AddVector(weights, first.Bias!, first.Outputs);
        foreach (ResBlock block in graph.Encoder.Blocks)
        {
            foreach (ConvolutionLayer layer in new[] { block.Conv1, block.Conv2, block.Skip })
            {
                AddConvolution(weights, layer.Weight, layer.Outputs, layer.Inputs, layer.Kernel, transposed: false);
                if (layer.Bias is { } bias) AddVector(weights, bias, layer.Outputs);
            }
        }
        ConvolutionLayer last = graph.Encoder.Last;
        AddConvolution(weights, last.Weight, last.Outputs, last.Inputs, last.Kernel, transposed: false);
        (double[] head, double[] offset) = graph.MotionHead.Fold(weights);
        Head = Own<float>([.. head.Select(value => (float)value)]);
        HeadOffset = Own<float>([.. offset.Select(value => (float)value)]);
    }

    private void AddSynthesis(ITensorSource weights, Synthesis synthesis)
    {
        int channels = synthesis.Conv1.Convolution.Inputs;
        float[] planar = weights.ReadParameter(synthesis.Constant, channels, 4, 4), constant = new float[planar.Length];
        for (int i = 0; i < planar.Length; i++) constant[i % 16 * channels + i / 16] = planar[i];
        Constant = Own(constant);

        ModulationStack stack = new(weights);
        AddStyled(weights, synthesis.Conv1, stack);
        foreach (SynthesisLevel level in synthesis.Levels)
        {
            AddStyled(weights, level.Up, stack);
            AddStyled(weights, level.Conv, stack);
            _styleOffsets[level.ToFlow.Convolution.Name] = stack.AddModulation(level.ToFlow.Convolution.Modulation);
            AddRows(weights, level.ToFlow.Convolution.Weight, 3, level.ToFlow.Convolution.Inputs, transpose: false);
            AddVector(weights, level.ToFlow.Bias, 3);
            AddRows(weights, level.ToRgb.Convolution.Weight, 3, level.ToRgb.Convolution.Inputs, transpose: false);
            AddVector(weights, level.ToRgb.Convolution.Bias!, 3);
            AddVector(weights, level.ToRgb.Bias, 3);
        }
        (StyleLength, DemodulationLength) = (stack.Bias.Count, stack.DemodulationLength);
        Modulation = Own<float>([.. stack.Matrix]);
        ModulationBias = Own<float>([.. stack.Bias]);
        SquaredWeights = Own<float>([.. stack.Squared]);
        DemodulationRows = Own<DemodulationRow>([.. stack.Rows]);
    }

    private void AddStyled(ITensorSource weights, StyledConvolutionLayer layer, ModulationStack stack)
    {
        ModulatedConvolutionLayer convolution = layer.Convolution;
        float[] weight = AddConvolution(
            weights, convolution.Weight, convolution.Outputs, convolution.Inputs, convolution.Kernel, convolution.Resampling == Resampling.Up);
        AddVector(weights, layer.Bias, convolution.Outputs);
        int style = stack.AddModulation(convolution.Modulation);
        _styleOffsets[convolution.Name] = style;
        _demodulationOffsets[convolution.Name] = stack.AddDemodulation(convolution, style, weight);
    }

    private float[] AddConvolution(ITensorSource weights, string name, int outputs, int inputs, int kernel, bool transposed)
    {
        float[] weight = weights.ReadParameter(name, outputs, inputs, kernel, kernel);
        _convolutions.Add(name, new(_accelerator, weight, outputs, inputs, kernel, transposed));
        return weight;
    }

    /// <summary>A 1x1 convolution as a scaled matrix [outputs, inputs], or transposed.</summary>
    private void AddRows(ITensorSource weights, string name, int outputs, int inputs, bool transpose)
    {
        float[] weight = weights.ReadParameter(name, outputs, inputs, 1, 1), rows = new float[weight.Length];
        double scale = 1 / Math.Sqrt(inputs);
        for (int i = 0; i < weight.Length; i++) rows[transpose ? i % inputs * outputs + i / inputs : i] = (float)(weight[i] * scale);
        _vectors.Add(name, _accelerator.Allocate1D(rows));
    }

    private void AddVector(ITensorSource weights, string name, int length) => _vectors.Add(name, _accelerator.Allocate1D(weights.ReadParameter(name, length)));

    private ArrayView<T> Own<T>(T[] values) where T : unmanaged
    {
        MemoryBuffer1D<T> buffer = _accelerator.Allocate1D(values);
        _owned.Add(buffer);
        return buffer.View;
    }

    /// <summary>Stacks the modulations of all layers, and the demodulations.</summary>
    private sealed class ModulationStack(ITensorSource weights)
    {
        public List<float> Matrix { get; } = [];

        public List<float> Bias { get; } = [];

        public List<float> Squared { get; } = [];

        public List<DemodulationRow> Rows { get; } = [];

        public int DemodulationLength { get; private set; }

        /// <summary>Appends a modulation, padded with zero rows; returns where its outputs start.</summary>
        public int AddModulation(LinearLayer layer)
        {
            int offset = Bias.Count, padding = (Granule - layer.Outputs % Granule) % Granule;
            double scale = layer.LrMul / Math.Sqrt(layer.Inputs);
            Matrix.AddRange(weights.ReadParameter(layer.Weight, layer.Outputs, layer.Inputs).Select(value => (float)(value * scale)));
            Matrix.AddRange(new float[padding * layer.Inputs]);
            Bias.AddRange(weights.ReadParameter(layer.Bias, layer.Outputs).Select(value => value * layer.LrMul));
            Bias.AddRange(new float[padding]);
            return offset;
        }

        /// <summary>Appends a demodulation; returns where its factors start.</summary>
        public int AddDemodulation(ModulatedConvolutionLayer layer, int style, float[] weight)
        {
            int offset = DemodulationLength;
            for (int output = 0; output < layer.Outputs; output++)
            {
                Rows.Add(new() { Style = style, Inputs = layer.Inputs, Weights = Squared.Count + output * layer.Inputs, Output = offset + output });
            }
            Squared.AddRange(ConvolutionWeights.SquaredSums(weight, layer.Outputs, layer.Inputs, layer.Kernel));
            DemodulationLength += (layer.Outputs + Granule - 1) / Granule * Granule;
            return offset;
        }
    }
}
